"""One household has 65,536 networks of IPv6 (RFC 6177, 2): it has no budget for each, whatever
is counted by place.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.test import Client as Browser
from limits import RateLimitItemPerMinute

from accounts.models import User
from portal.authorization_server.models import Client
from tests.architecture.tree import code, text
from tests.http.conftest import sign_in
from tests.http.oauth.application import Application, register
from tests.http.passwords import ask

pytestmark = pytest.mark.django_db(transaction=True)
# Five networks of 64 bits, each of a /56 of its own, in one /48: it may four times what one may.
HERE = tuple(f"2001:db8:1:{256 * number:x}::1" for number in range(5))
ELSEWHERE = "2001:db8:2::1"


@pytest.fixture
def once(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Let one place do what the named limit counts once in five minutes."""

    def limited(name: str) -> None:
        limit = RateLimitItemPerMinute(1, 5, namespace=f"once-{name}")
        monkeypatch.setattr(f"portal.{name}", limit)

    return limited


@pytest.fixture
def television(house: None) -> Client:
    return register("tv", kind=Client.Kind.DEVICE, redirect_uris="", name="The TV")


def calling(client: Client, address: str) -> Application:
    """Return an application that calls from an address."""
    own = Application(client)
    own.back = Browser(REMOTE_ADDR=address)
    return own


def statuses(visit: Callable[[str], Any]) -> Iterator[int]:
    """Yield what is answered to each network of the household, then to another household."""
    for address in (*HERE, ELSEWHERE):
        yield visit(address).status_code


def test_links_for_who_forgot(house: None, once: Callable[[str], None]) -> None:
    once("pages.passwords.ASKED_FROM")
    answers = statuses(lambda at: ask(Browser(HTTP_HOST="localhost", REMOTE_ADDR=at), f"of {at}"))
    assert list(answers) == [303, 303, 303, 303, 429, 303]


def test_devices_that_begin(television: Client, once: Callable[[str], None]) -> None:
    once("authorization_server.devices._STARTS")
    answers = statuses(
        lambda at: calling(television, at).post("/oauth/device_authorization", {"scope": "openid"})
    )
    assert list(answers) == [200, 200, 200, 200, 429, 200]


def test_guesses_at_codes_of_devices(person: User, once: Callable[[str], None]) -> None:
    once("authorization_server.devices._PLACE_GUESSES")
    browser, guess = Browser(), {"user_code": "BCDF-GHJK"}
    sign_in(browser)
    answers = list(statuses(lambda at: browser.get("/device", guess, REMOTE_ADDR=at)))
    assert [each == 429 for each in answers] == [False, False, False, False, True, False]


def test_requests_that_are_pushed(house: None, once: Callable[[str], None]) -> None:
    once("authorization_server.pushed._PLACE")
    row = register()
    asked = Application(row).request()
    answers = statuses(lambda at: calling(row, at).post("/oauth/par", asked))
    assert list(answers) == [201, 201, 201, 201, 429, 201]


def test_events_of_pages_that_refuse(house: None, once: Callable[[str], None]) -> None:
    once("door.refused._RECORDED")
    pages = [Browser(REMOTE_ADDR=at).get("/no-such-page") for at in (*HERE, ELSEWHERE)]
    told = ["Support code" in page.content.decode() for page in pages]
    assert told == [True, True, True, True, False, True]


def test_no_budget_is_of_a_slash_64_alone() -> None:
    """`lockout.network` tells places apart; `spend_places` counts by them."""
    alone = re.compile(r"\bspend\([^()]*\bnetwork\(")
    assert not [str(path) for path in code() if alone.search(text(path))]
