"""A web server's question is answered before Django is asked: the same answer
(docs/decisions/0009-short-ways.md).
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.db import transaction
from django.test import Client
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from accounts import ended
from accounts.keyring import digest
from accounts.models import EndedEntry, StoredSession, User
from accounts.provider import Visit
from accounts.session import people
from accounts.session.ending import end
from accounts.session.store import SEEN_EVERY
from portal.authorization_server import client_rows
from portal.authorization_server.models import AccessToken, RefreshToken
from portal.authorization_server.models import Client as Registered
from portal.gateway import known
from portal.gateway.held import HostSession
from portal.gateway.hosts import HELD
from portal.gateway.models import AccessRule
from portal.gateway.short_way import at_hand
from portal.server.kept import KEEP
from portal.server.short_ways import Answer, Environ
from portal.tokens import minting
from tests.http.at_front import by_django, shortly, told
from tests.http.conftest import at_most, sign_in, stored
from tests.http.gateway.asking import HOST, PAGE, claim, rule
from tests.http.oauth.application import Application, register

pytestmark = pytest.mark.django_db(transaction=True)
SHORT = {"HTTP_ACCEPT": PAGE}
# Each refusal of somebody known is an event of its own, with a support code of its own.
_CODE = re.compile(rb"[B-Z2-9]{4}-[B-Z2-9]{4}")


@pytest.fixture
def cookie(person: User) -> dict[str, str]:
    client = Client()
    sign_in(client)
    return {"HTTP_COOKIE": f"vestibule={client.cookies['vestibule'].value}; app=1"}


@pytest.fixture
def token(person: User) -> dict[str, str]:
    browser = Client()
    sign_in(browser)
    app = Application(register(allowed_scopes="openid gateway"), browser)
    app.sign_in(scope="openid gateway")
    return {"HTTP_AUTHORIZATION": f"Bearer {app.tokens['access_token']}"}


def asked(path: str = "/", method: str = "GET", **more: str) -> Environ:
    about = {
        "HTTP_X_FORWARDED_METHOD": method,
        "HTTP_X_FORWARDED_PROTO": "https",
        "HTTP_X_FORWARDED_HOST": HOST,
        "HTTP_X_FORWARDED_URI": path,
    }
    return told("GET", "/gateway/check", **{**about, **more})


def short(environ: Environ) -> Answer:
    answer = shortly(environ)
    assert answer is not None
    return answer


def same(environ: Environ) -> Answer:
    """Return what the short way says, which is what Django says, at first and once it is known."""
    again = {**environ, "wsgi.input": environ["wsgi.input"]}
    first, second, plain = short({**environ}), short({**environ}), by_django(again)
    for each in (first, second):
        found = (each.status, list(each.headers), _CODE.sub(b"", each.body))
        assert found == (plain.status, list(plain.headers), _CODE.sub(b"", plain.body))
    return plain


QUESTIONS: dict[str, dict[str, Any]] = {
    "a page": {"path": "/a?b=c", **SHORT},
    "a script": {"HTTP_X_REQUESTED_WITH": "XMLHttpRequest"},
    "DAV": {"method": "PROPFIND"},
    "another host": {"HTTP_X_FORWARDED_HOST": "other.example.org"},
    "escapes": {"path": "/a%2e%2e/%C3%A5", **SHORT},
    "closed": {"path": "/closed/x", **SHORT},
    "public": {"path": "/public/x"},
    "of caseworkers": {"path": "/cases/1", **SHORT},
    "freshly proved": {"path": "/proof", **SHORT},
    "freshly proved, too long ago": {"path": "/now", **SHORT},
    "signed in strongly": {"path": "/strong", **SHORT},
    "signed in at all": {"path": "/low", **SHORT},
    "signed in strongly, by a script": {"path": "/strong"},
    "nginx": {"HTTP_X_FORWARDED_URI": "", "HTTP_X_FORWARDED_METHOD": "",
              "HTTP_X_ORIGINAL_URL": f"https://{HOST}/a", "HTTP_X_ORIGINAL_METHOD": "GET"},
    "nginx, which cannot redirect": {"QUERY_STRING": "redirect=401", **SHORT},
    "a preflight": {"method": "OPTIONS", "HTTP_ORIGIN": "https://x.example",
                    "HTTP_ACCESS_CONTROL_REQUEST_METHOD": "PUT"},
    "a WebSocket": {"HTTP_UPGRADE": "websocket"},
    "a contradiction": {"HTTP_X_ORIGINAL_URL": f"https://{HOST}/b",
                        "HTTP_X_ORIGINAL_METHOD": "GET"},
    "nothing": {"HTTP_X_FORWARDED_URI": ""},
    "by POST": {"REQUEST_METHOD": "POST"},
    "a method in small letters": {"REQUEST_METHOD": "get"},
    "Basic": {"HTTP_AUTHORIZATION": "Basic eDp5"},
    "a token of nobody": {"HTTP_AUTHORIZATION": "Bearer vst_x"},
}  # fmt: skip


@pytest.fixture
def rules(house: None) -> None:
    rule("closed", path="/closed", access="nobody", order=1)
    rule("public", path="/public", access="public", order=2)
    rule("cases", path="/cases", groups=["Caseworkers"], order=3)
    rule("proof", path="/proof", proof_seconds=600, order=4)
    rule("now", path="/now", proof_seconds=1, order=5)
    rule("strong", path="/strong", strength="substantial", order=6)
    rule("low", path="/low", strength="low", order=7)
    rule("files", cookies=[{"name": "app"}])


@pytest.mark.parametrize("question", QUESTIONS)
def test_the_answer_is_djangos(
    rules: None, cookie: dict[str, str], token: dict[str, str], question: str
) -> None:
    later = timezone.now() + timedelta(seconds=2)  # when the proof of a second is too old
    StoredSession.objects.update(last_seen_at=later)
    with time_machine.travel(later):
        for credentials in ({}, cookie, token, {**cookie, **token}, {"HTTP_COOKIE": "vestibule=x"}):
            same(asked(**{**credentials, **QUESTIONS[question]}))


def test_who_is_known_costs_no_query(
    rules: None, cookie: dict[str, str], token: dict[str, str]
) -> None:
    for credentials in (cookie, token):
        assert same(asked("/", **credentials)).status == 200
        with at_most(0):
            assert short(asked("/another", **credentials)).status == 200


def test_what_is_at_hand_is_the_same_and_costs_no_query(
    rules: None, cookie: dict[str, str], token: dict[str, str]
) -> None:
    told = 0
    time.sleep(1.0)  # the proof of a second is too old by now
    for credentials in ({}, cookie, token, {**cookie, **token}, {"HTTP_COOKIE": "vestibule=x"}):
        shortly(asked("/another", **credentials))
        for name, question in QUESTIONS.items():
            ended.refreshed()
            environ = asked(**{**credentials, **question})
            with at_most(0):
                answer = at_hand(environ)
            if answer is not None:
                plain = by_django(asked(**{**credentials, **question}))
                assert answer[:3] == (plain.status, tuple(plain.headers), plain.body), name
                assert answer.status != 403
                told += 1
    assert told > 30


def test_nothing_is_at_hand_of_an_old_feed_or_of_the_upstreams_token(
    rules: None, cookie: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ended, "FRESH_SECONDS", 60.0)  # half a one is soon over
    assert short(asked("/a", **cookie)).status == 200
    assert at_hand(asked("/b", **cookie)) is not None
    ended._feed.expire()
    assert at_hand(asked("/b", **cookie)) is None
    AccessRule.objects.filter(slug="files").update(pass_token=True)
    ended.announce(ended.RULE, ["files"])
    assert short(asked("/a", **cookie)).status == 200
    assert at_hand(asked("/b", **cookie)) is None


def test_who_is_known_at_one_host_is_nobody_elsewhere_and_without_their_cookie(
    rules: None, cookie: dict[str, str]
) -> None:
    rule("others", host="other.example.org")
    session = StoredSession.objects.get()
    HostSession.objects.create(digest=digest("x" * 43), session_id=session.uid, host=HOST)
    held = {"HTTP_COOKIE": f"{HELD}={'x' * 43}"}
    assert same(asked(**held, **SHORT)).status == 200
    elsewhere = {"HTTP_X_FORWARDED_HOST": "other.example.org"}
    assert same(asked(**held, **elsewhere, **SHORT)).status == 302
    assert same(asked(**SHORT)).status == 302
    assert same(asked(HTTP_COOKIE=f"{HELD}={'y' * 43}", **SHORT)).status == 302
    HostSession.objects.create(digest=digest("y" * 43), session_id=session.uid, host=HOST)
    assert same(asked(HTTP_COOKIE=f"{HELD}={'y' * 43}", **SHORT)).status == 200


@pytest.mark.parametrize("by", ["cookie", "token"])
@pytest.mark.parametrize("end_of", ["session", "person", "all"])
def test_an_end_is_seen(
    rules: None, cookie: dict[str, str], token: dict[str, str], by: str, end_of: str
) -> None:
    credentials = {"cookie": cookie, "token": token}[by]
    assert same(asked(**credentials)).status == 200
    if end_of == "person":
        people.disable(User.objects.get())
    elif end_of == "all":
        people.end_all(User.objects.get().pk, "a test")
    else:
        end(StoredSession.objects.all())
    assert same(asked(**credentials)).status == 401


def refresh(row: AccessToken) -> None:
    """Have the client of a token get another one in its place, as our own front ends do."""
    held = row.refresh_token
    with transaction.atomic():
        request = minting.request_for(row.application, row.session, row.scope.split())
        request.grant_type, request.refresh_token_instance = "refresh_token", held
        minting.mint(request, refresh=True)
        minting._forget_former(held.token_family, 0)


REVOKED: dict[str, Callable[[AccessToken], object]] = {
    "alone": AccessToken.expire,
    "with its client": lambda row: Registered.objects.get(pk=row.application_id).delete(),
    "with all of a client": lambda row: Registered.objects.all().delete(),
    "with all of its session": lambda row: AccessToken.objects.filter(session=row.session).delete(),
    "with its family": lambda row: RefreshToken.revoke_family(row.refresh_token.token_family),
    "by its client": lambda row: minting.revoke_own_family(row.refresh_token, Visit()),
    "by a refresh": refresh,
}


@pytest.mark.parametrize("way", REVOKED)
def test_a_token_that_is_revoked_counts_no_more(rules: None, person: User, way: str) -> None:
    browser = Client()
    sign_in(browser)
    app = Application(register(allowed_scopes="openid gateway offline_access"), browser)
    app.sign_in(scope="openid gateway offline_access")
    shown = {"HTTP_AUTHORIZATION": f"Bearer {app.tokens['access_token']}"}
    assert same(asked(**shown)).status == 200
    REVOKED[way](AccessToken.objects.get())
    assert same(asked(**shown)).status == 401


def test_a_client_that_may_not_any_more_comes_in_no_more(
    rules: None, token: dict[str, str], cookie: dict[str, str]
) -> None:
    """Nobody who is let in by something else is looked at again."""
    assert [same(asked(**each)).status for each in (token, cookie)] == [200, 200]
    told_before = EndedEntry.objects.count()
    row = Registered.objects.get()
    row.allowed_scopes = "openid"
    client_rows.save(row, ["scopes"])
    assert same(asked(**token)).status == 403
    assert same(asked(**cookie)).status == 200
    assert EndedEntry.objects.count() == told_before + 1
    row.name = "Another name"
    client_rows.save(row, ["name"])
    row.allowed_scopes = "profile"
    client_rows.save(row, ["scopes"])
    assert same(asked(**token)).status == 401, "no scope of the token is left"


def test_only_tokens_that_the_gateway_lets_in_are_told_of(rules: None, person: User) -> None:
    browser = Client()
    sign_in(browser)
    Application(register(allowed_scopes="openid"), browser).sign_in(scope="openid")
    told_before = EndedEntry.objects.count()
    AccessToken.objects.all().delete()
    assert EndedEntry.objects.count() == told_before


def test_a_token_is_kept_no_longer_than_it_lives(rules: None, token: dict[str, str]) -> None:
    with time_machine.travel(AccessToken.objects.get().expires - timedelta(seconds=20)):
        assert 0 < kept(asked(**token)) <= 20
    with time_machine.travel(AccessToken.objects.get().expires):
        assert same(asked(**token)).status == 401


def test_a_rule_that_changes_counts(rules: None, cookie: dict[str, str]) -> None:
    assert same(asked(**cookie)).status == 200
    AccessRule.objects.filter(slug="files").update(access="nobody")
    ended.announce(ended.RULE, ["files"])
    assert same(asked(**cookie)).status == 403


def test_whoever_joins_or_leaves_a_group_is_judged_by_it_at_once(
    rules: None, cookie: dict[str, str]
) -> None:
    person = User.objects.get()
    assert same(asked("/cases/1", **cookie)).status == 403
    claim(person, "cw")
    assert same(asked("/cases/1", **cookie)).status == 200
    claim(person)
    assert same(asked("/cases/1", **cookie)).status == 403


def test_a_minute_later_the_use_is_marked(rules: None, cookie: dict[str, str]) -> None:
    assert short(asked(**cookie)).status == 200
    seen = StoredSession.objects.get().last_seen_at
    with time_machine.travel(seen + SEEN_EVERY, tick=False):
        assert short(asked(**cookie)).status == 200
    assert StoredSession.objects.get().last_seen_at == seen + SEEN_EVERY


def kept(environ: Environ) -> float:
    """Return for how many seconds the front may keep the answer."""
    short(environ)
    found = environ.get(KEEP)
    return found.until - time.time() if found else 0.0


def test_what_the_front_may_keep(rules: None, cookie: dict[str, str], token: Any) -> None:
    assert 50 < kept(asked(**cookie)) <= 60
    assert 50 < kept(asked(**token)) <= 60
    assert 50 < kept(asked(**SHORT)) <= 60, "nobody's, by the rules"
    for other in (
        {**cookie, **token},
        {"HTTP_AUTHORIZATION": "Basic eDp5"},
        {"HTTP_COOKIE": "vestibule=x"},
    ):
        assert kept(asked(**other)) == 0
    AccessRule.objects.filter(slug="files").update(pass_token=True)
    ended.announce(ended.RULE, ["files"])
    assert kept(asked(**cookie)) == 0, "the upstream's token is another each time"


def test_an_answer_is_kept_no_longer_than_the_proof_counts(
    rules: None, cookie: dict[str, str]
) -> None:
    with time_machine.travel(timezone.now() + timedelta(seconds=570)):
        assert 0 < kept(asked("/proof", **cookie)) <= 31
    with time_machine.travel(timezone.now() + timedelta(seconds=601)):
        assert short(asked("/proof", **cookie)).status == 401


def test_what_is_remembered_is_bounded(
    rules: None, cookie: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(known, "_memory", known.Bounded(4000))
    for _ in range(20):
        client = Client()
        sign_in(client)
        held = {"HTTP_COOKIE": f"vestibule={client.cookies['vestibule'].value}"}
        assert short(asked(**held)).status == 200
        assert known._memory.size <= 4000
        assert stored(client)
    assert 1 <= len(known._memory) <= 2


@given(st.text(max_size=30), st.text(max_size=30))
def test_no_header_breaks_the_short_way(cookie: str, url: str) -> None:
    environ = asked(
        HTTP_COOKIE=f"vestibule={cookie}",
        HTTP_AUTHORIZATION=f"Bearer {cookie}",
        HTTP_X_FORWARDED_URI=url,
    )
    answer = short(environ)
    assert answer.status in {302, 400, 401, 403}
    near = at_hand(environ)
    assert near is None or near[:3] == (answer.status, tuple(answer.headers), answer.body)
    if answer.status == 400:
        assert json.loads(answer.body)["error"] == "invalid_request"
