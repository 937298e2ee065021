"""What servers say of passwords beside right and wrong, as each kind of server says it."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounts.errors import (
    DISABLED,
    NOT_AUTHORIZED,
    AccessDenied,
    InvalidGrant,
    Misconfigured,
    ProtocolError,
)
from accounts.http import CallFailed
from providers.ldap import policy
from providers.ldap.client import Result

HERE = "ldap://d:389"
AD = "80090308: LdapErr: DSID-0C090447, comment: AcceptSecurityContext error, data {}, v3839"


def refused(result: Result) -> ProtocolError:
    with pytest.raises(ProtocolError) as caught:
        policy.check(result, HERE)
    return caught.value


@pytest.mark.parametrize(
    ("code", "said", "reason"),
    [
        ("532", policy.EXPIRED, NOT_AUTHORIZED),
        ("773", policy.MUST_CHANGE, NOT_AUTHORIZED),
        ("775", policy.LOCKED, NOT_AUTHORIZED),
        ("533", policy.CLOSED, DISABLED),
        ("701", policy.CLOSED, DISABLED),
    ],
)
def test_active_directory_says_it_in_its_message(code: str, said: str, reason: str) -> None:
    error = refused(Result(49, AD.format(code)))
    assert isinstance(error, AccessDenied)
    assert (error.description, error.reason) == (said, reason)


@pytest.mark.parametrize("code", ["52e", "525"])
def test_its_wrong_password_and_its_unknown_name_are_alike(code: str) -> None:
    assert isinstance(refused(Result(49, AD.format(code))), InvalidGrant)


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        *((code, InvalidGrant) for code in (32, 34, 48, 49)),
        *((code, AccessDenied) for code in (19, 53)),
        *((code, Misconfigured) for code in (8, 13)),
        *((code, CallFailed) for code in (1, 2, 3, 10, 51, 52, 80)),
    ],
)
def test_each_result_code_is_what_it_is(code: int, kind: type[ProtocolError]) -> None:
    assert isinstance(refused(Result(code)), kind)


@pytest.mark.parametrize(
    ("control", "said"),
    [
        (b"\x30\x03\x81\x01\x00", policy.EXPIRED),
        (b"\x30\x03\x81\x01\x01", policy.LOCKED),
        (b"\x30\x03\x81\x01\x02", policy.MUST_CHANGE),
    ],
)
def test_the_control_tells_them_apart(control: bytes, said: str) -> None:
    for code in (0, 49):
        assert refused(Result(code, policy=control)).description == said


@pytest.mark.parametrize(
    ("control", "notice"),
    [
        (b"", ""),
        (b"\x30\x00", ""),
        (b"\x30\x05\xa0\x03\x81\x01\x01", "sign in with it 1 more time;"),
        (b"\x30\x05\xa0\x03\x81\x01\x02", "sign in with it 2 more times;"),
        (b"\x30\x05\xa0\x03\x81\x01\x00", "sign in with it 0 more times;"),
        (b"\x30\x06\xa0\x04\x80\x02\x0e\x10", "within 1 day."),
        (b"\x30\x07\xa0\x05\x80\x03\x04\x1a\xdc", "within 3 days."),
        (b"\x30\x08\xa0\x06\x80\x04\x01\xe1\x33\x80", ""),  # a year
    ],
)
def test_what_is_left_is_told_in_time(control: bytes, notice: str) -> None:
    said = policy.check(Result(0, policy=control), HERE)
    assert (notice in said) if notice else not said


@given(st.binary(max_size=60))
def test_a_control_that_cannot_be_read_says_nothing_and_breaks_nothing(control: bytes) -> None:
    with suppress(AccessDenied):
        assert isinstance(policy.check(Result(0, policy=control), HERE), str)
