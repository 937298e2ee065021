"""The token pair: in by a password, on by a refresh token, out (CONTRACT.md 2)."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.errors import InvalidRequest, ProtocolError
from portal.api import permissions, shapes
from portal.api.parsers import needed, text_of
from portal.door import failing, incoming, without_browser
from portal.tokens import pair, password

NO_STORE = {"Cache-Control": "no-store"}
_LONGEST_HEADER = 4096


class LoginView(APIView):
    """`POST /session/login`: a token pair for a name and a password. Sets no cookie."""

    authentication_classes = ()
    permission_classes = (AllowAny,)

    @extend_schema(
        operation_id="session_login",
        request=shapes.CREDENTIALS,
        responses={200: shapes.TOKEN_PAIR, **shapes.failing(400, 401, 403, 413, 415, 429, 503)},
        auth=[],
    )
    def post(self, request: Request) -> Response:
        """Sign in by HTTP Basic, or by `username` and `password`, at `source`."""
        username, secret = _credentials(request)
        source = password.source_of(text_of(request.data, "source", 50))
        try:
            issued = password.enter(source, username, secret, incoming.visit(request._request))
        except ProtocolError as error:
            failing.record_failure(request._request, error, source.slug)
            raise
        return Response(issued.public(), headers=NO_STORE)


class RefreshView(APIView):
    """`POST /session/refresh`, `/session/refreshToken`: the next pair for a refresh token."""

    authentication_classes = ()
    permission_classes = (AllowAny,)

    @extend_schema(
        request=shapes.REFRESH_TOKEN,
        responses={
            200: shapes.TOKEN_PAIR,
            401: shapes.EXPIRED,
            **shapes.failing(400, 403, 413, 415),
        },
        auth=[],
    )
    def post(self, request: Request) -> Response:
        """Spend `refresh_token`, which stands in the body itself or in its `sessionToken`."""
        issued = pair.renew(_refresh_token(request.data), incoming.visit(request._request))
        return Response(issued.public(), headers=NO_STORE)


class LogoutView(APIView):
    """`POST`, `DELETE /session/logout`: the end of a session and its tokens."""

    permission_classes = (permissions.HasSession,)
    departure = {200: shapes.DEPARTURE, **shapes.failing(400, 401, 403)}

    @extend_schema(operation_id="session_logout", request=None, responses=departure)
    def post(self, request: Request) -> Response:
        """End the caller's session, and what can be ended upstream by a call."""
        response = Response(headers=NO_STORE)
        session = permissions.session_of(request)
        gone = without_browser.leave(request._request, session, response)
        response.data = {"ended": True, "upstream": gone.upstream}
        if gone.visit:
            response.data["logoutUrl"] = gone.visit
        return response

    @extend_schema(operation_id="session_logout_delete", responses=departure)
    def delete(self, request: Request) -> Response:
        """End the caller's session, as older front ends ask for it."""
        return self.post(request)


def _credentials(request: Request) -> tuple[str, str]:
    scheme, _, coded = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return needed(request.data, "username"), needed(request.data, "password", 4096)
    if "username" in request.data or "password" in request.data:
        raise InvalidRequest("The credentials are given twice.")
    try:
        if len(coded) > _LONGEST_HEADER:
            raise InvalidRequest("The Authorization header is too long.")
        said = base64.b64decode(coded, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        raise InvalidRequest("The Authorization header cannot be read.") from None
    username, _, secret = said.partition(":")
    both = {"username": username, "password": secret}
    return needed(both, "username"), needed(both, "password", 4096)


def _refresh_token(data: Any) -> str:
    within = data.get("sessionToken") if isinstance(data, Mapping) else None
    if within is None:
        return needed(data, "refresh_token", 200)
    if not isinstance(within, Mapping) or "refresh_token" in data:
        raise InvalidRequest("sessionToken must be an object, with the only refresh_token.")
    return needed(within, "refresh_token", 200)
