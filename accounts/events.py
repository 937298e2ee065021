"""Recording what happened. An event never holds a token, a password, a code or a state."""

import ipaddress
import secrets
from collections.abc import Iterable
from typing import Any

import structlog

from accounts import offers
from accounts.models import Event, StoredSession
from accounts.provider import Visit

log = structlog.get_logger("vestibule.events")

# Letters and digits that nobody confuses on the telephone.
ALPHABET = "BCDFGHJKLMNPQRSTVWXZ23456789"


def new_support_code() -> str:
    """Return a code that a person can read out: eight characters, `XXXX-XXXX`, 38 random bits."""
    letters = [secrets.choice(ALPHABET) for _ in range(8)]
    return "".join(letters[:4]) + "-" + "".join(letters[4:])


def address_or_none(text: str) -> str | None:
    """Return `text` when it is an IP address, else None."""
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        return None


def event(name: str, visit: Visit | None = None, **fields: Any) -> Event:
    """Return an event that is not saved yet; `record` saves several at once."""
    detail = str(fields.pop("detail", ""))[:300].replace("\0", "")
    address = address_or_none(visit.address) if visit else None
    return Event(name=name, address=address, detail=detail, **fields)


def record(*events: Event) -> None:
    """Save the events in one statement, and write a log line for each."""
    Event.objects.bulk_create(events)
    announce(events)


def record_ended(rows: Iterable[StoredSession], why: str, by: Visit | None = None) -> None:
    """Record the sessions `rows`, which ended otherwise than by their person leaving."""
    gone = [
        event(
            "session.ended",
            by,
            source=row.source,
            session_type=row.type,
            user_id=row.user_id,
            session_uid=row.uid,
            detail=why,
        )
        for row in rows
    ]
    record(*gone)


def announce(events: Iterable[Event]) -> None:
    """Count each event, and write a log line for it."""
    for each in events:
        offers.count("event", each.name, each.source, each.session_type, each.reason)
        log.info(
            each.name,
            support_code=each.support_code or None,
            reason=each.reason or None,
            source=each.source or None,
            type=each.session_type or None,
            session=each.session_uid or None,
            detail=each.detail or None,
        )
