"""accounts/models/reading.py: what one thread reads for all fails for all at once."""

from __future__ import annotations

import pytest
from django.db import OperationalError

from accounts.models import reading
from accounts.models.reading import OneReads
from tests.domain.test_ended import Clock, refuse


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    moved = Clock()
    monkeypatch.setattr(reading, "time", moved)
    return moved


def read(turns: OneReads, clock: Clock, seconds: float = 0.0, fails: bool = False) -> bool:
    """Tell whether somebody could read, for so many seconds."""
    try:
        with turns.turn():
            clock.now += seconds
            if fails:
                refuse()
    except OperationalError:
        return False
    return True


def test_a_failure_that_took_long_is_that_of_who_comes_within_a_second(clock: Clock) -> None:
    turns = OneReads()
    assert not read(turns, clock, seconds=5, fails=True)
    assert not read(turns, clock)
    clock.now += 1
    assert read(turns, clock)
    assert read(turns, clock)


def test_after_it_nobody_waits_for_who_tries_again(clock: Clock) -> None:
    turns = OneReads()
    read(turns, clock, seconds=5, fails=True)
    clock.now += 1
    with turns.turn():
        assert not read(turns, clock), "it would wait for ever"
    with turns.turn():
        pass


def test_a_failure_at_once_is_nobody_elses(clock: Clock) -> None:
    turns = OneReads()
    assert not read(turns, clock, fails=True)
    assert read(turns, clock)
