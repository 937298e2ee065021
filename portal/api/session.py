"""`/auth/session`: the typed session, for a front end that is about to draw its page."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from django.middleware.csrf import get_token
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.session.typed import Session
from portal.api import shapes
from portal.api.authentication import BearerAuthentication
from portal.api.json_view import OpenView
from portal.door import incoming
from portal.tokens.token_errors import InvalidToken


class TellingBearer(BearerAuthentication):
    """Treats an invalid token as an anonymous session."""

    def authenticate(self, request: Request) -> tuple[Any, Any]:
        """Return the person and the session; an anonymous session for an invalid token."""
        try:
            return super().authenticate(request) or (None, None)
        except InvalidToken:
            return None, Session()


class SessionView(OpenView):
    """`GET /auth/session`: 200 always, for anonymous people too (docs/contract.md 1)."""

    authentication_classes = (TellingBearer,)

    @extend_schema(
        operation_id="auth_session",
        responses={200: shapes.Session, 304: None, **shapes.failing(400)},
        auth=[{"bearer": []}, {"cookie": []}, {}],  # type: ignore[list-item]  # as OpenAPI has it
    )
    def get(self, request: Request) -> Response:
        """Return the public part of the typed session; 304 when the caller has it already."""
        known = request.auth
        session = known if isinstance(known, Session) else incoming.session_of(request._request)
        body = session.public()
        if "CSRF_COOKIE" not in request.META:  # then a front end has none yet
            get_token(request._request)
        tag = '"' + hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()[:32] + '"'
        headers = {"ETag": tag, "Vary": "Cookie, Authorization"}
        if request.headers.get("If-None-Match") == tag:
            return Response(status=304, headers=headers)
        return Response(body, headers=headers)
