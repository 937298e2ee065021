"""Whose an access token is: one look-up, joined with its session and its person."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from django.contrib.auth import HASH_SESSION_KEY
from django.utils import timezone
from django.utils.crypto import constant_time_compare
from oauth2_provider.models import get_access_token_model

from accounts.keyring import digest
from accounts.models import StoredSession, User
from accounts.session.store import SessionStore
from accounts.session.typed import Session
from portal.tokens import token_format
from portal.tokens.token_errors import InvalidToken


@dataclass(frozen=True, slots=True)
class Bearer:
    """Who calls: the session as it stands now, its person, and what the token may be used for."""

    session: Session
    user: User
    scopes: frozenset[str] = field(default_factory=frozenset)


def find(text: str) -> Bearer:
    """Return whose access token `text` is. Costs one query, and none for what is no token of ours.

    The session's status is the person's of this moment. Raises `InvalidToken` alike for every
    reason: unknown, expired, revoked, its session over, its person disabled.
    """
    row = row_of(text)
    session = standing(row.session)
    return Bearer(session, row.session.user, frozenset(row.scope.split()))


def row_of(text: str) -> Any:
    """Return the row of the access token `text`, joined. Raises `InvalidToken`."""
    if not token_format.is_token(text, token_format.ACCESS):
        raise InvalidToken("The access token is not known.")
    rows = get_access_token_model().objects.select_related("session__user", "application", "user")
    row = rows.filter(token_checksum=digest(text)).first()
    if row is None or row.is_expired() or row.session is None:
        raise InvalidToken("The access token is not known, or it has expired.")
    return row


def standing(row: StoredSession) -> Session:
    """Return the typed session of `row` with its person's status of this moment.

    Raises `InvalidToken` when it is over: expired, unreadable, its person disabled, or its epoch
    gone by.
    """
    session, user = open_session(row).typed, row.user
    if not session.is_logged_in or user is None or user.status == User.Status.DISABLED:
        raise InvalidToken("The session has ended.")
    return replace(session, status=user.status)


def open_session(row: StoredSession) -> SessionStore:
    """Return the store of `row`, an empty one when the person's epoch has gone by."""
    store = SessionStore.at(row)
    held = store.get(HASH_SESSION_KEY, "")
    known = row.user.get_session_auth_hash() if row.user else ""
    if row.expire_date <= timezone.now() or not constant_time_compare(held, known):
        return SessionStore()
    return store
