"""The callers of the JSON routes: who they are, by access token or cookie, and what they may."""

from collections.abc import Callable, Collection
from typing import Any

from django.contrib.auth import SESSION_KEY
from rest_framework.authentication import BaseAuthentication, SessionAuthentication
from rest_framework.exceptions import PermissionDenied
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from accounts.errors import AccessDenied, InvalidRequest, LoginRequired
from accounts.provider import Visit
from accounts.session import access
from accounts.session.typed import Session
from accounts.strength import Strength
from portal.door import incoming, late_forms
from portal.tokens import bearer, foreign
from portal.tokens.bearer import FIRST_PARTY, Bearer
from portal.tokens.token_errors import InsufficientScope


class BearerAuthentication(BaseAuthentication):
    """Authenticates by `Authorization: Bearer` only (RFC 6750, 2.1); never by a query or a body.

    A token of ours costs one query; a source's may cost a call to its upstream. `granted` holds the
    scopes of the accepted token. `alone`: whose cookie comes along does not matter.
    """

    keyword = "Bearer"
    alone = False
    find: Callable[[str, Visit], Bearer] = staticmethod(foreign.find)
    granted: frozenset[str] | None = None

    def authenticate(self, request: Request) -> tuple[Any, Any] | None:
        """Return (the person, the typed session), or None without a token.

        Raises what `find` raises; `InvalidRequest` when the cookie is another person's.
        """
        scheme, _, text = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != self.keyword.lower():
            return None
        held = self.find(text.strip(" "), incoming.visit(request._request))
        known: Any = request._request.session
        is_known = known.typed.is_logged_in and not self.alone
        if is_known and known.get(SESSION_KEY) != str(held.user.pk):
            raise InvalidRequest("The cookie and the access token are two people's.")
        self.granted = held.scopes
        return held.user, held.session


def _leaving(text: str, _visit: Visit) -> Bearer:
    """Return the owner of a token that ends its session. Raises `AccessDenied` where an application
    holds no more than a part in a browser's, and what `bearer.find` raises.
    """
    held = bearer.find(text)
    if held.client_id != FIRST_PARTY and not held.is_own:
        raise AccessDenied("The session is a browser's: send the person to /oauth/logout.")
    return held


class BearerAlone(BearerAuthentication):
    """Authenticates by the token alone: for who ends the token's own session in a browser that is
    somebody else's by now. A source's own token has no session here.
    """

    alone = True
    find = staticmethod(_leaving)


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

    def enforce_csrf(self, request: Request) -> None:
        """Raise `PermissionDenied`, with what to do about it, where the CSRF token does not fit."""
        try:
            super().enforce_csrf(request)
        except PermissionDenied as refusal:
            reason = str(refusal.detail).removeprefix("CSRF Failed: ")
            raise PermissionDenied(late_forms.said_of(reason)) from None


class SignedIn(BasePermission):
    """Admits signed-in people. A subclass may name `types`, `groups`, how strongly and when they
    have proved who they are (`acr`, `max_age` in seconds), and the `scopes` that an access token
    must have; a cookie has all.

    Raises `LoginRequired` or `InsufficientUserAuthentication` (401), `AccessDenied` or
    `InsufficientScope` (403).
    """

    types: Collection[str] = ()
    groups: Collection[str] = ()
    acr: Strength | None = None
    max_age: int | None = None
    scopes: Collection[str] = ()

    def has_permission(self, request: Request, view: Any) -> bool:
        """Return True, or raise why not."""
        access.require(
            session_of(request),
            types=self.types,
            groups=self.groups,
            acr=self.acr,
            max_age=self.max_age,
        )
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
