"""The upstream's tokens while a session is used: renewed once when due, by whoever comes first."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from datetime import timedelta
from itertools import islice
from typing import Any

import pytest
import time_machine
from django.db import connections
from django.utils import timezone

from accounts.errors import InvalidGrant
from accounts.models import Event, StoredSession, StoredTokens, User
from accounts.provider import TokenSet
from accounts.session import vault
from accounts.session.store import SessionStore
from accounts.session.typed import Session
from accounts.source import outage
from portal.authorization_server import keys
from providers.oidc.provider import OidcProvider
from tests.http.conftest import stored
from tests.http.oidc.browser import Browser
from tests.http.oidc.conftest import SITE, Make, in_tabs, parallel
from tests.http.onward import onward
from tests.peers import patience
from tests.peers.certified import Certified

pytestmark = pytest.mark.django_db(transaction=True)

OFFLINE: dict[str, Any] = {
    "scope": "openid profile email offline_access",
    "authorize": {"prompt": "consent"},
}


def typed(browser: Browser) -> Session:
    """Return the session as a request would find it."""
    return SessionStore(browser.site.cookies["vestibule"].value).typed


def later(seconds: float, *, tick: bool = True) -> Any:
    """Let the site's clock be ahead; the provider's is not."""
    return time_machine.travel(timezone.now() + timedelta(seconds=seconds), tick=tick)


def held(browser: Browser) -> TokenSet:
    """Return the tokens that the vault holds."""
    tokens = vault.tokens_of(stored(browser.site).uid)
    assert tokens is not None
    return tokens


@pytest.fixture
def due(browser: Browser, source: Make, provider: Certified) -> Iterator[Browser]:
    """Give somebody whose access token is due: 25 of its 300 seconds are left, which no busy
    machine takes for a test.
    """
    source(provider, **OFFLINE)
    provider.live(access_token=300)
    assert browser.sign_in("town")["Location"] == "/account/"
    provider.forget_requests()
    with later(275):
        yield browser


def test_a_token_that_is_not_due_is_left_alone(
    browser: Browser, source: Make, provider: Certified
) -> None:
    source(provider, **OFFLINE)
    browser.sign_in("town")
    before = held(browser)
    provider.forget_requests()
    assert vault.fresh(typed(browser)) == before
    assert provider.requests() == []


def test_a_token_that_is_due_is_renewed_once_and_the_old_ones_are_gone(
    due: Browser, provider: Certified
) -> None:
    before = held(due)
    after = vault.fresh(typed(due))
    assert after is not None
    assert after == held(due)
    assert after.access_token != before.access_token
    assert after.refresh_token != before.refresh_token  # the provider rotates
    assert after.id_token
    assert vault.fresh(typed(due)) == after
    assert len(provider.requests("/token")) == 1
    assert StoredTokens.objects.count() == 1


def test_a_request_renews_what_is_due_and_the_person_notices_nothing(
    due: Browser, provider: Certified
) -> None:
    before = held(due)
    assert due.session()["isLoggedIn"] is True
    assert held(due).access_token != before.access_token
    assert due.session()["isLoggedIn"] is True
    assert len(provider.requests("/token")) == 1


def test_fifty_parallel_callers_spend_one_refresh_token_once(
    due: Browser, provider: Certified
) -> None:
    session = typed(due)
    found = parallel(50, lambda: vault.fresh(session))
    assert len({tokens.access_token for tokens in found}) == 1
    assert found[0].access_token == held(due).access_token
    assert len(provider.requests("/token")) == 1
    assert provider.events("grant.error") == []


@pytest.mark.services
@pytest.mark.remembers
def test_a_token_that_is_good_waits_for_no_source_in_known_trouble(
    due: Browser, provider: Certified, settings: Any
) -> None:
    """A page of forty pictures behind the gateway would hold every thread while it hangs."""
    provider.trouble("/token", "hang")
    settings.VESTIBULE_HTTP_DEADLINE = patience.LONG  # the token is good for longer
    outage.note("town")
    session, before = typed(due), held(due)

    def ask() -> float:
        began = time.monotonic()
        try:
            assert vault.fresh(session) == before
        finally:
            connections.close_all()
        return time.monotonic() - began

    with ThreadPoolExecutor(8) as pool:
        asking = [pool.submit(ask) for _ in range(8)]
        list(islice(as_completed(asking), 7))
        provider.heal()
    took = sorted(each.result() for each in asking)
    assert took[-2] < patience.LONG / 2, "one asks the provider, the others ask nobody"
    assert len(provider.requests("/token")) == 1


def test_fifty_parallel_requests_spend_one_refresh_token_once(
    due: Browser, provider: Certified
) -> None:
    answers = in_tabs(50, due.site)
    assert {answer.status_code for answer in answers} == {200}
    assert all(answer.json()["isLoggedIn"] for answer in answers)
    assert len(provider.requests("/token")) == 1
    assert due.session()["isLoggedIn"] is True


def test_a_refusal_upstream_ends_the_session(due: Browser, provider: Certified) -> None:
    provider.trouble("/token", "400")  # and below: what RFC 6749, 5.2 calls it
    session = typed(due)
    assert vault.fresh(session) is not None  # trouble of theirs is no refusal
    provider.heal()
    provider.revoke(held(due).refresh_token)
    StoredTokens.objects.update(retry_at=None)
    with pytest.raises(InvalidGrant):
        vault.fresh(session)
    assert not StoredSession.objects.exists()
    assert not StoredTokens.objects.exists()
    assert Event.objects.filter(name="session.ended").count() == 1
    assert due.session() == {"isLoggedIn": False, "type": "anonymous"}


def hinted(browser: Browser) -> Any:
    """Leave as an application has its person leave."""
    sid, person = stored(browser.site).uid, User.objects.get()
    claims = {"iss": SITE, "aud": "app", "sub": person.uid, "sid": sid, "iat": 1, "exp": 2}
    return browser.site.get("/oauth/logout", {"id_token_hint": keys.sign(claims)})


WAYS_OUT: dict[str, Callable[[Browser], Any]] = {
    "button": lambda who: who.site.post("/auth/logout"),
    "list": lambda who: who.site.post("/account/sessions", {"end": stored(who.site).uid}),
    "switch": lambda who: who.site.post("/auth/login/local", {"switch": "1"}),
    "hand-over": lambda who: who.site.post("/openid/town/login"),
    "application": hinted,
    "script": lambda who: who.site.post("/session/logout"),
}


@pytest.mark.parametrize("way", WAYS_OUT)
def test_who_leaves_is_renewed_no_more_so_a_refusal_takes_nothing_that_leaving_needs(
    due: Browser, provider: Certified, way: str
) -> None:
    before = held(due)
    provider.revoke(before.refresh_token)
    left = WAYS_OUT[way](due)
    assert not StoredSession.objects.exists()
    assert "/token" not in {each["path"] for each in provider.requests()}
    there = left.json()["logoutUrl"] if way == "script" else left["Location"]
    if there.startswith("/"):
        there = onward(due.site, left)["Location"]
    assert there.startswith(f"{provider.issuer}/session/end?")
    assert f"id_token_hint={before.id_token}" in there


def test_a_refusal_upstream_ends_the_session_at_the_next_request(
    due: Browser, provider: Certified
) -> None:
    provider.revoke(held(due).refresh_token)
    assert due.session() == {"isLoggedIn": False, "type": "anonymous"}
    assert not StoredSession.objects.exists()
    assert due.site.get("/account/")["Location"].startswith("/login")


@pytest.mark.parametrize("kind", ["500", "drop", "hang", "html"])
def test_trouble_upstream_ends_nothing(due: Browser, provider: Certified, kind: str) -> None:
    before = held(due)
    provider.trouble("/token", kind)
    assert due.session()["isLoggedIn"] is True
    assert held(due) == before
    provider.heal()
    StoredTokens.objects.update(retry_at=None)
    renewed = vault.fresh(typed(due))
    assert renewed is not None
    assert renewed.access_token != before.access_token


def test_a_session_without_a_refresh_token_lives_to_its_own_end(
    browser: Browser, source: Make, provider: Certified
) -> None:
    source(provider)
    browser.sign_in("town")
    StoredTokens.objects.update(expires_at=None)
    assert held(browser).refresh_token == ""
    provider.forget_requests()
    with later(301):  # than the token lives
        assert browser.session()["isLoggedIn"] is True
    assert provider.requests("/token") == []


def test_where_the_upstream_does_not_rotate_the_refresh_token_is_kept(
    browser: Browser, source: Make, provider: Certified
) -> None:
    source(provider, **OFFLINE)
    browser.sign_in("town")
    provider.rotates(False)
    before = held(browser)
    with later(275):
        after = vault.fresh(typed(browser))
    provider.rotates(True)
    assert after is not None
    assert after.refresh_token == before.refresh_token
    assert after.access_token != before.access_token


def test_leaving_takes_the_tokens_along(due: Browser) -> None:
    due.leave()
    assert not StoredTokens.objects.exists()


def test_an_answer_without_tokens_is_trouble_and_ends_nothing(
    provider: Certified, due: Browser
) -> None:
    provider.trouble("/token", "empty", 1)
    assert vault.fresh(typed(due)) is not None
    assert due.session()["isLoggedIn"] is True


@pytest.mark.parametrize("seconds", [60, 30, 10])
def test_a_token_of_a_short_life_is_not_renewed_at_every_request(
    browser: Browser, source: Make, provider: Certified, seconds: int
) -> None:
    source(provider, **OFFLINE)
    provider.live(access_token=seconds)
    with later(0, tick=False):  # a busy machine takes long to ask so often
        browser.sign_in("town")
        provider.forget_requests()
        for _number in range(12):
            assert browser.session()["isLoggedIn"] is True
        assert provider.requests("/token") == []
    with later(seconds * 0.95, tick=False):
        for _number in range(12):
            assert browser.session()["isLoggedIn"] is True
    assert len(provider.requests("/token")) == 1


def test_fifty_parallel_requests_renew_a_short_life_once(due: Browser, provider: Certified) -> None:
    provider.live(access_token=30)
    with later(0, tick=False):  # a busy machine takes long for a hundred requests
        for _number in range(2):
            answers = in_tabs(50, due.site)
            assert all(answer.json()["isLoggedIn"] for answer in answers)
    assert len(provider.requests("/token")) == 1


def test_a_token_that_follows_is_stored_before_anything_else_is_fetched(
    due: Browser, provider: Certified
) -> None:
    before = held(due)
    provider.rotate_keys()
    provider.trouble("/jwks", "500")
    assert due.session()["isLoggedIn"] is True  # the new id_token cannot be verified
    between = held(due)
    assert between.refresh_token != before.refresh_token
    assert (between.access_token, between.id_token) == (before.access_token, before.id_token)
    provider.heal()
    StoredTokens.objects.update(retry_at=None)
    with later(31):  # the keys are asked for again
        assert due.session()["isLoggedIn"] is True
        assert held(due).access_token != before.access_token
    assert provider.events("grant.error") == []


def test_a_key_that_is_not_published_yet_signs_nobody_out(
    due: Browser, provider: Certified
) -> None:
    """A provider signs with a new key, while a cache before it still serves the former ones."""
    before = held(due)
    provider.trouble("/jwks", "stale")
    provider.rotate_keys()
    provider.forget_requests()
    for _number in range(3):
        StoredTokens.objects.update(retry_at=None)
        assert due.session()["isLoggedIn"] is True
        assert held(due).access_token == before.access_token
    assert len(provider.requests("/jwks")) == 1, "whatever is sent, it is asked once in 30 s"
    provider.heal()
    StoredTokens.objects.update(retry_at=None)
    assert due.session()["isLoggedIn"] is True
    StoredTokens.objects.update(retry_at=None)
    with later(31):
        assert due.session()["isLoggedIn"] is True
        assert held(due).access_token != before.access_token
    assert provider.events("grant.error") == []


@pytest.mark.parametrize("is_over", [False, True], ids=["while-it-lasts", "once-it-is-over"])
def test_a_machine_whose_clock_is_ahead_signs_nobody_out(
    due: Browser, provider: Certified, monkeypatch: pytest.MonkeyPatch, is_over: bool
) -> None:
    session, renew = typed(due), OidcProvider.renew

    def asked_by_two(own: OidcProvider, tokens: TokenSet) -> TokenSet:
        monkeypatch.setattr(OidcProvider, "renew", renew)
        if is_over:
            StoredTokens.objects.update(leased_until=None)
        with later(vault.lease().total_seconds() + 40):
            vault.fresh(session, wait=False)
        return renew(own, tokens)

    monkeypatch.setattr(OidcProvider, "renew", asked_by_two)
    found = vault.fresh(session)
    assert found
    assert found.access_token == held(due).access_token
    assert len(provider.requests("/token")) == 1 + is_over
    assert StoredSession.objects.exists()
