"""The broker's tokens while a session is used: renewed in the last tenth of their life, once."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.errors import InvalidGrant
from accounts.models import StoredSession, StoredTokens
from accounts.provider import TokenSet
from accounts.session import vault
from tests.http.oidc.conftest import in_tabs, parallel
from tests.http.unilogin.conftest import Make, later, typed
from tests.http.unilogin.liar import Liar
from tests.http.unilogin.standin import Browser, Standin, outbound

pytestmark = pytest.mark.django_db(transaction=True)
ANONYMOUS = {"isLoggedIn": False, "type": "anonymous"}


def held(browser: Browser) -> TokenSet:
    tokens = vault.tokens_of(typed(browser).uid)
    assert tokens is not None
    return tokens


@pytest.fixture
def ida(browser: Browser, source: Make) -> Browser:
    """Give somebody who is signed in; the access token lives for 300 seconds."""
    source()
    assert browser.enter("Ida")["Location"] == "/account/"
    return browser


@pytest.fixture
def due(ida: Browser) -> Iterator[Browser]:
    """Give somebody whose access token is in the last tenth of its life."""
    with later(275):
        yield ida


def test_a_token_that_is_not_due_is_left_alone(ida: Browser) -> None:
    with later(265), outbound() as called:
        assert ida.session()["isLoggedIn"] is True
        assert called() == []


def test_shortly_before_the_end_a_request_renews_and_the_session_lives_on(
    due: Browser, standin: Standin
) -> None:
    before, ends = held(due), typed(due).upstream_ends_at
    with outbound() as called:
        assert due.session()["isLoggedIn"] is True
        assert due.session()["isLoggedIn"] is True
        assert called() == ["token"]
    after = held(due)
    assert after.access_token != before.access_token
    assert after.refresh_token != before.refresh_token
    assert after.id_token != before.id_token
    now_ends = typed(due).upstream_ends_at
    assert ends is not None
    assert now_ends is not None
    assert now_ends > ends
    assert len(standin.kept("spent-refresh")) == 1
    assert StoredTokens.objects.count() == 1


def test_fifty_parallel_requests_spend_one_refresh_token_once(
    due: Browser, standin: Standin
) -> None:
    answers = in_tabs(50, due.site)
    assert {answer.status_code for answer in answers} == {200}
    assert all(answer.json()["isLoggedIn"] for answer in answers)
    assert len(standin.kept("spent-refresh")) == 1
    assert len(standin.kept("refresh")) == 1  # a token spent twice would have ended the family
    assert due.session()["isLoggedIn"] is True


def test_fifty_parallel_callers_share_one_result(due: Browser, standin: Standin) -> None:
    session = typed(due)
    found = parallel(50, lambda: vault.fresh(session))
    assert len({tokens.access_token for tokens in found if tokens}) == 1
    assert len(standin.kept("spent-refresh")) == 1


def test_a_refresh_token_that_ends_first_is_what_is_due(
    client: Client, source: Make, liar: Liar
) -> None:
    liar.op.tokens = {"expires_in": 3600, "refresh_expires_in": 100}
    source(**liar.settings())
    liar.enter(client)
    browser = Browser(client)
    with later(95), outbound() as called:
        assert browser.session()["isLoggedIn"] is True
        assert called() == ["token"]


def test_the_session_ends_with_refresh_expires_in(ida: Browser) -> None:
    with later(1790):
        assert timezone.now() < (typed(ida).upstream_ends_at or timezone.now())
    with later(1800), outbound() as called:
        assert ida.session() == ANONYMOUS
        assert ida.site.get("/account/")["Location"].startswith("/login")
        assert called() == []


def test_a_broker_that_says_nothing_of_the_end_ends_it_with_the_access_token(
    client: Client, source: Make, liar: Liar
) -> None:
    liar.op.tokens = {"expires_in": 300}
    source(**liar.settings())
    liar.enter(client)
    assert typed(Browser(client)).upstream_ends_at is not None
    with later(301):
        assert Browser(client).session() == ANONYMOUS


def test_a_broker_that_refuses_ends_the_session_at_the_next_request(
    due: Browser, standin: Standin
) -> None:
    standin.trouble("refuses")
    assert due.session() == ANONYMOUS
    assert not StoredSession.objects.exists()
    assert not StoredTokens.objects.exists()


@pytest.mark.parametrize("kind", ["down", "slow"])
def test_a_broker_in_trouble_ends_nothing(due: Browser, standin: Standin, kind: str) -> None:
    before = held(due)
    standin.trouble(kind)
    assert due.session()["isLoggedIn"] is True
    assert held(due) == before
    standin.trouble("normal")
    StoredTokens.objects.update(retry_at=None)
    assert due.session()["isLoggedIn"] is True
    assert held(due).access_token != before.access_token


@pytest.mark.parametrize("kind", ["wrong-key", "wrong-issuer"])
def test_a_new_id_token_that_does_not_hold_ends_the_session(
    due: Browser, standin: Standin, kind: str
) -> None:
    standin.trouble(kind)
    assert due.session() == ANONYMOUS


def test_a_new_id_token_of_somebody_else_ends_the_session(
    client: Client, source: Make, liar: Liar
) -> None:
    source(**liar.settings())
    liar.enter(client)
    session = typed(Browser(client))
    liar.op.claims["sub"] = "somebody-else"
    with later(275), pytest.raises(InvalidGrant):
        vault.fresh(session)
    assert not StoredSession.objects.exists()


@pytest.mark.wire
@pytest.mark.parametrize("wrong", [{"iat": 40}, {"iat": -640, "exp": -340}, {"nbf": 40}])
def test_a_clock_that_is_wrong_ends_nothing_and_loses_no_token(
    client: Client, source: Make, liar: Liar, wrong: dict[str, int]
) -> None:
    source(**liar.settings())
    liar.enter(client)
    browser = Browser(client)
    before = held(browser)
    with later(275):
        now = round(timezone.now().timestamp())
        liar.op.claims |= {name: now + seconds for name, seconds in wrong.items()}
        assert browser.session()["isLoggedIn"] is True
        assert held(browser).id_token != before.id_token
        assert typed(browser).tokens_expire_at == held(browser).expires_at


def test_a_refresh_that_takes_long_is_not_begun_by_another(
    client: Client, source: Make, liar: Liar
) -> None:
    source(**liar.settings())
    liar.enter(client)
    session = typed(Browser(client))
    begun, gone_on = threading.Event(), threading.Event()

    def slow(call: Any) -> tuple[int, bytes, str]:
        begun.set()
        assert gone_on.wait(60)
        return 500, b"", "text/plain"

    liar.op.answers["token"] = slow
    liar.op.calls.clear()
    with later(275), ThreadPoolExecutor(1) as pool:
        first = pool.submit(parallel, 1, lambda: vault.fresh(session))
        assert begun.wait(60)
        # Three calls and the waits for others' calls, of five seconds each.
        with later(40):
            assert vault.fresh(session, wait=False) is None
        gone_on.set()
        first.result()
    assert liar.op.calls["token"] == 1
