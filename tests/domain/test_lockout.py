"""The lock-out: three counters, none of which shuts anybody out for longer than five minutes."""

from __future__ import annotations

import socket
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from threading import Barrier

import pytest
import time_machine
from django.test import override_settings
from limits import RateLimitItemPerHour

from accounts.errors import TooManyRequests
from accounts.login import lockout
from tests.peers.services import Redis
from tests.peers.site import free_port

pytestmark = pytest.mark.services

HERE = "192.0.2.1"

# Redis counts by its own clock, which no test moves.
in_memory = override_settings(REDIS_URL="")


def guess(name: str = "anna", address: str = HERE, source: str = "local") -> None:
    lockout.check(source, name, address)
    lockout.failed(source, name, address)


def locked(name: str = "anna", address: str = HERE, source: str = "local") -> int:
    """Return for how many seconds; 0 when another attempt would be judged."""
    try:
        lockout.check(source, name, address)
    except TooManyRequests as error:
        return error.retry_after
    lockout.refund(source, name, address)
    return 0


def times(number: int, do: Callable[[], None]) -> None:
    for _ in range(number):
        do()


def test_five_failures_lock_a_name_at_an_address_and_nothing_else() -> None:
    times(5, guess)
    assert 0 < locked() <= 300
    assert not locked(address="192.0.2.2")
    assert not locked(name="berta")
    assert not locked(source="ldap")


def test_the_page_on_directories_names_the_limits_below_which_theirs_must_not_be() -> None:
    page = " ".join(Path("docs/ldap.md").read_text(encoding="utf-8").split())
    pair, name, device, ceiling = (
        each.amount for each in (lockout.PAIR, lockout.NAME, lockout.DEVICE, lockout.CEILING)
    )
    assert f"Within five minutes {pair} wrong passwords for one name reach" in page
    assert f"{name} from everywhere, and {device} more from each browser" in page
    assert f"within a day {ceiling} in a row. Set the directory's own limit above {ceiling}" in page


def test_the_refusal_is_a_429_that_says_when_to_come_back() -> None:
    times(5, guess)
    with pytest.raises(TooManyRequests) as refused:
        guess()
    assert (refused.value.status, refused.value.reason) == (429, "locked-out")
    assert 0 < refused.value.retry_after <= 300


def test_a_success_clears_the_pair_and_the_name() -> None:
    times(4, guess)
    lockout.check("local", "anna", HERE)
    lockout.succeeded("local", "anna", HERE)
    times(5, guess)
    assert locked()


def test_twenty_failures_lock_a_name_from_everywhere() -> None:
    for host in range(20):
        guess(address=f"192.0.2.{host}")
    assert 0 < locked(address="198.51.100.7") <= 300
    assert not locked(name="berta", address="198.51.100.7")


def test_being_locked_out_by_strangers_costs_the_owner_no_attempts() -> None:
    for host in range(20):
        guess(address=f"192.0.2.{host}")
    assert all(locked(address=HERE) for _ in range(10))
    lockout.succeeded("local", "anna", "203.0.113.1")
    assert not locked(address="198.51.100.7")


def test_a_hundred_failures_lock_an_address_and_success_does_not_free_it() -> None:
    for number in range(100):
        guess(name=f"person{number}")
    assert 0 < locked(name="somebody-else") <= 300
    lockout.succeeded("local", "the-guessers-own-account", HERE)
    assert locked(name="somebody-else")
    assert not locked(name="somebody-else", address="192.0.2.2")


def test_an_address_where_everybody_succeeds_is_never_locked() -> None:
    for number in range(150):
        lockout.check("local", f"pupil{number}", HERE)
        lockout.succeeded("local", f"pupil{number}", HERE)
    assert not locked()


def test_an_attempt_that_was_not_judged_is_given_back() -> None:
    for _ in range(20):
        lockout.check("ldap", "anna", HERE)
        lockout.refund("ldap", "anna", HERE)
    times(5, lambda: guess(source="ldap"))
    assert locked(source="ldap")


def test_parallel_guesses_cannot_slip_past_the_count() -> None:
    def judged(_: int) -> bool:
        try:
            lockout.check("local", "anna", HERE)
        except TooManyRequests:
            return False
        return True

    with ThreadPoolExecutor(20) as pool:
        assert sum(pool.map(judged, range(60))) == 5


@pytest.mark.parametrize("other", ["ANNA", " anna ", "an\u200bna", "\uff41nna"])
def test_another_spelling_of_a_name_is_the_same_name(other: str) -> None:
    times(5, guess)
    assert locked(name=other)


def test_a_known_browser_gets_in_while_strangers_guess() -> None:
    for host in range(20):
        guess(address=f"192.0.2.{host}")
    with pytest.raises(TooManyRequests):
        lockout.check("local", "anna", HERE)
    lockout.check("local", "anna", HERE, "browser-of-anna")
    lockout.succeeded("local", "anna", HERE, "browser-of-anna")


def test_a_stolen_device_cookie_has_no_more_guesses_than_others() -> None:
    for _ in range(10):
        lockout.check("local", "anna", HERE, "stolen")
        lockout.failed("local", "anna", HERE, "stolen")
    for _ in range(5):
        lockout.check("local", "anna", HERE, "stolen")  # now as anybody
        lockout.failed("local", "anna", HERE, "stolen")
    with pytest.raises(TooManyRequests):
        lockout.check("local", "anna", HERE, "stolen")
    lockout.check("local", "anna", HERE, "another browser")


@in_memory
def test_failures_in_a_row_have_a_ceiling_for_the_day() -> None:
    with time_machine.travel("2030-01-01T00:00:00Z", tick=False) as clock:
        for number in range(100):
            guess(address=f"192.0.{number}.1")
            clock.shift(60)
        clock.shift(3600)
        assert locked(address="198.51.100.7") > 3600
        lockout.check("local", "anna", HERE, "browser-of-anna")
        lockout.succeeded("local", "anna", HERE, "browser-of-anna")
        assert not locked(address="198.51.100.7")
        times(1, lambda: guess(address="198.51.100.7"))
        clock.shift(86400)
        assert not locked()


@in_memory
def test_a_stolen_device_cookie_has_the_ceiling_of_the_day_as_well() -> None:
    with time_machine.travel("2030-01-01T00:00:00Z", tick=False) as clock:
        for _ in range(100):
            lockout.check("local", "anna", HERE, "stolen")
            lockout.failed("local", "anna", HERE, "stolen")
            clock.shift(60)
        with pytest.raises(TooManyRequests) as refused:
            lockout.check("local", "anna", HERE, "stolen")
        assert refused.value.retry_after > 3600
        lockout.check("local", "anna", HERE, "browser-of-anna")


def test_a_school_is_not_shut_out_of_its_own_passwords() -> None:
    for number in range(100):
        guess(name=f"person{number}")
    with pytest.raises(TooManyRequests):
        lockout.check("local", "pupil", HERE)
    lockout.check("local", "pupil", HERE, is_familiar=lambda: True)
    for number in range(900):
        lockout.failed("local", f"person{number}", HERE)
    with pytest.raises(TooManyRequests):
        lockout.check("local", "another pupil", HERE, is_familiar=lambda: True)


@pytest.mark.parametrize(
    ("pattern", "factor"), [("2001:db8:1:1{:02x}::1", 2), ("2001:db8:1:{:x}::1", 4)]
)
def test_wider_networks_of_ipv6_count_as_well(pattern: str, factor: int) -> None:
    """A /56 has 256 networks of 64 bits, a /48 has 65,536: each with its own hundred otherwise."""
    for number in range(100 * factor):
        step = number % 256 * (1 if factor == 2 else 256)
        guess(name=f"person{number}", address=pattern.format(step))
    assert locked(name="somebody", address=pattern.format(255 if factor == 2 else 65535))
    assert not locked(name="somebody", address="2001:db8:2::1")


def test_what_is_spent_by_places_is_spent_by_wide_ones_too() -> None:
    once = RateLimitItemPerHour(1, namespace="places")
    for number in range(4):
        lockout.spend_places(once, f"2001:db8:1:{number}00::1")
    with pytest.raises(TooManyRequests):
        lockout.spend_places(once, "2001:db8:1:400::1")
    lockout.spend_places(once, "2001:db8:2::1")
    lockout.spend_places(once, "192.0.2.1")
    with pytest.raises(TooManyRequests):
        lockout.spend_places(once, "192.0.2.1")


def test_one_place_that_is_refused_uses_nothing_up_for_its_neighbours() -> None:
    once = RateLimitItemPerHour(1, namespace="neighbours")
    for number in range(9):
        with suppress(TooManyRequests):
            lockout.spend_places(once, f"2001:db8:1::{number}")
    lockout.spend_places(once, "2001:db8:1:1::1")


def test_refusals_are_told_by_few_places_of_one_household() -> None:
    first = [lockout.is_first_refusal("local", f"2001:db8:1:{n}00::1") for n in range(6)]
    assert first == [True, True, True, True, False, False]
    assert lockout.is_first_refusal("local", "2001:db8:2::1")


def test_a_slash_64_of_ipv6_is_one_address() -> None:
    for number in range(5):
        guess(address=f"2001:db8:1:2::{number}")
    assert locked(address="2001:db8:1:2:ffff::9")
    assert not locked(address="2001:db8:1:3::1")


@pytest.mark.parametrize(
    ("address", "place"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8::1", "2001:db8::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", ""),
        ("not an address", ""),
    ],
)
def test_what_counts_as_one_place(address: str, place: str) -> None:
    assert lockout.network(address) == place


@pytest.mark.parametrize("name", ["", "x" * 1_000_000, "a\0b", "\ud800", "🔑"])
def test_any_text_can_be_counted(name: str) -> None:
    times(5, lambda: guess(name=name))
    assert locked(name=name)


@in_memory
def test_all_three_are_over_after_five_minutes_even_if_guessed_on() -> None:
    with time_machine.travel("2030-01-01T12:00:00Z", tick=False) as clock:
        for host in range(20):
            times(5, lambda host=host: _quietly(f"192.0.2.{host}"))
        clock.shift(299)
        assert locked(address="192.0.2.1") == 1
        times(50, lambda: _quietly("192.0.2.1"))
        clock.shift(1)
        assert not locked(address="192.0.2.1")
        times(5, guess)
        assert locked()


def _quietly(address: str) -> None:
    with suppress(TooManyRequests):
        guess(address=address)


@in_memory
def test_what_has_expired_is_not_kept() -> None:
    with time_machine.travel("2030-01-01T12:00:00Z", tick=False) as clock:
        for number in range(50):
            guess(name=f"person{number}")
        counts = lockout._counters("").memory.storage._counts
        assert len(counts) > 100
        clock.shift(86400)
        guess()
        assert len(counts) > len(lockout._counters("").memory.storage._counts) == 5


@in_memory
def test_the_first_guesses_of_all_count_together_however_many_come_at_once() -> None:
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for _ in range(30):
            lockout._counters.cache_clear()  # what a worker starts with
            gate = Barrier(12)
            with ThreadPoolExecutor(12) as pool:
                told = list(pool.map(_at_gate, [gate] * 12))
            assert sum(told) == 2
    finally:
        sys.setswitchinterval(before)


def _at_gate(gate: Barrier) -> bool:
    gate.wait()
    try:
        lockout.spend(RateLimitItemPerHour(2, namespace="first"), "thing")
    except TooManyRequests:
        return False
    return True


def test_spend_allows_so_many_uses_of_a_thing() -> None:
    twice = RateLimitItemPerHour(2, namespace="test")
    lockout.spend(twice, "thing", "of anna")
    lockout.spend(twice, "thing", "of anna")
    lockout.spend(twice, "thing", "of berta")
    with pytest.raises(TooManyRequests) as refused:
        lockout.spend(twice, "thing", "of anna")
    assert 0 < refused.value.retry_after <= 3600


def test_a_redis_that_is_down_leaves_each_worker_its_own_count() -> None:
    with override_settings(REDIS_URL=f"redis://127.0.0.1:{free_port()}/0"):
        times(5, guess)
        assert locked()


def test_a_redis_that_is_silent_is_asked_once_and_then_left_alone() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"redis://127.0.0.1:{silent.getsockname()[1]}/0"
        with override_settings(REDIS_URL=url):
            guess()
            lockout._counters(url).redis_rests_until += 60  # so many guesses may take long
            rests_until = lockout._counters(url).redis_rests_until
            times(4, guess)
            assert rests_until > time.monotonic()
            assert lockout._counters(url).redis_rests_until == rests_until
            assert locked()


@pytest.fixture
def redis() -> Iterator[str]:
    """Give the address of a Redis of this test's own."""
    with Redis().running() as own:
        yield own.url


def test_workers_count_together_in_redis_and_no_name_is_kept_there(redis: str) -> None:
    with override_settings(REDIS_URL=redis):
        times(5, guess)
        lockout._counters.cache_clear()  # what another worker starts with
        assert 0 < locked() <= 300
        client = lockout._counters(redis).redis.storage.storage
        keys = [key.decode() for key in client.keys("vestibule-lockout:*")]
        assert len(keys) == 5
        assert not [key for key in keys if "anna" in key or HERE in key]
        lockout.succeeded("local", "anna", HERE)
        assert len(client.keys("*")) == 2  # the failures of the address stay
        assert not locked()
