"""The answer to the second step, a one-time code or a recovery code, under the lock-out.

Guesses are counted as those of passwords are, by counters of their own: a right password gives no
more guesses of codes. A code may be guessed by who has the password alone, so nobody else can lock
its person out.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from django.utils import timezone

from accounts import errors, events
from accounts.errors import InvalidGrant
from accounts.factors import codes, totp
from accounts.factors.typed_code import plain
from accounts.login import familiar, lockout
from accounts.models import User
from accounts.provider import Visit

TOTP, RECOVERY = "totp", "recovery"
_COUNTED = "second-step"
_LONGEST = 100


class WrongCode(InvalidGrant):
    """A code that is wrong, or was used before. `support_code` is that of the event."""

    reason = errors.SECOND_FACTOR

    def __init__(self) -> None:
        super().__init__("The code is wrong, or it was used before.")
        self.support_code = ""


@contextmanager
def judged(user: User, source: str, visit: Visit, device: str = "") -> Iterator[None]:
    """Judge a code within this block, which raises `WrongCode` for a wrong one; that is recorded
    once the block, and its transaction, is over.

    `device` names a browser in which the person has signed in before. Raises `TooManyRequests`.
    """
    known = f"{_COUNTED}:{device}" if device else ""

    def is_familiar() -> bool:
        return familiar.is_any([user.pk], source, visit.address)

    lockout.check(_COUNTED, user.uid, visit.address, known, is_familiar)
    try:
        yield
    except WrongCode as wrong:
        lockout.failed(_COUNTED, user.uid, visit.address, known)
        told = events.event(
            "second.failed", visit, user=user, source=source, reason=errors.SECOND_FACTOR
        )
        events.record(told)
        wrong.support_code = told.support_code
        raise
    except BaseException:  # whatever it is, nothing was guessed
        lockout.refund(_COUNTED, user.uid, visit.address, known)
        raise
    lockout.succeeded(_COUNTED, user.uid, visit.address, known)


def spend(user: User, typed: str) -> str:
    """Spend the code that was typed, and return its kind: `TOTP` or `RECOVERY`. Raises `WrongCode`
    when it is neither, or spent.
    """
    code = plain(typed[:_LONGEST])
    if totp.use(user, code, timezone.now()):
        return TOTP
    if codes.use(user, code):
        return RECOVERY
    raise WrongCode
