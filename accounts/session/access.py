"""Who may come in: one decision for views, API permissions, templates and the gateway's rules."""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import datetime
from functools import wraps
from typing import Any

from accounts import conf
from accounts.errors import AccessDenied, LoginRequired
from accounts.models import StoredSession, User
from accounts.session.typed import Session

View = Callable[..., Any]


def require(
    session: Session, *, types: Collection[str] = (), groups: Collection[str] = ()
) -> Session:
    """Return `session` when it is signed in, of one of `types`, and its person in one of `groups`.

    Empty means any. Raises `LoginRequired` when nobody is signed in, `AccessDenied` when the
    person awaits access or is not among those named. Only `groups` costs a query.
    """
    if not session.is_logged_in:
        raise LoginRequired("Sign in first.")
    if session.status != User.Status.ACTIVE:
        raise AccessDenied("An administrator must give access first.")
    if types and session.type not in types:
        raise AccessDenied("This kind of session may not come in here.")
    if groups and not set(groups) & set(groups_of(session)):
        raise AccessDenied("None of the groups that may come in here is yours.")
    return session


def require_session(
    *, types: Collection[str] = (), groups: Collection[str] = ()
) -> Callable[[View], View]:
    """Return a decorator for views: `require` with the session of the request.

    The errors are answered by `accounts.middleware`: browsers are sent to sign in, all others get
    a 401 or 403.
    """

    def decorate(view: View) -> View:
        @wraps(view)
        def guarded(request: Any, *args: Any, **kwargs: Any) -> Any:
            require(request.session.typed, types=types, groups=groups)
            return view(request, *args, **kwargs)

        return guarded

    return decorate


def groups_of(session: Session) -> list[str]:
    """Return the names of the groups of the session's person."""
    person = User.objects.filter(pk__in=_owner(session)).values_list("groups__name", flat=True)
    return sorted(name for name in person if name)


def is_recent(session: Session, now: datetime) -> bool:
    """Tell whether the person signed in recently enough for sensitive things."""
    return session.signed_in_at is not None and now - session.signed_in_at < conf.recent()


def _owner(session: Session) -> Any:
    return StoredSession.objects.filter(uid=session.uid).values("user_id")
