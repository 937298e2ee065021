"""Sessions that cannot be read: one event for each, and a word for its person.

Their rows stay as they are: a key that is put back opens them again. Until then who comes with one
is nobody (docs/operations.md 5).
"""

import structlog
from django.db import DatabaseError, transaction

from accounts import events
from accounts.keyring import Unreadable, is_lost, unseal
from accounts.models import Event, Farewell, StoredSession
from accounts.session import farewell

EVENT = "session.unreadable"
# Why: the key that sealed it is gone; it is not what was sealed; no provider here makes such
# sessions, or a newer version has made it.
KEY_GONE, DAMAGED, NOT_UNDERSTOOD = "key-gone", "damaged", "not-understood"
log = structlog.get_logger("vestibule.session")


def note(key: str, purpose: str) -> str:
    """Record, once, that the session of the key digest `key`, sealed for `purpose`, cannot be read.
    Of many requests one writes. Returns the word for the next page of its person. Raises nothing.
    """
    try:
        with transaction.atomic():
            row = StoredSession.objects.filter(session_key=key).first()
            if row is not None:
                _note(row, purpose)
    except DatabaseError:  # the copy was a cache's: the next request with the database records it
        log.warning("session.unreadable_not_recorded", exc_info=True)
    return farewell.UNREADABLE


def _note(row: StoredSession, purpose: str) -> None:
    said = {"why": farewell.UNREADABLE, "expires_at": row.ends_at}
    _word, is_first = Farewell.objects.get_or_create(key=row.session_key, defaults=said)
    if is_first:
        events.record(
            events.event(
                EVENT,
                source=row.source,
                session_type=row.type,
                user_id=row.user_id,
                session_uid=row.uid,
                reason=_why(row, purpose),
                actor=Event.Actor.SITE,
            )
        )


def _why(row: StoredSession, purpose: str) -> str:
    try:
        unseal(row.session_data, purpose, row.session_key)
    except Unreadable:
        return KEY_GONE if is_lost(row.session_data) else DAMAGED
    return NOT_UNDERSTOOD
