"""The errors of tokens, each with the RFC's code."""

from accounts.errors import InvalidGrant, ProtocolError


class InvalidToken(ProtocolError):
    """`invalid_token` (RFC 6750, 3.1): expired, revoked, malformed, or its session has ended."""

    error = "invalid_token"
    status = 401


class InsufficientScope(ProtocolError):
    """`insufficient_scope` (RFC 6750, 3.1): this route needs all of `scope`."""

    error = "insufficient_scope"
    status = 403

    def __init__(self, scope: str) -> None:
        super().__init__("The access token does not cover this.")
        self.scope = scope


class RefusedGrant(InvalidGrant):
    """`invalid_grant` with the status that docs/contract.md 2 gives it; RFC 6749, 5.2 says 400."""

    status = 401


class SessionExpired(ProtocolError):
    """`session_expired` (docs/contract.md 2): the upstream ended it; `login_url` leads back."""

    error = "session_expired"
    status = 401

    def __init__(self, login_url: str) -> None:
        super().__init__("The session has ended. Sign in again.")
        self.login_url = login_url
