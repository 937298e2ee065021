"""Errors on JSON routes: `error`, `error_description`, status (docs/contract.md, Always)."""

from typing import Any

from django.core.exceptions import BadRequest, RequestDataTooBig, SuspiciousOperation
from django.http.multipartparser import MultiPartParserError
from rest_framework import status
from rest_framework.exceptions import APIException
from rest_framework.response import Response
from rest_framework.views import exception_handler

from accounts.errors import InvalidRequest, ProtocolError, TemporarilyUnavailable
from portal.tokens.challenge import challenge
from portal.tokens.token_errors import InsufficientScope, SessionExpired


class TooLarge(InvalidRequest):
    """`invalid_request` for a body that is larger than any of ours (RFC 9110, 15.5.14)."""

    status = 413


def answer(error: Exception, context: dict[str, Any]) -> Response | None:
    """Return the JSON answer for `error`; None for what is a defect of ours."""
    if isinstance(error, RequestDataTooBig):
        error = TooLarge("The body is too large.")
    elif isinstance(error, (BadRequest, MultiPartParserError, SuspiciousOperation)):
        error = InvalidRequest("The request cannot be understood.")
    if isinstance(error, ProtocolError):
        return _protocol_error(error)
    response = exception_handler(error, context)
    if response is not None:
        refused = response.status_code == status.HTTP_403_FORBIDDEN
        response.data = {
            "error": "access_denied" if refused else "invalid_request",
            "error_description": _sentence(error),
        }
    return response


def _sentence(error: Exception) -> str:
    """Return the first sentence of an error of DRF's, which may hold many, field by field."""
    found: Any = error.detail if isinstance(error, APIException) else ""
    while not isinstance(found, str):
        found = next(iter(found.values() if isinstance(found, dict) else found))
    return str(found)


def _protocol_error(error: ProtocolError) -> Response:
    body = {"error": error.error, "error_description": error.description}
    if isinstance(error, SessionExpired):
        body["loginUrl"] = error.login_url
    response = Response(body, status=error.status)
    if error.status == status.HTTP_401_UNAUTHORIZED or isinstance(error, InsufficientScope):
        response["WWW-Authenticate"] = challenge(error)
    if isinstance(error, TemporarilyUnavailable):
        response["Retry-After"] = str(error.retry_after)
    return response
