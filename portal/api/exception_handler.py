"""Errors on JSON routes: `error`, `error_description`, the RFC's status (CONTRACT.md, Always)."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import SuspiciousOperation
from rest_framework import exceptions, status
from rest_framework.response import Response
from rest_framework.views import exception_handler

from accounts.errors import InvalidRequest, ProtocolError, TemporarilyUnavailable
from portal.api.challenges import challenge
from portal.tokens.token_errors import InsufficientScope, SessionExpired

_CODES = {
    status.HTTP_401_UNAUTHORIZED: "login_required",
    status.HTTP_403_FORBIDDEN: "access_denied",
    status.HTTP_429_TOO_MANY_REQUESTS: "too_many_requests",
}


def answer(error: Exception, context: dict[str, Any]) -> Response | None:
    """Return the JSON answer for `error`; None for what is a defect of ours."""
    if isinstance(error, SuspiciousOperation):
        error = InvalidRequest("The request cannot be understood.")
    if isinstance(error, ProtocolError):
        return _protocol_error(error)
    response = exception_handler(error, context)
    if response is not None:
        code = _CODES.get(response.status_code, "invalid_request")
        detail = error.detail if isinstance(error, exceptions.APIException) else ""
        text = str(detail) if isinstance(detail, str) else "The request cannot be understood."
        response.data = {"error": code, "error_description": text}
        response["Cache-Control"] = "no-store"
    return response


def _protocol_error(error: ProtocolError) -> Response:
    body = {"error": error.error, "error_description": error.description}
    if isinstance(error, SessionExpired):
        body["loginUrl"] = error.login_url
    response = Response(body, status=error.status, headers={"Cache-Control": "no-store"})
    if error.status == status.HTTP_401_UNAUTHORIZED or isinstance(error, InsufficientScope):
        response["WWW-Authenticate"] = challenge(error)
    if isinstance(error, TemporarilyUnavailable):
        response["Retry-After"] = str(error.retry_after)
    return response
