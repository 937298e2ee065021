"""The gateway under granian: several workers, and whose word on a request counts (attack H02)."""

from __future__ import annotations

import os
import time
from collections.abc import Callable

import pytest
import requests
from requests.adapters import HTTPAdapter

from tests.http.test_workers import END_ALL, PERSON, signed_in
from tests.peers.site import Site

RULES = """
[rules.files]
host = "files.example.org"
path = "/files"

[rules.open]
host = "files.example.org"
path = "/open"
access = "{access}"
"""
ASKED = {
    "X-Forwarded-Method": "GET",
    "X-Forwarded-Proto": "http",
    "X-Forwarded-Host": "files.example.org",
    "Accept": "text/html",
}


class _From(HTTPAdapter):
    """Calls from another of this machine's own addresses."""

    def __init__(self, address: str) -> None:
        self._address = address
        super().__init__()

    def init_poolmanager(self, *args: object, **kwargs: object) -> None:
        super().init_poolmanager(*args, source_address=(self._address, 0), **kwargs)  # type: ignore[no-untyped-call]


@pytest.fixture(scope="module")
def house(site: Callable[..., Site]) -> Site:
    workers = 3 if os.environ.get("REDIS_URL") else 1
    own = site(env={"VESTIBULE_TRUSTED_PROXIES": "127.0.0.1"}, workers=workers)
    own.manage("shell", "--verbosity=0", stdin=PERSON)
    own.manage("rules", "apply", "-", stdin=RULES.format(access="public"))
    return own


def ask(house: Site, path: str, cookie: str = "", **headers: str) -> int:
    """Ask by a connection of its own, which any worker may get. Returns the status."""
    sent = {**ASKED, "X-Forwarded-Uri": path, **headers}
    if cookie:
        sent["Cookie"] = f"vestibule={cookie}"
    url = house.url.replace("localhost", "127.0.0.1") + "/gateway/check"
    return requests.get(url, headers=sent, allow_redirects=False).status_code


def answers(house: Site, path: str, cookie: str = "") -> set[int]:
    """Return what the workers answer, of whom each is asked several times."""
    return {ask(house, path, cookie) for _ in range(18)}


def test_every_worker_follows_an_ending_and_a_rule_within_a_second(house: Site) -> None:
    cookie = str(signed_in(house.url).cookies["vestibule"])
    assert answers(house, "/files", cookie) == {200}
    assert answers(house, "/open") == {200}
    house.manage("rules", "apply", "-", stdin=RULES.format(access="nobody"))
    time.sleep(1.0)
    assert answers(house, "/open") == {403}
    house.manage("shell", "--verbosity=0", stdin=END_ALL)
    time.sleep(1.0)
    assert answers(house, "/files", cookie) == {302}


def test_h02_only_a_proxy_that_is_trusted_says_which_request_it_is(house: Site) -> None:
    url = house.url.replace("localhost", "127.0.0.1") + "/gateway/check"
    stranger = requests.Session()
    stranger.mount("http://", _From("127.0.0.2"))
    for headers in (
        {**ASKED, "X-Forwarded-Uri": "/open"},
        {"X-Original-Method": "GET", "X-Original-URL": "http://files.example.org/open"},
    ):
        assert stranger.get(url, headers=headers).status_code == 400


def test_h02_underscores_are_no_hyphens(house: Site) -> None:
    assert ask(house, "/files", X_Forwarded_Uri="/open") == 302
    assert ask(house, "/files", **{"X-Original_URL": "http://files.example.org/open"}) == 302


@pytest.mark.parametrize(
    "more",
    [
        {"X-Original-URL": "http://files.example.org/open", "X-Original-Method": "GET"},
        {"X-Original-Method": "PUT"},
    ],
)
def test_h02_a_second_word_that_says_something_else_is_refused(
    house: Site, more: dict[str, str]
) -> None:
    assert ask(house, "/files", **more) == 400


def test_a_body_and_a_long_head_are_no_trouble(house: Site) -> None:
    url = house.url.replace("localhost", "127.0.0.1") + "/gateway/check"
    sent = {**ASKED, "X-Forwarded-Uri": "/files", "X-Forwarded-Method": "PUT"}
    assert requests.put(url, data=b"x" * 300_000, headers=sent).status_code == 401
    long = {**sent, "X-Forwarded-Uri": "/files?" + "a" * 9000}
    assert requests.get(url, headers=long).status_code == 400
