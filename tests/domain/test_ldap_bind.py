"""What counts as the answer to a bind (RFC 4511, 4.2.2): nothing else proves a password."""

from __future__ import annotations

import time

import pytest

from accounts.http import CallFailed, Place
from accounts.http.upstreams import Visit
from providers.ldap.client import Connection, Result
from providers.ldap.settings import Server
from tests.peers.troubled_directory import element, result, troubled

NOTHING = element(0x04)
# What a server sends in the place of its one answer.
NO_ANSWERS = {
    "of a search": [result(0, 0x65)],
    "extended": [result(0, 0x78)],
    "intermediate": [element(0x79), result(0)],
    "no code": [element(0x61, element(0x0A), NOTHING, NOTHING)],
    "nothing": [element(0x61)],
    "no, then yes": [result(49), result(0)],
    "yes, then no": [result(0), result(49)],
    "yes, and more": [result(0) + b"\x30"],
}


def bound(*operations: bytes) -> Result:
    place = Place(5.0, time.monotonic() + 5, 4096, Visit(is_probe=False))
    with troubled("answers", *operations) as url:
        server = Server("127.0.0.1", int(url.rpartition(":")[2]), tls=False)
        connection = Connection(server, None, place)
        try:
            return connection.bind("cn=alice", "ldap-alice", place)
        finally:
            connection.close()


def test_one_answer_with_a_code_counts() -> None:
    assert bound(result(0)).code == 0
    assert bound(result(49)).code == 49
    assert bound(result(0, dn=b"NTLM")).code == 0


@pytest.mark.parametrize("case", NO_ANSWERS)
def test_nothing_else_does(case: str) -> None:
    with pytest.raises(CallFailed):
        bound(*NO_ANSWERS[case])
