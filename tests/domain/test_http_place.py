"""What speaks no HTTP is bounded as what does: in number, in time, after a failure."""

from __future__ import annotations

import time
from contextlib import ExitStack
from typing import Any

import pytest

from accounts.errors import BUSY
from accounts.http import CallFailed, Client, Upstreams
from accounts.http.upstreams import FAILURES

WHERE = "ldap://127.0.0.1:389"


@pytest.fixture
def client(settings: Any) -> Client:
    settings.VESTIBULE_HTTP_PER_UPSTREAM = 2
    settings.VESTIBULE_HTTP_DEADLINE = 0.2
    return Client("test", Upstreams())


def test_so_many_at_once_and_no_more(client: Client) -> None:
    with ExitStack() as held:
        for _ in range(2):
            held.enter_context(client.place("LDAP", WHERE))
        with pytest.raises(CallFailed) as caught, client.place("LDAP", WHERE):
            pytest.fail("a third place")
    assert caught.value.reason == BUSY


def test_the_deadline_is_a_calls_or_shorter(client: Client) -> None:
    with client.place("LDAP", WHERE) as own:
        assert own.ends - time.monotonic() <= 0.2
    with client.place("LDAP", WHERE, 0.1) as own:
        assert own.ends - time.monotonic() <= 0.1
        assert own.connect <= 0.1


def test_who_fails_in_a_row_rests(client: Client) -> None:
    for _ in range(FAILURES):
        with client.place("LDAP", WHERE):
            pass
    with pytest.raises(CallFailed) as caught, client.place("LDAP", WHERE):
        pytest.fail("it rests")
    assert caught.value.kind == "CircuitOpen"


def test_who_answers_does_not(client: Client) -> None:
    for _ in range(2 * FAILURES):
        with client.place("LDAP", WHERE) as own:
            own.succeeded()
