"""The owner of an access token: one query for the token, its session and its person."""

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from django.contrib.sessions.backends.base import UpdateError
from django.utils import timezone
from oauth2_provider.models import get_access_token_model

from accounts import conf
from accounts.keyring import digest
from accounts.models import StoredSession, User
from accounts.session import access
from accounts.session.ending import end_expired
from accounts.session.store import SessionStore
from accounts.session.typed import Session
from portal.tokens import token_format
from portal.tokens.token_errors import InvalidToken

# The client of all who call by `/session/login` or `/openid/...`: MapStore sends no client_id.
FIRST_PARTY = "vestibule"


@dataclass(frozen=True, slots=True)
class Bearer:
    """The caller: the session as it stands now, its person, the scopes of the token; of one of ours
    the key of the session's row, when the token expires, its client, and whether the session is the
    client's own, which began under a browser's or without one.
    """

    session: Session
    user: User
    scopes: frozenset[str] = field(default_factory=frozenset)
    key: str = ""
    expires: datetime | None = None
    client_id: str = ""
    is_own: bool = False


def find(text: str) -> Bearer:
    """Return the owner of the access token `text`. Costs one query; none for another format.

    The session carries the person's present status, the scopes are those that the client may have
    still. Raises `InvalidToken`, the same for every reason: unknown, expired, revoked, session
    ended, person disabled, no scope left.
    """
    row = row_of(text)
    scopes = scopes_left(row)
    if row.resource and not any(map(is_here, row.application.resources_of(row.resource))):
        raise InvalidToken("The access token is meant for another service.")
    if not scopes:
        raise InvalidToken("The client may have none of these scopes any more.")
    session = standing(row.session)
    person = access.as_signed_in(row.session.user, session)
    key, client_id = row.session.session_key, row.application.client_id
    is_own = row.session.kind == StoredSession.Kind.CLIENT
    return Bearer(session, person, frozenset(scopes), key, row.expires, client_id, is_own)


def row_of(text: str) -> Any:
    """Return the row of the access token `text`, joined. Raises `InvalidToken`."""
    if not token_format.is_token(text, token_format.ACCESS):
        raise InvalidToken("The access token is not known.")
    rows = get_access_token_model().objects.select_related("session__user", "application", "user")
    row = rows.filter(token_checksum=digest(text)).first()
    if row is None or row.is_expired() or row.session is None:
        raise InvalidToken("The access token is not known, or it has expired.")
    return row


def scopes_left(row: Any) -> list[str]:
    """Return the scopes of a token that its client may have still; the site's own has them all."""
    scopes: list[str] = row.scope.split()
    own = row.application.client_id == FIRST_PARTY
    return scopes if own else list(row.application.scopes_of(scopes))


def is_here(resource: str) -> bool:
    """Tell whether a resource that a token is for is this site (RFC 8707, 2)."""
    return resource.rstrip("/") == conf.site_url()


def standing(row: StoredSession) -> Session:
    """Return the typed session of `row` with its person's present status.

    Raises `InvalidToken` when it has ended: expired, unreadable, person disabled, epoch raised.
    """
    session, user = open_session(row).typed, row.user
    if not session.is_logged_in or user is None or user.status == User.Status.DISABLED:
        raise InvalidToken("The session has ended.")
    return replace(session, status=user.status)


def open_session(row: StoredSession) -> SessionStore:
    """Return the store of `row`; an empty one when it has expired, and ends now, or the epoch was
    raised.
    """
    if row.expire_date > timezone.now():
        return SessionStore.at(row)
    end_expired(uid=row.uid)
    return SessionStore()


def keep_alive(store: SessionStore, row: StoredSession) -> None:
    """Store that the session of `row` is in use, and prolong it, but one that hangs on a cookie: a
    call that brought it has done so, any other cannot see whether its person has left. Raises
    `InvalidToken` when it has ended.
    """
    ended = InvalidToken("The session has ended.")
    if not store.typed.is_logged_in:
        raise ended
    if not store.typed.bound_to:
        store.touch(timezone.now())
    try:
        store.save()
    except UpdateError:
        raise ended from None
    row.expire_date = store.typed.expires_at or row.expire_date
