"""The two authenticators of the JSON routes: access token and session cookie."""

from __future__ import annotations

from typing import Any

from django.contrib.auth import SESSION_KEY
from rest_framework.authentication import BaseAuthentication, SessionAuthentication
from rest_framework.request import Request

from accounts.errors import InvalidRequest
from portal.door import incoming
from portal.tokens import bearer


class BearerAuthentication(BaseAuthentication):
    """Authenticates by `Authorization: Bearer` only (RFC 6750, 2.1); never by a query or a body.

    Costs one query. `granted` holds the scopes of the accepted token.
    """

    keyword = "Bearer"
    granted: frozenset[str] | None = None

    def authenticate(self, request: Request) -> tuple[Any, Any] | None:
        """Return (the person, the typed session), or None without a token.

        Raises `InvalidToken`; `InvalidRequest` when the cookie belongs to another person.
        """
        scheme, _, text = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != self.keyword.lower():
            return None
        held = bearer.find(text.strip(" "))
        known: Any = request._request.session
        if known.typed.is_logged_in and known.get(SESSION_KEY) != str(held.user.pk):
            raise InvalidRequest("The cookie and the access token are two people's.")
        self.granted = held.scopes
        return held.user, held.session


class TypedSessionAuthentication(SessionAuthentication):
    """Authenticates by the session cookie; writes need the CSRF token. Costs no query."""

    def authenticate(self, request: Request) -> tuple[Any, Any] | None:
        """Return (the person, looked up when used; the typed session), or None for anonymous.

        Raises `PermissionDenied` when the CSRF token is missing or wrong.
        """
        session = incoming.session_of(request._request)
        if not session.exists:
            return None
        self.enforce_csrf(request)
        return request._request.user, session
