"""Typed errors, each with its error code, an RFC's where one has it, and the status it answers.

Every error carries three things: `error` (the RFC's code, for machines), `reason` (the word by
which `/login/failed` picks its sentence) and a description that never holds a secret or an
upstream's body. Standard library only, so that providers and use cases can raise them without
Django.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from accounts.provider import TokenSet

LOGIN_FAILED = "login-failed"
NOT_AUTHORIZED = "not-authorized"
NOT_REGISTERED = "not-registered"
DISABLED = "disabled"
LOCKED_OUT = "locked-out"
UNAVAILABLE = "temporarily-unavailable"
BUSY = "busy"
MISCONFIGURED = "misconfigured"
EXPIRED = "expired"
CANCELLED = "cancelled"
NO_PROOF = "no-proof"
PASSKEY = "passkey"
PASSKEY_SUSPENDED = "passkey-suspended"
TOO_WEAK = "too-weak"
SECOND_FACTOR = "second-factor"
STAFF_FIRST = "staff-first"
# The upstream knows the person, and would give the same answer again.
REFUSALS = frozenset({NOT_AUTHORIZED, NOT_REGISTERED, DISABLED})
# Whoever is refused so has proved who they are.
_PROVED = REFUSALS | {TOO_WEAK}


class Said(str):
    """A description in English, for logs, that operators read in their language."""

    template: str
    values: dict[str, object]

    def __new__(cls, template: str, **values: object) -> Said:
        """Return the description, of a msgid and of what stands in it."""
        made = super().__new__(cls, template % values)
        made.template, made.values = template, values
        return made


class ProtocolError(Exception):
    """The base of all typed errors. Never raised itself.

    `tokens` are the upstream's, when the person is signed in there already and must be logged out
    (a pupil of the wrong municipality, who would otherwise be sent straight back in). `subject`
    is whose they are, `sid` by which session there, both verified; empty if nobody knows.
    """

    error = "server_error"
    status = 500
    reason = LOGIN_FAILED
    subject = sid = ""

    def __init__(
        self, description: str = "", *, reason: str | None = None, tokens: TokenSet | None = None
    ) -> None:
        super().__init__(description)
        self.description = description
        self.tokens = tokens
        if reason is not None:
            self.reason = reason

    def counted(self, calls: int) -> int:
        """Return how many of so many calls to an upstream count as failures of the caller: all but
        the one by which it has vouched for them.
        """
        return calls - 1 if self.reason in _PROVED else calls


class InvalidRequest(ProtocolError):
    """`invalid_request` (RFC 6749, 4.1.2.1): missing, repeated or malformed parameters."""

    error = "invalid_request"
    status = 400


class InvalidGrant(ProtocolError):
    """`invalid_grant` (RFC 6749, 5.2): the code, password or token is wrong, spent or expired."""

    error = "invalid_grant"
    status = 400


class AccessDenied(ProtocolError):
    """`access_denied` (RFC 6749, 4.1.2.1): known, but not let in; or the person said no."""

    error = "access_denied"
    status = 403
    reason = NOT_AUTHORIZED


class LoginRequired(ProtocolError):
    """`login_required` (OpenID Connect Core, 3.1.2.6): nobody is signed in."""

    error = "login_required"
    status = 401


class InsufficientUserAuthentication(ProtocolError):
    """`insufficient_user_authentication` (RFC 9470, 3): the sign-in is weaker than `strength`, a
    word of docs/strength.md, or was proved more than `max_age` seconds ago; None allows any age. A
    right password without the second factor that is needed as well is too weak, too.
    """

    error = "insufficient_user_authentication"
    status = 401

    def __init__(
        self,
        strength: str = "",
        max_age: int | None = None,
        *,
        description: str = "",
        reason: str | None = None,
    ) -> None:
        kind = "stronger" if strength else "more recent"
        super().__init__(description or f"A {kind} sign-in is needed.", reason=reason)
        self.strength, self.max_age = strength, max_age

    def parameters(self) -> dict[str, str]:
        """Return what a challenge says of it, by name (RFC 9470, 3)."""
        said = {"error": self.error}
        if self.strength:
            said["acr_values"] = self.strength
        if self.max_age is not None:
            said["max_age"] = str(self.max_age)
        return {**said, "error_description": self.description}


class TemporarilyUnavailable(ProtocolError):
    """`temporarily_unavailable` (RFC 6749, 4.1.2.1): try again, after `retry_after` seconds.

    `is_hearsay`: the request itself may have caused it, so it counts as the caller's failure and
    says nothing of the upstream. `answered`: how many cookies of the same request the upstream had
    refused before; each counts as a failure of the caller, too.
    """

    error = "temporarily_unavailable"
    status = 503
    reason = UNAVAILABLE
    answered = 0

    def __init__(
        self,
        description: str = "",
        *,
        reason: str | None = None,
        retry_after: int = 30,
        is_hearsay: bool = False,
    ) -> None:
        super().__init__(description, reason=reason)
        self.retry_after, self.is_hearsay = retry_after, is_hearsay

    def counted(self, calls: int) -> int:
        """Return how many of so many calls count as failures of the caller."""
        return calls if self.is_hearsay else self.answered


class Misconfigured(TemporarilyUnavailable):
    """The upstream refuses our site, not the person: an operator must mend the settings."""

    reason = MISCONFIGURED


class NotTaken(TemporarilyUnavailable):
    """The upstream works and has refused this one item, such as a mail to an address that it does
    not know. It may take the next one.
    """


class Busy(TemporarilyUnavailable):
    """So many people sign in at this moment that there is no place; the upstream is well."""

    reason = BUSY


class TooManyRequests(TemporarilyUnavailable):
    """`too_many_requests` (RFC 6585, 4): a rate limit or a lock-out, over in `retry_after` s."""

    error = "too_many_requests"
    status = 429
    reason = LOCKED_OUT
