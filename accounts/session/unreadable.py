"""Sessions that no key opens: one event for each, and a word for its person.

Their rows stay as they are: a key that is put back opens them again. Until then who comes with one
is nobody (docs/operations.md 5).
"""

import structlog
from django.db import DatabaseError, transaction

from accounts import events
from accounts.keyring import is_lost
from accounts.models import Event, Farewell, StoredSession
from accounts.session import farewell

EVENT = "session.unreadable"
# Why: the key that sealed it is gone, or it is not what was sealed.
KEY_GONE, DAMAGED = "key-gone", "damaged"
log = structlog.get_logger("vestibule.session")


def note(key: str) -> str:
    """Record, once, that the session of the key digest `key` cannot be read. Of many requests one
    writes. Returns the word for the next page of its person. Raises nothing.
    """
    try:
        with transaction.atomic():
            row = StoredSession.objects.filter(session_key=key).first()
            if row is not None:
                _note(row)
    except DatabaseError:  # the copy was a cache's: the next request with the database records it
        log.warning("session.unreadable_not_recorded", exc_info=True)
    return farewell.UNREADABLE


def _note(row: StoredSession) -> None:
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
                reason=KEY_GONE if is_lost(row.session_data) else DAMAGED,
                actor=Event.Actor.SITE,
            )
        )
