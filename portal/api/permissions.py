"""The permissions of the JSON routes, by `accounts.session.access` and by scope (RFC 6750, 3.1)."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from accounts.errors import LoginRequired
from accounts.session import access
from accounts.session.typed import Session
from portal.tokens.token_errors import InsufficientScope


class SignedIn(BasePermission):
    """Admits signed-in people. A subclass may name `types`, `groups`, and the `scopes` that an
    access token must have; a cookie has all.

    Raises `LoginRequired` (401), `AccessDenied` or `InsufficientScope` (403).
    """

    types: Collection[str] = ()
    groups: Collection[str] = ()
    scopes: Collection[str] = ()

    def has_permission(self, request: Request, view: Any) -> bool:
        """Return True, or raise why not."""
        access.require(session_of(request), types=self.types, groups=self.groups)
        granted = granted_to(request)
        if granted is not None and not granted.issuperset(self.scopes):
            raise InsufficientScope(" ".join(self.scopes))
        return True


class HasSession(BasePermission):
    """Admits every session: one that awaits access or cannot be read may be left as well."""

    def has_permission(self, request: Request, view: Any) -> bool:
        """Return True, or raise `LoginRequired`."""
        if not session_of(request).exists:
            raise LoginRequired("There is no session.")
        return True


def session_of(request: Request) -> Session:
    """Return the session of the authenticated caller; else an anonymous one."""
    return request.auth if isinstance(request.auth, Session) else Session()


def granted_to(request: Request) -> frozenset[str] | None:
    """Return the scopes of the caller's access token; None for a caller without one."""
    return getattr(request.successful_authenticator, "granted", None)
