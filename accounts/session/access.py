"""Who may come in: one decision for the middleware, API permissions and the gateway's rules."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import datetime

from django.db import IntegrityError
from django.db.models import Q
from django.utils import timezone

from accounts import conf, strength
from accounts.errors import (
    STAFF_FIRST,
    AccessDenied,
    InsufficientUserAuthentication,
    LoginRequired,
)
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


@contextmanager
def still_there() -> Iterator[None]:
    """Raise `LoginRequired` when the session, or its person, is gone since it was read: another
    worker has ended it, and nothing that the block writes can belong to it any more.
    """
    try:
        yield
    except IntegrityError:
        raise LoginRequired("The session has just ended.") from None


def as_signed_in(person: User, session: Session) -> User:
    """Return `person` as `session` lets them act: with an administrator's rights only where its
    source signs in administrators, as it is configured now.
    """
    return person if signs_in_staff(session.source) else person.confined()


def signs_in_staff(slug: str) -> bool:
    """Tell whether administrators who come by the source `slug` have their rights."""
    ready = catalogue.of_session(slug)
    return ready is not None and ready.row.staff


def may_change_ways_in(slug: str, person_id: int) -> bool:
    """Tell whether whoever came by the source `slug` may change how they sign in. An
    administrator may only by a source that signs in administrators: else the session would add a
    way in that has the rights which it lacks itself (docs/threats.md, U36).

    The stored row counts: `as_signed_in` takes the rights from the person of a request.
    """
    if signs_in_staff(slug):
        return True
    administers = Q(is_staff=True) | Q(is_superuser=True)
    return not User.objects.filter(administers, pk=person_id).exists()


def require_change_of_ways_in(slug: str, person_id: int) -> None:
    """Raise `AccessDenied` with its reason unless `may_change_ways_in`."""
    if not may_change_ways_in(slug, person_id):
        raise AccessDenied("Sign in by a source for administrators first.", reason=STAFF_FIRST)


def is_recent(session: Session, now: datetime) -> bool:
    """Tell whether the person proved who they are recently enough for sensitive things. A sign-in
    alone proves nothing: an upstream that remembers somebody asks for no password.
    """
    return now.timestamp() - session.auth_time < conf.recent().total_seconds()


def _is_in_one(session: Session, groups: Collection[str]) -> bool:
    person = StoredSession.objects.filter(uid=session.uid, user__groups__name__in=groups)
    return person.exists()
