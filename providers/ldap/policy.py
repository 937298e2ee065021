"""What a directory says of a password beside right and wrong: expired, to be changed, locked.

Servers with a password policy say it in a control (draft-behera-ldap-password-policy, 6.2), Active
Directory in the text of its refusal.
"""

import re
from collections.abc import Iterator
from datetime import timedelta

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop, ngettext

from accounts.errors import (
    DISABLED,
    AccessDenied,
    InvalidGrant,
    Misconfigured,
    ProtocolError,
    Said,
)
from accounts.http import CallFailed
from providers.ldap.client import SUCCESS, Result

EXPIRED = "The password has expired."
MUST_CHANGE = "The password must be changed first."
LOCKED = "The account is locked at the directory."
CLOSED = "The account is disabled at the directory."
WRONG = "The directory does not take this name and password."

# The control's errors (6.2), and Active Directory's codes ([MS-ERREF] 2.2, as bind errors show it).
_ERRORS = {0: EXPIRED, 1: LOCKED, 2: MUST_CHANGE}
_CODES = {
    "532": EXPIRED,
    "773": MUST_CHANGE,
    "775": LOCKED,
    "533": CLOSED,
    "701": CLOSED,
    "530": CLOSED,
    "531": CLOSED,
}
_DATA = re.compile(r"AcceptSecurityContext error, data ([0-9a-f]+)")
# Result codes (RFC 4511, A.1). All others say that the server is in trouble.
_WANTS_TLS = {8, 13}
_WRONG = {32, 34, 48, 49}
_UNWILLING, _CONSTRAINT = 53, 19
# Of these the settings are the reason, and each server would say the same.
OUR_FAULT = _WANTS_TLS | _WRONG
_SOON = timedelta(days=14)


def check(result: Result, origin: str) -> str:
    """Return the notice that goes with a bind that succeeded, mostly none.

    Raises `InvalidGrant` for a wrong password, `AccessDenied` for a right one that does not count,
    `Misconfigured` and `CallFailed` for what says nothing of the password.
    """
    told = dict(_parts(result.policy))
    said = _ERRORS.get(_number(told.get(0x81)))
    if result.code == SUCCESS:
        if said:
            raise refusal(said)
        return _notice(dict(_parts(told.get(0xA0, b""), is_sequence=False)))
    code = _DATA.search(result.message)
    said = said or _CODES.get(code[1] if code else "")
    raise refusal(said) if said else _failure(result.code, origin)


def refusal(why: str) -> AccessDenied:
    """Return the error of a right password that does not count."""
    return AccessDenied(why, reason=DISABLED) if why == CLOSED else AccessDenied(why)


def explain(description: str, page: str) -> tuple[str, str]:
    """Return in plain words why, and what to do, for the description of a refusal."""
    elsewhere = _("Change it where you usually do, then sign in here again.")
    change = _("Choose a new one at %s, then sign in here again.") % page if page else elsewhere
    return {
        EXPIRED: (_("Your password has expired."), change),
        MUST_CHANGE: (_("You must choose a new password before you can go on."), change),
        LOCKED: (
            _("Your account is locked for now, often after too many wrong passwords."),
            _("Wait a while, or ask those who look after the account."),
        ),
    }.get(description, ("", ""))


def _failure(code: int, origin: str) -> ProtocolError:
    if code in _WANTS_TLS:
        template = gettext_noop("%(place)s takes passwords by TLS only, or not by simple bind.")
        return Misconfigured(Said(template, place=origin))
    if code == _UNWILLING:
        return refusal(CLOSED)
    if code == _CONSTRAINT:
        return refusal(LOCKED)
    if code in _WRONG:
        return InvalidGrant(WRONG)
    template = gettext_noop("%(place)s cannot judge a password now (%(code)d).")
    return CallFailed(Said(template, place=origin, code=code), kind="Refused")


def _notice(warning: dict[int, bytes]) -> str:
    """Return the control's warning as a sentence: logins that are left, or time that is."""
    grace, seconds = _number(warning.get(0x81)), _number(warning.get(0x80))
    if 0x81 in warning:
        said = ngettext(
            "Your password has expired. You can sign in with it %d more time; change it now.",
            "Your password has expired. You can sign in with it %d more times; change it now.",
            grace,
        )
        return said % grace
    if 0x80 in warning and seconds < _SOON.total_seconds():
        days = max(1, seconds // 86400)
        said = ngettext(
            "Your password expires within %d day. Change it before.",
            "Your password expires within %d days. Change it before.",
            days,
        )
        return said % days
    return ""


def _parts(value: bytes, *, is_sequence: bool = True) -> Iterator[tuple[int, bytes]]:
    """Yield tag and content of each element (X.690, 8.1). What cannot be read ends it."""
    if is_sequence:
        value = next(_parts(value, is_sequence=False), (0, b""))[1]
    while len(value) >= 2 and value[1] < 0x80 and len(value) >= 2 + value[1]:
        yield value[0], value[2 : 2 + value[1]]
        value = value[2 + value[1] :]


def _number(content: bytes | None) -> int:
    return int.from_bytes(content, signed=True) if content else -1
