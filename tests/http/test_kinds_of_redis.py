"""docs/configuration.md, Redis: the site on a server with TLS and a name, behind Sentinels with
passwords, and on a Cluster: people come in, are known, are counted, and leave.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest
from django.core.cache import CacheHandler
from django.db import connection
from django.test import Client, override_settings
from django.test.utils import CaptureQueriesContext

from accounts import cache, ended
from accounts.cache import servers
from accounts.errors import TooManyRequests
from accounts.keyring import digest
from accounts.login import lockout
from accounts.models import User
from accounts.source import outage
from portal.configuration import stores
from tests.http.conftest import sign_in
from tests.peers.redises import Alone, Chosen, Cluster, Group, Moving

SILENCE = 15_000  # milliseconds: none of them is gone here, however busy the machine is
KINDS: dict[str, Callable[[], Group]] = {
    "alone": lambda: Alone(tls=True),
    "chosen": lambda: Chosen(tls=True, silence=SILENCE, guarded=True, watchers=1),
    "cluster": lambda: Cluster(tls=True, silence=SILENCE),
}


@pytest.fixture(scope="module", params=KINDS)
def group(request: pytest.FixtureRequest) -> Iterator[Group]:
    with KINDS[request.param]().running() as own:
        yield own


@contextmanager
def kept_in(url: str) -> Iterator[None]:
    """Let the house keep what it caches and counts in the Redis at `url`, for the block."""
    with pytest.MonkeyPatch.context() as patch, override_settings(REDIS_URL=url):
        patch.setattr(cache, "caches", CacheHandler(stores.caches(url)))
        patch.setattr(cache, "_silence", cache.Silence())
        patch.setattr(lockout, "REDIS_WAITS", servers.Waits(5, 5, 1))
        lockout._counters.cache_clear()
        yield
        lockout._counters.cache_clear()


@pytest.fixture
def kept(group: Group, house: None) -> Iterator[Group]:
    with kept_in(group.url):
        yield group


def keys(group: Group) -> set[str]:
    """Return the keys in every server of the group that takes writes."""
    own = servers.client(group.url, servers.Waits(5, 5))
    return {key.decode() for key in own.scan_iter("*")}


def test_a_person_comes_in_is_known_and_leaves(
    kept: Group, person: User, django_capture_on_commit_callbacks: Any
) -> None:
    browser = Client()
    assert sign_in(browser)["Location"] == "/account/"
    held = digest(browser.cookies["vestibule"].value)
    for _ in range(2):
        assert browser.get("/auth/session").json()["isLoggedIn"] is True
    assert any(key.startswith("vestibule-session:") and held in key for key in keys(kept))
    with django_capture_on_commit_callbacks(execute=True):
        browser.post("/auth/logout")
    assert not any(held in key for key in keys(kept))
    assert browser.get("/auth/session").json()["isLoggedIn"] is False
    assert not cache._silence.holds()


def test_guesses_are_counted_there(kept: Group, person: User) -> None:
    for _ in range(5):
        assert sign_in(Client(), password="a wrong guess").status_code == 400
    lockout._counters.cache_clear()  # what another worker starts with
    assert sign_in(Client()).status_code == 429
    assert any(key.startswith("vestibule-lockout:") for key in keys(kept))
    assert lockout._counters(kept.url).redis_rests_until == 0


def test_what_is_asked_and_deleted_at_once_may_lie_in_many_places(kept: Group) -> None:
    slugs = [f"town-{number}" for number in range(20)]
    for slug in slugs[::2]:
        outage.note(slug)
    assert set(outage.since(slugs)) == set(slugs[::2])
    assert [outage.is_doubtful(slug) for slug in slugs] == [True, False] * 10
    names = {f"name-{number}": number for number in range(20)}
    for name, number in names.items():
        cache.shared.set(name, number, 60)
    assert cache.shared.get_many([*names, "nothing"]) == names
    cache.shared.delete(*names)
    assert cache.shared.get_many(names) == {}


def test_what_somebody_else_keeps_under_our_names_is_no_value_and_no_failure(kept: Group) -> None:
    """A hash, where the house asks for a text: each look would silence every cache for a second."""
    cache.shared.set("known", 1, 60)
    name = cache.caches["default"].make_key("strange")
    servers.client(kept.url, servers.Waits(5, 5)).hset(str(name), "a", "1")
    assert cache.shared.get("strange") is None
    assert cache.shared.get("known") == 1
    cache.shared.set("strange", 2, 60)
    assert cache.shared.get("strange") == 2
    cache.shared.delete("known", "strange")


def test_an_ending_moves_the_mark_for_another_worker(
    kept: Group, settings: Any, django_capture_on_commit_callbacks: Any
) -> None:
    settings.VESTIBULE_FEED_MARK = True
    other = ended.Feed()

    def asks() -> int:
        other.expire()
        with CaptureQueriesContext(connection) as captured:
            other.refreshed()
        return len(captured)

    assert [asks() > 0 for _ in range(3)] == [True, True, False]
    with django_capture_on_commit_callbacks(execute=True):
        ended.announce("session", ["left"])
    assert asks() > 0
    assert ("session", "left") in other.entries
    assert asks() == 0


@pytest.mark.parametrize(
    "url", ["redis+sentinel://127.0.0.1:9/town", "redis+cluster://127.0.0.1:9"]
)
def test_without_any_of_them_people_come_in_and_are_counted(
    url: str, house: None, person: User
) -> None:
    with kept_in(url):
        browser = Client()
        assert sign_in(browser)["Location"] == "/account/"
        assert browser.get("/auth/session").json()["isLoggedIn"] is True
        for _ in range(5):
            sign_in(Client(), password="a wrong guess")
        assert sign_in(Client()).status_code == 429


def test_an_address_that_moves_is_followed(house: None) -> None:
    """A failover behind a name or an address: the former master lives on, and takes no writes."""
    with Moving().running() as group, kept_in(group.url):
        cache.shared.set("town", 1, 60)
        lockout.spend(lockout.REFUSAL, "before")
        group.move()
        for _ in range(2):  # the former master refuses the first
            cache._silence.end()
            cache.shared.set("town", 2, 60)
        assert cache.shared.get("town") == 2
        for _ in range(2):
            lockout._counters(group.url).redis_rests_until = 0
            with suppress(TooManyRequests):
                lockout.spend(lockout.REFUSAL, "after")
        assert lockout._counters(group.url).redis_rests_until == 0
