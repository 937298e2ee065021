"""Redis is only a cache: with a dead or a frozen one the real site signs in, knows, and lets go."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any

import pytest
import requests

from tests.http.test_without_database import PASSWORD, csrf, enter, open_site, set_cookies, until
from tests.peers.services import Redis
from tests.peers.site import Site

# A worker tries Redis once a second, and once for the lock-out: each may take a second. A few times
# what it takes with a Redis is on top of it.
SOON = 4.0


@pytest.fixture(scope="module")
def redis() -> Iterator[Redis]:
    with Redis().running() as own:
        yield own


@pytest.fixture(scope="module")
def house(
    redis: Redis, migrated_file: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Site]:
    with ExitStack() as stack:
        data = tmp_path_factory.mktemp("site")
        yield open_site(stack, data, migrated_file, REDIS_URL=redis.url)


@pytest.fixture(params=["stopped", "frozen"])
def without(request: pytest.FixtureRequest, redis: Redis) -> Any:
    """Give the block in which there is no Redis, in one of two ways."""
    return getattr(redis, request.param)


def test_people_come_in_are_known_and_leave(house: Site, without: Any) -> None:
    enter(house)
    began = time.monotonic()
    before, at = enter(house), house.url
    soon = SOON + 2 * (time.monotonic() - began)

    def timed(browser: requests.Session, method: str, url: str, **more: Any) -> requests.Response:
        begun = time.monotonic()
        answer = browser.request(method, url, allow_redirects=False, timeout=60, **more)
        assert time.monotonic() - begun < soon, (method, url)
        assert answer.status_code < 500, (method, url, answer.text)
        return answer

    with without():
        assert timed(before, "GET", f"{at}/auth/session").json()["isLoggedIn"] is True
        assert timed(before, "GET", f"{at}/account/").status_code == 200

        new = requests.Session()
        for path in ("/", "/login", "/auth/sources", "/auth/login/local"):
            assert timed(new, "GET", at + path).status_code in {200, 302, 303}
        form = {"username": "alice", "password": PASSWORD, **csrf(new)}
        entered = timed(new, "POST", f"{at}/auth/login/local", data=form)
        assert entered.headers["Location"] == "/account/"
        wrong = {**form, "password": "a wrong guess", **csrf(requests.Session())}
        assert (
            timed(requests.Session(), "POST", f"{at}/session/login", data=wrong).status_code == 401
        )

        pair = timed(
            requests.Session(),
            "POST",
            f"{at}/session/login",
            data={"username": "alice", "password": PASSWORD},
        ).json()
        bearer = {"Authorization": f"Bearer {pair['access_token']}"}
        details = timed(requests.Session(), "GET", f"{at}/users/user/details", headers=bearer)
        assert details.json()["User"]["name"] == "alice"
        token = {"refresh_token": pair["refresh_token"]}
        assert timed(requests.Session(), "POST", f"{at}/session/refresh", json=token).ok

        for browser in (before, new):
            left = timed(browser, "POST", f"{at}/auth/logout", data=csrf(browser))
            assert left.status_code == 303
            assert any(each.startswith("vestibule=") for each in set_cookies(left))
            known = timed(browser, "GET", f"{at}/auth/session")
            assert known.json() == {"isLoggedIn": False, "type": "anonymous"}
    ready(house)


def test_all_at_once_are_answered(house: Site, without: Any) -> None:
    browser = enter(house)
    cookies = browser.cookies.get_dict()

    def look(_number: int) -> tuple[float, int, bool]:
        begun = time.monotonic()
        answer = requests.get(f"{house.url}/auth/session", cookies=cookies, timeout=60)
        return time.monotonic() - begun, answer.status_code, answer.json()["isLoggedIn"]

    with ThreadPoolExecutor(30) as threads:
        usual = max(seconds for seconds, *_ in threads.map(look, range(60)))
        with without():
            found = list(threads.map(look, range(60)))
    assert {each[1:] for each in found} == {(200, True)}
    assert max(seconds for seconds, *_ in found) < SOON + 4 * usual
    ready(house)


def test_who_left_while_it_was_away_is_not_known_when_it_is_back(house: Site, redis: Redis) -> None:
    browser = enter(house)
    assert browser.get(f"{house.url}/auth/session", timeout=60).json()["isLoggedIn"] is True
    held = browser.cookies.get_dict()
    with redis.frozen():  # and what it holds is still there afterwards
        browser.post(f"{house.url}/auth/logout", data=csrf(browser), timeout=60)
    ready(house)
    again = requests.get(f"{house.url}/auth/session", cookies=held, timeout=60)
    assert again.json()["isLoggedIn"] is False


def test_ready_names_it(house: Site, without: Any) -> None:
    """That it looks at its own clock is held by test_without_database.py, where the site would wait
    longest.
    """
    ready(house)
    begun = time.monotonic()
    ready(house)
    usual = time.monotonic() - begun
    with without():
        begun = time.monotonic()
        answer = requests.get(f"{house.url}/readyz", timeout=60)
        assert time.monotonic() - begun < SOON + 4 * usual
        assert answer.status_code == 503
        told = answer.json()
        assert (told["database"], told["cache"]) == ("ok", "unavailable")
    ready(house)


def ready(house: Site) -> None:
    until(lambda: requests.get(f"{house.url}/readyz", timeout=60).status_code == 200)
