"""Logout by the provider's server (OpenID Connect Back-Channel Logout 1.0), over the whole site.

Which tokens are believed is told once, in tests/rfc/oidc_back_channel_logout. Here the judge is
whether the session is still there, with what hangs on it.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlencode

import pytest
from django.core.management import call_command
from django.test import Client
from django.utils import timezone
from time_machine import travel

from accounts.models import Event, SpentLogoutToken, StoredSession, StoredTokens, User
from portal.authorization_server.models import AccessToken, RefreshToken
from tests.http.conftest import PASSWORD, sign_in
from tests.http.oauth.application import Application, register
from tests.http.oidc.browser import Browser
from tests.http.oidc.conftest import Make, parallel
from tests.peers import fresh
from tests.peers.tampering import (
    CLIENT_ID,
    CLIENT_SECRET,
    EVENT,
    REMOVED,
    SUBJECT,
    OpenIdProvider,
    jwk,
    page,
    tampering_provider,
)
from tests.rfc.oidc_back_channel_logout.test_logout_token import MODULE, REFUSED

pytestmark = pytest.mark.django_db(transaction=True)
HERE = "/auth/backchannel/town"
ANONYMOUS = {"isLoggedIn": False, "type": "anonymous"}
FORM = "application/x-www-form-urlencoded"


@pytest.fixture
def op() -> Iterator[OpenIdProvider]:
    with tampering_provider() as running:
        yield running
    assert running.complaints == []


class Town:
    """A source, its provider, and who signs in by it; each has a session there of their own."""

    def __init__(self, op: OpenIdProvider, make: Make) -> None:
        self.op, self._make = op, make
        self.change()

    def change(self, slug: str = "town", **settings: Any) -> None:
        registered = {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET, "userinfo": "off"}
        peer: Any = SimpleNamespace(issuer=self.op.issuer)
        self._make(peer, slug, **{**registered, "algorithms": ["RS256"], **settings})

    def enter(self, sid: str = "sid-1", subject: str = SUBJECT, slug: str = "town") -> Browser:
        self.op.claims |= {"sid": sid, "sub": subject}
        browser = Browser(Client())
        assert browser.sign_in(slug)["Location"] == "/account/"
        return browser

    def tell(self, slug: str = "town", **claims: Any) -> Any:
        """Post a logout token, as the provider does."""
        self.op.claims.clear()
        return post(self.op.logout_token(**claims), slug)


def post(token: str, slug: str = "town", caller: Client | None = None) -> Any:
    form = urlencode({"logout_token": token, "ignored_parameter": "x"}, errors="surrogatepass")
    return (caller or Client()).post(f"/auth/backchannel/{slug}", form, FORM)


@pytest.fixture
def town(op: OpenIdProvider, source: Make) -> Town:
    return Town(op, source)


def later(seconds: float = 2) -> Any:
    return travel(timezone.now() + timedelta(seconds=seconds), tick=True)


def said(response: Any) -> str:
    """Return the error of a refusal, which no cache keeps."""
    assert response["Cache-Control"] == "no-store"
    return str(response.json()["error"])


@pytest.mark.parametrize("module", [MODULE])
def test_a_good_token_ends_that_session(town: Town, module: str) -> None:
    browser, other = town.enter(), town.enter("sid-2")
    assert StoredTokens.objects.count() == 2
    answer = town.tell()
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer["Cache-Control"] == "no-store"
    fresh.feed()
    assert browser.session() == ANONYMOUS
    assert other.session()["isLoggedIn"] is True
    assert StoredTokens.objects.count() == 1
    (line,) = Event.objects.filter(name="session.ended")
    assert (line.detail, line.source) == ("by the source", "town")


@pytest.mark.parametrize("case", REFUSED)
def test_the_session_is_kept(town: Town, case: str) -> None:
    browser = town.enter()
    town.op.claims.clear()
    answer = post(REFUSED[case](town.op))
    assert (answer.status_code, said(answer)) == (400, "invalid_request")
    assert browser.session()["isLoggedIn"] is True
    assert not SpentLogoutToken.objects.exists()


@pytest.mark.parametrize(
    ("how", "status"),
    [
        ("GET", 405),
        ("JSON", 400),
        ("multipart", 400),
        ("two tokens", 400),
        ("in the query", 400),
        ("a megabyte", 400),
        ("no token", 400),
    ],
)
def test_b14_it_is_one_form_with_one_token(town: Town, how: str, status: int) -> None:
    browser, caller = town.enter(), Client()
    town.op.claims.clear()
    token = town.op.logout_token()
    answer = {
        "GET": lambda: caller.get(HERE, {"logout_token": token}),
        "JSON": lambda: caller.post(HERE, {"logout_token": token}, "application/json"),
        "multipart": lambda: caller.post(HERE, {"logout_token": token}),
        "two tokens": lambda: caller.post(HERE, f"logout_token={token}&logout_token={token}", FORM),
        "in the query": lambda: caller.post(f"{HERE}?logout_token={token}", "a=b", FORM),
        "a megabyte": lambda: caller.post(HERE, "logout_token=" + "x" * 1_000_000, FORM),
        "no token": lambda: caller.post(HERE, "", FORM),
    }[how]()
    assert (answer.status_code, said(answer)) == (status, "invalid_request")
    assert browser.session()["isLoggedIn"] is True


def test_b11_a_subject_alone_ends_all_its_sessions_at_the_issuer(town: Town) -> None:
    town.change("school")
    mine = [town.enter("sid-1"), town.enter("sid-2")]
    elsewhere, other = town.enter("sid-3", slug="school"), town.enter("sid-4", "somebody-else")
    assert town.tell(sid=REMOVED).status_code == 200
    fresh.feed()
    assert [each.session() for each in mine] == [ANONYMOUS, ANONYMOUS]
    assert elsewhere.session()["isLoggedIn"] is True
    assert other.session()["isLoggedIn"] is True


def test_b11_a_session_alone(town: Town) -> None:
    browser, other = town.enter("sid-1"), town.enter("sid-2")
    assert town.tell(sub=REMOVED).status_code == 200
    fresh.feed()
    assert browser.session() == ANONYMOUS
    assert other.session()["isLoggedIn"] is True


def test_a_session_that_came_without_a_sid_may_be_the_one(town: Town) -> None:
    browser = town.enter(REMOVED)
    assert town.tell().status_code == 200
    fresh.feed()
    assert browser.session() == ANONYMOUS


@pytest.mark.parametrize("claims", [{"sid": "sid-2"}, {"sub": "somebody-else"}])
def test_b12_somebody_elses_session_ends_nothing(town: Town, claims: dict[str, str]) -> None:
    browser = town.enter()
    assert town.tell(**claims).status_code == 200
    fresh.feed()
    assert browser.session()["isLoggedIn"] is True


def test_b17_a_session_that_is_not_here_is_no_error(town: Town) -> None:
    answer = town.tell()
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer["Cache-Control"] == "no-store"


def test_b09_a_token_counts_once_and_a_session_made_in_between_lives(town: Town) -> None:
    town.enter()
    assert town.tell().status_code == 200
    with later():
        browser = town.enter()
        assert said(town.tell()) == "invalid_request"
        assert browser.session()["isLoggedIn"] is True
        assert town.tell(jti="jti-2").status_code == 200
        fresh.feed()
        assert browser.session() == ANONYMOUS


def test_b09_of_many_uses_at_once_one_counts(town: Town) -> None:
    town.enter()
    town.op.claims.clear()
    token = town.op.logout_token()
    answers = parallel(8, lambda: post(token).status_code)
    assert sorted(answers) == [200, *[400] * 7]
    assert Event.objects.filter(name="session.ended").count() == 1


def test_two_sources_of_one_issuer_spend_their_own_tokens(town: Town) -> None:
    town.change("school")
    assert [town.tell(slug).status_code for slug in ("town", "school")] == [200, 200]


def test_spent_tokens_are_cleared_when_nobody_believes_them_any_more(town: Town) -> None:
    town.tell()
    call_command("clear_expired")
    assert SpentLogoutToken.objects.count() == 1
    with later(3700):
        call_command("clear_expired")
    assert not SpentLogoutToken.objects.exists()


def test_devices_and_applications_end_with_it(town: Town) -> None:
    browser = town.enter()
    app = Application(register(), browser.site)
    app.sign_in(scope="openid offline_access")
    assert StoredSession.objects.filter(kind="client").count() == 1
    assert town.tell().status_code == 200
    assert not StoredSession.objects.exists()
    assert not AccessToken.objects.exists()
    assert not RefreshToken.objects.exists()
    assert app.userinfo().status_code == 401
    assert app.refresh().status_code == 400


def test_a_device_whose_browser_has_left_ends_as_well(town: Town) -> None:
    browser = town.enter()
    app = Application(register(), browser.site)
    app.sign_in(scope="openid offline_access")
    browser.leave()
    assert app.userinfo().status_code == 200
    town.tell()
    assert app.userinfo().status_code == 401


@pytest.mark.parametrize(
    ("header", "claims"),
    [
        ({"typ": "JWT"}, {"typ": "Logout", "events": {EVENT: {}, "revoke_offline_access": True}}),
        ({"typ": "logout+jwt"}, {"aud": [CLIENT_ID], "azp": CLIENT_ID, "auth_time": 1}),
    ],
    ids=["Keycloak", "typed"],
)
def test_the_forms_that_providers_send(
    town: Town, header: dict[str, str], claims: dict[str, Any]
) -> None:
    browser = town.enter()
    town.op.claims.clear()
    assert post(town.op.logout_token(header, **claims)).status_code == 200
    fresh.feed()
    assert browser.session() == ANONYMOUS


def test_an_unknown_key_is_looked_for_once_in_a_while(town: Town, op: OpenIdProvider) -> None:
    browser = town.enter()
    op.key, op.jwks = "rsa-7", [jwk("rsa-7")]
    before = op.calls["jwks"]
    assert town.tell().status_code == 200
    assert op.calls["jwks"] == before + 1
    op.key = "rsa-66"
    assert [town.tell(jti=f"x{n}").status_code for n in range(5)] == [503] * 5
    assert op.calls["jwks"] == before + 1  # fetched in the last thirty seconds
    fresh.feed()
    assert browser.session() == ANONYMOUS


def test_a_forged_key_does_not_make_the_providers_new_one_a_wrong_one(
    town: Town, op: OpenIdProvider
) -> None:
    """A provider tries again what is 503, and not what is 400. Strangers keep their budget."""
    browser = town.enter()
    town.op.claims.clear()
    forged = op.logout_token({"kid": "made-up"})
    stranger = Client(REMOTE_ADDR="192.0.2.7")
    assert post(forged, caller=stranger).status_code == 400
    op.key, op.jwks = "rsa-7", [jwk("rsa-7")]
    answer = town.tell()
    assert (answer.status_code, said(answer)) == (503, "temporarily_unavailable")
    with later(int(answer["Retry-After"])):
        assert town.tell().status_code == 200
        answers = [post(forged, caller=stranger).status_code for _ in range(60)]
    assert answers == [*[503] * 59, 429]
    fresh.feed()
    assert browser.session() == ANONYMOUS


def test_a_source_may_turn_it_off(town: Town) -> None:
    browser = town.enter()
    town.change(backchannel_logout=False)
    assert said(town.tell()) == "invalid_request"
    assert browser.session()["isLoggedIn"] is True


def test_of_a_source_that_was_disabled_since_it_ends_sessions_still(
    town: Town, source: Make
) -> None:
    town.enter()
    peer: Any = SimpleNamespace(issuer=town.op.issuer)
    source(peer, "town", {"enabled": False}, client_id=CLIENT_ID, client_secret=CLIENT_SECRET)
    assert town.tell().status_code == 200
    assert not StoredSession.objects.exists()


@pytest.mark.parametrize("slug", ["nowhere", "local"])
def test_x02_a_source_that_tells_nothing(town: Town, slug: str) -> None:
    answer = town.tell(slug)
    assert answer.status_code in {400, 404}
    assert said(answer) == "invalid_request"


def test_strangers_have_a_budget(town: Town) -> None:
    assert [post("a.b.c").status_code for _ in range(61)] == [*[400] * 60, 429]
    town.op.claims.clear()
    for address in ("192.0.2.7", "127.0.0.1"):  # no signature is a guess
        provider = Client(REMOTE_ADDR=address)
        assert post(town.op.logout_token(jti=address), caller=provider).status_code == 200


def test_keys_that_cannot_be_had_end_nothing_and_are_no_fault_of_the_token(
    town: Town, op: OpenIdProvider
) -> None:
    op.answers["jwks"] = page(500)
    for _number in range(5):
        answer = town.tell()
        assert (answer.status_code, said(answer)) == (503, "temporarily_unavailable")
        assert int(answer["Retry-After"]) > 0
    assert op.calls["jwks"] == 1


def test_keys_that_cannot_be_had_cost_the_provider_none_of_its_budget(
    town: Town, op: OpenIdProvider
) -> None:
    """Else the sessions that it ends live on while its own trouble is over."""
    browser = town.enter()
    op.key, op.jwks = "rsa-7", [jwk("rsa-7")]
    op.answers["jwks"] = page(503)
    before = op.calls["jwks"]
    assert {town.tell(jti=f"x{number}").status_code for number in range(62)} == {503}
    assert op.calls["jwks"] - before < 10, "nor do strangers reach it more often while it is down"
    del op.answers["jwks"]
    with later(31):
        assert town.tell().status_code == 200
        fresh.feed()
        assert browser.session() == ANONYMOUS


@pytest.mark.parametrize(
    ("claims", "why"),
    [
        ({"exp": REMOVED}, "exp is missing"),
        ({"iat": 1_000_000_000}, "compare the clocks"),
        ({"aud": "another"}, "another client"),
    ],
)
def test_why_nobody_was_signed_out_is_in_the_trail(
    town: Town, client: Client, claims: dict[str, Any], why: str
) -> None:
    """Else a provider whose every logout is refused looks as one that signs nobody out."""
    town.enter()
    assert [town.tell(**claims).status_code for _ in range(3)] == [400] * 3
    (refused,) = Event.objects.filter(name="logout.refused")
    assert why in refused.detail
    assert (refused.source, refused.count, refused.session_type) == ("town", 3, "oidc")
    User.objects.create_superuser("ada", PASSWORD, name="Ada")
    sign_in(client, "ada")
    html = client.get(f"/admin/accounts/event/{refused.pk}/change/").content.decode()
    assert "Sign-out by the source refused" in html
    assert why in html


def test_that_keys_cannot_be_had_for_a_logout_is_in_the_trail(
    town: Town, op: OpenIdProvider
) -> None:
    op.answers["jwks"] = page(500)
    assert town.tell().status_code == 503
    (refused,) = Event.objects.filter(name="logout.refused")
    assert refused.reason == "temporarily-unavailable"


def test_strangers_write_into_one_row_and_so_often_only(town: Town) -> None:
    for _ in range(40):
        assert post("hello").status_code == 400
    assert Event.objects.get(name="logout.refused").count == 30


# --- At the same moment ---------------------------------------------------------------------------


def at_once(*works: Callable[[], Any]) -> list[Any]:
    """Do different things at once. Returns what each returned, in no order."""
    left = iter(works)
    return parallel(len(works), lambda: next(left)())


def test_a_sign_in_that_the_provider_ends_while_it_is_under_way_makes_no_session(
    town: Town, op: OpenIdProvider
) -> None:
    town.change(userinfo="auto")
    userinfo = {"sub": SUBJECT}

    def told_meanwhile(call: Any) -> Any:
        assert parallel(1, town.tell)[0].status_code == 200
        return 200, json.dumps(userinfo).encode(), "application/json"

    op.answers["userinfo"] = told_meanwhile
    browser = Browser(Client())
    done = browser.sign_in("town")
    assert done["Location"].startswith("/login/failed/")
    assert not StoredSession.objects.exists()
    assert browser.session() == ANONYMOUS


@pytest.mark.parametrize("claims", [{}, {"sid": REMOVED}, {"sub": REMOVED}])
def test_a_sign_in_and_its_end_at_once_leave_nobody_signed_in(
    town: Town, claims: dict[str, Any]
) -> None:
    moment = time.time()
    town.op.now = lambda: moment  # else the sign-in may be proved a second after its end
    for number in range(3):
        browser = Browser(Client())
        answer = browser.go(browser.start("town"))
        tell = partial(town.tell, jti=str(number), **claims)
        at_once(partial(browser.deliver, answer), tell)
        fresh.feed()
        assert not StoredSession.objects.exists()
        assert browser.session() == ANONYMOUS


def test_a_refresh_and_the_end_at_once_leave_no_tokens(town: Town) -> None:
    browser = town.enter()
    app = Application(register(), browser.site)
    app.sign_in(scope="openid offline_access")
    answers = at_once(app.refresh, town.tell, browser.session, app.userinfo)
    assert all(getattr(each, "status_code", 200) < 500 for each in answers)
    assert not StoredSession.objects.exists()
    assert not AccessToken.objects.exists()
    assert not RefreshToken.objects.exists()


@pytest.mark.parametrize(
    ("method", "path", "answer"),
    [
        ("get", "/auth/session", (303, "/auth/session")),
        ("get", "/account/?a=b", (303, "/account/?a=b")),
        ("post", "/account/sessions", (303, "/login")),
        ("delete", "/session/logout", (200, "")),  # it has ended, as was wanted
    ],
)
def test_a_request_that_is_under_way_when_its_session_ends_is_told_so(
    town: Town, op: OpenIdProvider, method: str, path: str, answer: tuple[int, str]
) -> None:
    op.tokens = {"expires_in": 2}
    browser = town.enter()

    def told_meanwhile(call: Any) -> Any:
        del op.answers["token"]
        tokens = {"access_token": "at-2", "token_type": "Bearer", "expires_in": 300}
        assert parallel(1, town.tell)[0].status_code == 200
        return 200, json.dumps(tokens).encode(), "application/json"

    op.answers["token"] = told_meanwhile
    with later(3):
        done = getattr(browser.site, method)(path)
        assert (done.status_code, done.headers.get("Location", "")) == answer
        fresh.feed()
        assert browser.session() == ANONYMOUS


def test_an_upstreams_refresh_and_the_end_at_once_leave_no_tokens(
    town: Town, op: OpenIdProvider
) -> None:
    op.tokens = {"expires_in": 2}
    browser = town.enter()
    with later(3):
        asked = partial(browser.site.get, "/auth/session", follow=True)
        answers = at_once(asked, town.tell, asked)
    assert [each.status_code for each in answers] == [200] * 3
    fresh.feed()
    assert browser.session() == ANONYMOUS
    assert not StoredTokens.objects.exists()
