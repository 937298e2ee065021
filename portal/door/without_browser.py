"""The way in and the way out of a caller that is no browser (docs/contract.md 2)."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponseBase

from accounts.login import sign_in
from accounts.logout import chart
from accounts.models import StoredSession
from accounts.provider import Visit
from accounts.session.typed import Session
from accounts.source import catalogue
from accounts.source.catalogue import ConfiguredSource
from portal.door import cookies, incoming, leaving, routes


def enter(source: ConfiguredSource, username: str, password: str, visit: Visit) -> Session:
    """Sign in with a password. Returns the new session, which lives as long as a refresh token.

    Raises `InvalidGrant` when name and password do not fit, `TooManyRequests` when locked out,
    `AccessDenied` for people who are disabled or not registered, `TemporarilyUnavailable`, and
    `InvalidRequest` for a source without a form.
    """
    outcome = sign_in.verify_password(source, username, password, visit)
    kind = StoredSession.Kind.CLIENT
    return sign_in.sign_in(source, outcome, None, Session(), visit, kind).store.typed


def leave(request: HttpRequest, session: Session, response: HttpResponseBase) -> chart.Departure:
    """End the caller's session, and what can be ended upstream by a call.

    Where the request's cookie holds the session, `response` takes the cookie back.
    """
    source = catalogue.of_session(session.source) if session.is_logged_in else None
    by_cookie = incoming.session_of(request).uid == session.uid
    permitted = incoming.cookies_for(request, source.description) if source and by_cookie else {}
    departure = chart.leave_by_api(
        session, incoming.visit(request), permitted, routes.logout_done_url()
    )
    if by_cookie:
        leaving.forget_session(request)
        cookies.remember(response, cookies.LEFT, True, leaving.LEFT_SECONDS)
    return departure
