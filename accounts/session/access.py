"""Who may come in: one decision for the middleware, API permissions and the gateway's rules."""

from collections.abc import Collection
from datetime import datetime

from django.utils import timezone

from accounts import conf, strength
from accounts.errors import AccessDenied, InsufficientUserAuthentication, LoginRequired
from accounts.models import StoredSession, User
from accounts.session.typed import Session
from accounts.source import catalogue
from accounts.strength import Strength


def require(
    session: Session,
    *,
    types: Collection[str] = (),
    groups: Collection[str] = (),
    acr: Strength | None = None,
    max_age: int | None = None,
) -> Session:
    """Return `session` when it is signed in, of one of `types`, and its person in one of `groups`,
    who has proved who they are as strongly as `acr`, `max_age` seconds ago at most.

    Empty means any. Raises `LoginRequired` when nobody is signed in, `AccessDenied` when the
    person awaits access or is not among those named, `InsufficientUserAuthentication` for a proof
    that is too weak or too old. Only `groups` costs a query.
    """
    if not session.is_logged_in:
        raise LoginRequired("Sign in first.")
    if session.status != User.Status.ACTIVE:
        raise AccessDenied("An administrator must give access first.")
    if types and session.type not in types:
        raise AccessDenied("This kind of session may not come in here.")
    if groups and not _is_in_one(session, groups):
        raise AccessDenied("None of the groups that may come in here is yours.")
    is_old = max_age is not None and timezone.now().timestamp() - session.auth_time >= max_age
    is_weak = not strength.has(session, acr)
    if is_old or is_weak:
        raise InsufficientUserAuthentication(
            strength=acr.word if acr else "",  # a sign-in anew must not be weaker
            max_age=max_age,
            description="" if is_weak else "A more recent sign-in is needed.",
        )
    return session


def as_signed_in(person: User, session: Session) -> User:
    """Return `person` as `session` lets them act: with an administrator's rights only where its
    source signs in administrators, as it is configured now.
    """
    return person if signs_in_staff(session.source) else person.confined()


def signs_in_staff(slug: str) -> bool:
    """Tell whether administrators who come by the source `slug` have their rights."""
    ready = catalogue.of_session(slug)
    return ready is not None and ready.row.staff


def is_recent(session: Session, now: datetime) -> bool:
    """Tell whether the person proved who they are recently enough for sensitive things. A sign-in
    alone proves nothing: an upstream that remembers somebody asks for no password.
    """
    return now.timestamp() - session.auth_time < conf.recent().total_seconds()


def _is_in_one(session: Session, groups: Collection[str]) -> bool:
    person = StoredSession.objects.filter(uid=session.uid, user__groups__name__in=groups)
    return person.exists()
