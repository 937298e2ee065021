"""docs/contract.md 5: the upstream's tokens are kept with the session, used while valid, renewed
once, deleted at logout. The rows of docs/threats.md 4.1 on the session handler, and W6, W7 and W13.
The provider's access tokens live five minutes here, its refresh tokens rotate.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
import requests
import time_machine
from django.test import Client
from django.utils import timezone

from accounts.models import StoredSession, StoredTokens
from accounts.provider import TokenSet
from accounts.session import vault
from tests.http.conftest import stored
from tests.http.officials.conftest import Counter, held
from tests.http.oidc.browser import Browser
from tests.http.oidc.conftest import parallel
from tests.peers import dump
from tests.peers.certified import Certified

pytestmark = pytest.mark.django_db(transaction=True)

UPSTREAM_TOKEN = "/auth/upstream-token"
OPEN = {"require_assignment": False, "allow_upstream_token": True}


@pytest.fixture
def official(counter: Counter, browser: Browser, rotating: Certified) -> Iterator[Browser]:
    """Give somebody who is let in, whose source hands its tokens on, which are due by now."""
    counter(columns=OPEN)
    assert browser.sign_in("town")["Location"] == "/account/"
    rotating.forget_requests()
    with later(275):
        yield browser


def later(seconds: float) -> Any:
    """Let the site's clock be ahead; the provider's is not."""
    return time_machine.travel(timezone.now() + timedelta(seconds=seconds), tick=True)


def is_taken(provider: Certified, access_token: str) -> bool:
    """Tell whether the provider still takes an access token."""
    bearer = {"Authorization": f"Bearer {access_token}"}
    return requests.get(f"{provider.issuer}/me", headers=bearer, timeout=60).status_code == 200


def until_it_has_ended(provider: Certified, access_token: str) -> None:
    deadline = time.monotonic() + 60
    while is_taken(provider, access_token):
        assert time.monotonic() < deadline, "the token lives on"
        time.sleep(0.5)


def test_a_valid_token_is_used_and_nobody_is_asked(
    counter: Counter, browser: Browser, provider: Certified
) -> None:
    counter(columns=OPEN)
    browser.sign_in("town")
    before = held(browser)
    provider.forget_requests()
    for _number in range(3):
        answer = browser.site.get(UPSTREAM_TOKEN)
        assert answer.json()["access_token"] == before.access_token
        assert answer["Cache-Control"] == "no-store"
    assert provider.requests() == []


def test_a_token_that_has_ended_is_renewed_once_and_the_old_ones_are_gone(
    counter: Counter, browser: Browser, rotating: Certified
) -> None:
    counter(columns=OPEN)
    rotating.live(access_token=10)
    assert browser.sign_in("town")["Location"] == "/account/"
    before = held(browser)
    until_it_has_ended(rotating, before.access_token)
    rotating.live(access_token=300)
    rotating.forget_requests()
    renewed = browser.site.get(UPSTREAM_TOKEN).json()["access_token"]
    assert renewed != before.access_token
    assert is_taken(rotating, renewed)
    after = held(browser)
    assert after.access_token == renewed
    assert after.refresh_token != before.refresh_token
    assert StoredTokens.objects.count() == 1
    browser.site.get(UPSTREAM_TOKEN)
    assert len(rotating.requests("/token")) == 1


def test_w13_twenty_at_once_spend_one_refresh_token_once(
    official: Browser, rotating: Certified
) -> None:
    cookie = official.site.cookies["vestibule"].value

    def ask() -> Any:
        tab = Client(raise_request_exception=False)
        tab.cookies["vestibule"] = cookie
        return tab.get(UPSTREAM_TOKEN)

    answers = parallel(20, ask)
    assert {answer.status_code for answer in answers} == {200}
    assert held(official).access_token in {each.json()["access_token"] for each in answers}
    assert len(rotating.requests("/token")) == 1
    assert rotating.events("grant.error") == []


def test_the_session_goes_on_over_many_lives_of_its_token(
    official: Browser, rotating: Certified
) -> None:
    seen = set()
    for number in range(4):
        with later(number * 275):
            assert official.session()["isLoggedIn"] is True
            seen.add(held(official).refresh_token)
    assert len(seen) == 4  # each was spent once, and the provider took each for the right one
    assert rotating.events("grant.error") == []


def test_a_refusal_ends_the_session_and_the_tokens(official: Browser, rotating: Certified) -> None:
    rotating.revoke(held(official).refresh_token)
    answer = official.site.get(UPSTREAM_TOKEN, headers={"Accept": "application/json"})
    assert answer.status_code == 401
    assert not StoredSession.objects.exists()
    assert not StoredTokens.objects.exists()


@pytest.mark.parametrize("kind", ["500", "drop", "html"])
def test_w13_trouble_while_it_is_renewed_loses_neither_token_nor_session(
    official: Browser, rotating: Certified, kind: str
) -> None:
    before = held(official)
    rotating.trouble("/token", kind)
    assert official.session()["isLoggedIn"] is True
    assert held(official) == before
    rotating.heal()
    StoredTokens.objects.update(retry_at=None)
    assert official.session()["isLoggedIn"] is True
    assert held(official).access_token != before.access_token


def test_w13_no_token_rests_in_the_clear(official: Browser) -> None:
    tokens: TokenSet = held(official)
    secrets = (tokens.access_token, tokens.refresh_token, tokens.id_token)
    for table, said in dump.tables():
        assert not [secret for secret in secrets if secret in said], table


def test_w6_leaving_takes_the_tokens_along(official: Browser) -> None:
    official.leave()
    assert not StoredTokens.objects.exists()
    assert official.site.get(UPSTREAM_TOKEN, headers={"Accept": "*/*"}).status_code == 401


@pytest.mark.parametrize(
    ("hours", "lives"), [(7.9, True), (8.1, False)], ids=["before", "w7-and-not-twice-as-long"]
)
def test_a_session_lives_as_long_as_it_says(newcomer: Any, browser: Browser, hours: float,
                                            lives: bool) -> None:  # fmt: skip
    StoredTokens.objects.all().delete()  # the provider's clock does not travel along
    with time_machine.travel(timezone.now() + timedelta(hours=hours), tick=True):
        assert browser.session()["isLoggedIn"] is lives


# --- The rows on the session handler --------------------------------------------------------------


def test_what_was_written_is_read_and_what_was_destroyed_is_not(official: Browser) -> None:
    uid, tokens = stored(official.site).uid, held(official)
    changed = TokenSet(access_token="next", refresh_token=tokens.refresh_token)
    vault.replace_tokens(uid, changed)
    assert vault.tokens_of(uid) == changed
    official.leave()
    assert vault.tokens_of(uid) is None


@pytest.mark.parametrize("spoil", ["gone", "unreadable"])
def test_tokens_that_are_not_there_are_none_and_the_session_stays(
    official: Browser, spoil: str
) -> None:
    how: dict[str, Callable[[], Any]] = {
        "gone": lambda: StoredTokens.objects.all().delete(),
        "unreadable": lambda: StoredTokens.objects.update(sealed="junk"),
    }
    how[spoil]()
    assert vault.tokens_of(stored(official.site).uid) is None
    assert official.session()["isLoggedIn"] is True
    assert official.site.get(UPSTREAM_TOKEN).status_code in {403, 503}


@pytest.mark.parametrize("cookie", ["", "junk", "æøå", "0" * 4000, "a;b", '"', "%00", "../../x"])
def test_a_cookie_without_a_row_is_nobody(house: None, client: Client, cookie: str) -> None:
    client.cookies["vestibule"] = cookie
    assert client.get("/auth/session").json() == {"isLoggedIn": False, "type": "anonymous"}


def test_a_source_that_does_not_allow_it_hands_on_nothing(
    counter: Counter, browser: Browser, provider: Certified
) -> None:
    counter(columns={**OPEN, "allow_upstream_token": False})
    browser.sign_in("town")
    answer = browser.site.get(UPSTREAM_TOKEN)
    assert (answer.status_code, answer.json()["error"]) == (403, "access_denied")
