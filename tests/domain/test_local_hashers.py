"""The hasher: Argon2id at the configured price, and never too many at once."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
from django.contrib.auth.hashers import check_password, get_hasher, make_password
from django.test import override_settings

from accounts.errors import TemporarilyUnavailable
from accounts.login import precedence
from providers.local import hashers

ROOT = Path(__file__).parents[2]
MIB = 1024


def price(memory_kib: int, passes: int = 1) -> dict[str, int]:
    return {"memory_cost": memory_kib, "time_cost": passes, "parallelism": 1}


def test_a_hash_is_argon2id_at_the_price_of_the_moment() -> None:
    with override_settings(VESTIBULE_ARGON2=price(2 * MIB, passes=3)):
        assert make_password("correct horse").startswith("argon2$argon2id$v=19$m=2048,t=3,p=1$")


def test_the_price_without_configuration_is_owasps() -> None:
    asked = "from django.conf import settings; print(settings.VESTIBULE_ARGON2)"
    clean = {k: v for k, v in os.environ.items() if not k.startswith("VESTIBULE_ARGON2")}
    said = subprocess.run(
        [sys.executable, "-c", asked],
        env={**clean, "DJANGO_SETTINGS_MODULE": "portal.settings"},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert said.stdout.strip() == str(price(46 * MIB))


def test_another_price_makes_a_hash_outdated_but_not_wrong() -> None:
    with override_settings(VESTIBULE_ARGON2=price(MIB)):
        old = make_password("correct horse")
        assert not get_hasher().must_update(old)
    with override_settings(VESTIBULE_ARGON2=price(2 * MIB)):
        assert get_hasher().must_update(old)
        assert check_password("correct horse", old)


@pytest.mark.parametrize("word", ["x" * 200, "  spaces  count  ", "🔑 nøgle", "p" * 4096])
def test_every_character_of_a_long_password_counts(word: str) -> None:
    encoded = make_password(word)
    assert check_password(word, encoded)
    assert not check_password(word[:-1], encoded)
    assert not check_password(word + "x", encoded)


def test_a_letter_fits_however_a_keyboard_composes_it() -> None:
    assert check_password("bla\u030abær", make_password("blåbær"))
    assert check_password("blåbær", make_password("bla\u030abær"))


@pytest.mark.parametrize("broken", ["argon2$", "argon2$argon2id$v=19$m=1024", "argon2$x$y$z$a$b"])
def test_a_hash_that_cannot_be_read_fits_nothing(broken: str) -> None:
    assert not hashers.Argon2id().verify("anything", broken)


def test_no_more_run_at_once_than_configured(monkeypatch: pytest.MonkeyPatch) -> None:
    running, most, lock = 0, 0, threading.Lock()
    real = hashers.Argon2PasswordHasher.encode

    def watched(self: hashers.Argon2id, password: str, salt: str) -> str:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        try:
            return real(self, password, salt)
        finally:
            with lock:
                running -= 1

    monkeypatch.setattr(hashers.Argon2PasswordHasher, "encode", watched)
    with (
        override_settings(VESTIBULE_HASHES_AT_ONCE=2, VESTIBULE_THREADS=16),
        ThreadPoolExecutor(8) as pool,
    ):
        made = list(pool.map(make_password, ["correct horse"] * 24))
    assert len(made) == 24
    assert 1 <= most <= 2


def test_beyond_a_bounded_queue_the_answer_is_to_come_back() -> None:
    with override_settings(VESTIBULE_HASHES_AT_ONCE=0, VESTIBULE_THREADS=0):
        with pytest.raises(TemporarilyUnavailable) as refused:
            make_password("correct horse")
        assert refused.value.status == 503
        assert refused.value.retry_after > 0
    assert check_password("correct horse", make_password("correct horse"))


def test_waiting_for_a_place_ends_after_the_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hashers, "PATIENCE_OF_THE_KNOWN", 0.01)
    with (
        override_settings(VESTIBULE_HASHES_AT_ONCE=1, VESTIBULE_THREADS=16),
        hashers._queue.turn(),
        pytest.raises(TemporarilyUnavailable),
    ):
        make_password("correct horse")
    assert make_password("correct horse")


def test_a_flood_of_sign_ins_keeps_the_memory_bounded() -> None:
    """Sixty threads hash at the real price; two at a time may take 46 MiB each."""
    flood = dedent("""
        import resource, threading, django
        django.setup()
        from django.contrib.auth.hashers import make_password
        from accounts.errors import TemporarilyUnavailable
        def peak(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        before, counts = peak(), {"made": 0, "refused": 0}
        def hash_one():
            try:
                make_password("correct horse")
                counts["made"] += 1
            except TemporarilyUnavailable:
                counts["refused"] += 1
        threads = [threading.Thread(target=hash_one) for _ in range(60)]
        [t.start() for t in threads]; [t.join() for t in threads]
        print(counts["made"], counts["refused"], peak() - before)
    """)
    said = subprocess.run(
        [sys.executable, "-c", flood],
        env={
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "portal.settings",
            "VESTIBULE_HASHES_AT_ONCE": "2",
            "VESTIBULE_ARGON2_MEMORY_KIB": str(46 * MIB),
        },
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    made, refused, grown_kib = map(int, said.stdout.split())
    assert made >= 2
    assert made + refused == 60
    assert grown_kib < (2 * 46 + 30) * MIB


KNOWN = precedence.Standing(is_known=True, place="192.0.2.7")


def stranger(host: int) -> precedence.Standing:
    return precedence.Standing(is_known=False, place=f"198.51.100.{host}")


class Crowd:
    """People who want a hash, in threads of their own, while the one place is held."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.served: list[str] = []
        self.refused: list[str] = []
        self.threads: list[threading.Thread] = []
        self.joined = threading.Semaphore(0)
        real = hashers._Queue._join

        def join(queue: hashers._Queue) -> Any:
            try:
                return real(queue)
            finally:
                self.joined.release()

        monkeypatch.setattr(hashers._Queue, "_join", join)

    def comes(self, name: str, who: precedence.Standing) -> None:
        """Let one more come, and return once it waits or was refused."""

        def hash_one() -> None:
            try:
                with precedence.on_behalf(who), hashers._queue.turn():
                    self.served.append(name)
            except TemporarilyUnavailable as error:
                self.refused.append(f"{name}: {error.reason}")

        self.threads.append(threading.Thread(target=hash_one))
        self.threads[-1].start()
        assert self.joined.acquire(timeout=30)

    def ends(self) -> None:
        for thread in self.threads:
            thread.join(30)


@pytest.fixture
def held_up(monkeypatch: pytest.MonkeyPatch) -> Iterator[Crowd]:
    """Hold the one place until the crowd has come; give who was served in which order."""
    monkeypatch.setattr(hashers, "PATIENCE", 30.0)
    monkeypatch.setattr(hashers, "PATIENCE_OF_THE_KNOWN", 30.0)
    with override_settings(VESTIBULE_HASHES_AT_ONCE=1, VESTIBULE_THREADS=8):
        crowd = Crowd(monkeypatch)
        yield crowd
        crowd.ends()


def test_a_flood_from_everywhere_leaves_known_browsers_the_first_place(held_up: Crowd) -> None:
    with hashers._queue.turn():
        held_up.joined.acquire()
        for host in range(40):
            held_up.comes(f"guess {host}", stranger(host))
        held_up.comes("owner", KNOWN)
    held_up.ends()
    assert held_up.served == ["owner", "guess 0", "guess 1", "guess 2"]
    assert len(held_up.refused) == 37
    assert {each.rpartition(": ")[2] for each in held_up.refused} == {"busy"}


def test_who_is_known_waits_for_a_slow_hash_and_a_guess_does_not(
    held_up: Crowd, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hashers, "PATIENCE", 0.01)
    with hashers._queue.turn():
        held_up.joined.acquire()
        held_up.comes("owner", KNOWN)
        held_up.comes("guess", stranger(1))
        held_up.threads[-1].join(30)
        assert held_up.refused == ["guess: busy"]
    held_up.ends()
    assert held_up.served == ["owner"]


def test_a_flood_from_one_network_leaves_the_others_a_place(held_up: Crowd) -> None:
    with hashers._queue.turn():
        held_up.joined.acquire()
        for number in range(40):
            held_up.comes(f"guess {number}", stranger(1))
        held_up.comes("visitor", stranger(2))
    held_up.ends()
    assert held_up.served == ["guess 0", "visitor", "guess 1", "guess 2"]


def test_as_many_hash_at_once_as_there_are_cores() -> None:
    asked = "from django.conf import settings; print(settings.VESTIBULE_HASHES_AT_ONCE)"
    cores = len(os.sched_getaffinity(0))
    clean = {k: v for k, v in os.environ.items() if not k.startswith("VESTIBULE_")}
    for workers, wanted in ((1, cores), (1000, 1)):
        known = {**clean, "DJANGO_SETTINGS_MODULE": "portal.settings"}
        said = subprocess.run(
            [sys.executable, "-c", asked],
            env={**known, "VESTIBULE_WORKERS": str(workers), "REDIS_URL": "redis://localhost"},
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        )
        assert said.stdout.strip() == str(wanted)
