"""Errors that only a provider answers with, beside those of `accounts.errors`."""

from __future__ import annotations

from accounts.errors import ProtocolError


class InvalidClient(ProtocolError):
    """`invalid_client` (RFC 6749, 5.2): unknown, or its secret is wrong."""

    error = "invalid_client"
    status = 401


class UnauthorizedClient(ProtocolError):
    """`unauthorized_client` (RFC 6749, 5.2): this client may not do that."""

    error = "unauthorized_client"
    status = 400


class InvalidScope(ProtocolError):
    """`invalid_scope` (RFC 6749, 4.1.2.1)."""

    error = "invalid_scope"
    status = 400


class UnsupportedResponseType(ProtocolError):
    """`unsupported_response_type` (RFC 6749, 4.1.2.1)."""

    error = "unsupported_response_type"
    status = 400


class UnsupportedGrantType(ProtocolError):
    """`unsupported_grant_type` (RFC 6749, 5.2)."""

    error = "unsupported_grant_type"
    status = 400


class InvalidToken(ProtocolError):
    """`invalid_token` (RFC 6750, 3.1): unknown, expired or revoked."""

    error = "invalid_token"
    status = 401


class RequestNotSupported(ProtocolError):
    """`request_not_supported` (OIDC Core, 3.1.2.6): no request objects here."""

    error = "request_not_supported"
    status = 400
