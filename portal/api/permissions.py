"""DRF's permissions in the words of `accounts.session.access`, and RFC 6750's."""

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
    """Lets in whoever is signed in. Subclass and name `types` or `groups` to be stricter, and
    `scopes` that an access token must cover; a cookie covers all.

    Raises `LoginRequired`, `AccessDenied` or `InsufficientScope`, which become 401 and 403 with the
    RFC's code.
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
    """Lets in whoever has a session to leave, one that awaits access or cannot be read as well."""

    def has_permission(self, request: Request, view: Any) -> bool:
        """Return True, or raise `LoginRequired`."""
        if not session_of(request).exists:
            raise LoginRequired("There is no session.")
        return True


def session_of(request: Request) -> Session:
    """Return the session that the caller was authenticated by; anonymous when by none."""
    return request.auth if isinstance(request.auth, Session) else Session()


def granted_to(request: Request) -> frozenset[str] | None:
    """Return the scopes of the caller's access token; None for a caller without one."""
    return getattr(request.successful_authenticator, "granted", None)
