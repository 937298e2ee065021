"""DRF's look at the typed session."""

from __future__ import annotations

from typing import Any

from rest_framework.authentication import SessionAuthentication
from rest_framework.request import Request

from portal import door


class TypedSessionAuthentication(SessionAuthentication):
    """Authenticates by the session cookie; writes need the CSRF token. Costs no query."""

    def authenticate(self, request: Request) -> tuple[Any, Any] | None:
        """Return (the person, looked up when used; the typed session), or None for anonymous.

        Raises `PermissionDenied` when the CSRF token is missing or wrong.
        """
        session = door.session_of(request._request)
        if not session.is_logged_in:
            return None
        self.enforce_csrf(request)
        return request._request.user, session

    def authenticate_header(self, request: Request) -> str:
        """Return the challenge of a 401."""
        return 'Bearer realm="vestibule"'
