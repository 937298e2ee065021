"""Recording what happened. An event never holds a token, a password, a code or a state.

Events of one sign-in, logout or act share a support code, and say in one spelling who did it.
"""

import ipaddress
import secrets
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from functools import lru_cache, partial
from typing import Any, Protocol

import structlog
from django.db import IntegrityError, transaction
from django.db.models import F, Q, QuerySet
from django.utils import timezone

from accounts import conf, offers, trail
from accounts.models import Event, StoredSession, clearing
from accounts.provider import Visit

log = structlog.get_logger("vestibule.events")

# Letters and digits that nobody confuses on the telephone.
ALPHABET = "BCDFGHJKLMNPQRSTVWXZ23456789"
# A failure that a stranger repeats within this time is counted in its row.
REPEATED_WITHIN = timedelta(minutes=10)
# A stranger's new row whose key is a multiple of this has the table cut to its limit.
_CUT_EVERY = 1000
# The actor of an event where nobody says who acts, by its name; any other is the person's.
_USUALLY = {
    "session.ended": Event.Actor.SITE,
    "person.status_changed": Event.Actor.ADMINISTRATOR,
    "person.admitted": Event.Actor.ADMINISTRATOR,
    "person.disabled": Event.Actor.ADMINISTRATOR,
    "person.merged": Event.Actor.ADMINISTRATOR,
    "person.invited": Event.Actor.ADMINISTRATOR,
    "second.reset": Event.Actor.ADMINISTRATOR,
    "duty.changed": Event.Actor.ADMINISTRATOR,
    "token.reused": Event.Actor.APPLICATION,
    "code.reused": Event.Actor.APPLICATION,
    "logout.delivered": Event.Actor.SITE,
    "logout.superseded": Event.Actor.SITE,
    "passkey.cloned": Event.Actor.SITE,
}


class Session(Protocol):
    """What an event says of a typed session."""

    @property
    def uid(self) -> str:
        """Its stable public id."""

    @property
    def source(self) -> str:
        """The slug of the source that made it."""

    @property
    def type(self) -> str:
        """Its type."""


def new_support_code() -> str:
    """Return a code that a person can read out: eight characters, `XXXX-XXXX`, 38 random bits."""
    number, letters = secrets.randbelow(len(ALPHABET) ** 8), ""
    for _ in range(8):
        number, rest = divmod(number, len(ALPHABET))
        letters += ALPHABET[rest]
    return f"{letters[:4]}-{letters[4:]}"


@lru_cache(maxsize=1024)
def address_or_none(text: str) -> str | None:
    """Return `text` when it is an IP address, else None."""
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        return None


def event(name: str, visit: Visit | None = None, **fields: Any) -> Event:
    """Return an event that is not saved yet; `record` saves several at once.

    An act that is under way gives it its code, its actor and its address; else the actor is who
    usually does this. The steps so far belong to it.
    """
    detail = str(fields.pop("detail", ""))[:300].replace("\0", "")
    address = address_or_none(visit.address) if visit else None
    made = Event(name=name, address=address, detail=detail, **fields)
    act = trail.current()
    if act is not None:
        act.code = act.code or made.support_code or new_support_code()
        made.support_code = made.support_code or act.code
        made.address = made.address or act.address
        made.actor, made.by_id = made.actor or act.actor, made.by_id or act.by
    made.actor = made.actor or _usual(name)
    if made.actor == Event.Actor.PERSON:
        made.by_id = made.by_id or made.user_id
    made.steps = made.steps or trail.taken()
    return made


def record(*events: Event) -> None:
    """Save the events in one statement, and announce them. Those without a support code get one
    that they share. The steps, by which they came about, stand in the first of them.
    """
    leave_steps_to_first(events)
    code = next((each.support_code for each in events if each.support_code), "")
    for each in events:
        code = each.support_code = each.support_code or code or new_support_code()
    Event.objects.bulk_create(events)
    announce(events)


@contextmanager
def recorded(seen: Event) -> Iterator[None]:
    """Run the block and record `seen`, in one transaction. When its person has been erased
    meanwhile, all that the block ends of theirs is gone: the event is of nobody then.
    """
    try:
        with transaction.atomic():
            yield
            record(seen)
    except IntegrityError:
        seen.pk = seen.user_id = seen.by_id = None
        record(seen)


def leave_steps_to_first(events: Sequence[Event]) -> None:
    """Take the steps from all `events` but the first, which are told together."""
    for each in events[1:]:
        each.steps = []


def count(failed: Event) -> str:
    """Record what a stranger did, or count it where the same came from there within ten minutes.

    Returns the support code under which it is found. A failure that is counted leaves its steps in
    the place of those before it.
    """
    if failed.user_id or failed.session_uid:  # somebody who is known
        record(failed)
        return failed.support_code
    now = timezone.now()
    same = Event.objects.filter(
        user=None, name=failed.name, reason=failed.reason, source=failed.source,
        address=failed.address, detail=failed.detail, last_at__gte=now - REPEATED_WITHIN,
    )  # fmt: skip
    known = same.order_by("-id").values_list("pk", "support_code").first()
    if known and known[1]:
        again = Event.objects.filter(pk=known[0])
        if again.update(count=F("count") + 1, last_at=now, steps=failed.steps):
            failed.support_code = known[1]
            announce([failed])
            return known[1]
    record(failed)
    if failed.pk and failed.pk % _CUT_EVERY == 0:
        cut()
    return failed.support_code


def count_for_session(name: str, session: Session, reason: str = "") -> None:
    """Record what happens to a session again and again, such as a refresh: one row counts all."""
    known = Event.objects.filter(session_uid=session.uid, name=name)
    again = {"count": F("count") + 1, "last_at": timezone.now(), "steps": trail.taken()}
    if known.update(**again, reason=reason):
        return
    owner = StoredSession.objects.filter(uid=session.uid).values_list("user_id", flat=True).first()
    record(
        event(
            name,
            source=session.source,
            session_type=session.type,
            user_id=owner,
            session_uid=session.uid,
            reason=reason,
            actor=Event.Actor.SITE,
        )
    )


def record_ended(
    rows: Iterable[StoredSession], why: str, by: Visit | None = None, actor: str = ""
) -> None:
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
            actor=actor,
        )
        for row in rows
    ]
    record(*gone)


def announce(events: Iterable[Event]) -> None:
    """Count each event, and write a log line for it, once the transaction that saves it has
    committed: of what is rolled back there is no word.
    """
    told = partial(_tell, tuple(events))
    if transaction.get_connection().in_atomic_block:
        transaction.on_commit(told)
    else:
        told()


def _tell(events: Sequence[Event]) -> None:
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


def clear_expired() -> int:
    """Delete events that are older than the site keeps them, then what is beyond their number.
    Returns how many went.
    """
    ends = timezone.now() - conf.events_kept()
    # A row of before there were counts has no `last_at` of its own.
    over = Q(count=1) | Q(last_at__lt=ends)
    old = Event.objects.filter(over, at__lt=ends)
    return clearing.delete(old.order_by("at")) + cut()


def cut() -> int:
    """Delete what is beyond the number of rows that the site keeps, the oldest first, strangers'
    before all others. Returns how many went.
    """
    keys = Event.objects.values_list("id", flat=True)
    first, last = keys.order_by("id").first(), keys.order_by("-id").first()
    if (last or 0) - (first or 0) < conf.events_most():
        return 0  # there are not so many keys, so there are not so many rows to count
    surplus = Event.objects.count() - conf.events_most()
    if surplus <= 0:
        return 0
    went = clearing.delete(of_strangers().order_by("at"), surplus)
    return went + clearing.delete(Event.objects.order_by("at"), surplus - went)


def of_strangers() -> QuerySet[Event]:
    """Return the events of nobody who is known, and of no act of operators or of the site, such as
    a client that was saved: whoever makes many would push those out.
    """
    acts = (Event.Actor.ADMINISTRATOR, Event.Actor.SITE)
    return Event.objects.filter(user=None, by=None).exclude(actor__in=acts)


def _usual(name: str) -> str:
    if name.endswith(".given_up"):
        return Event.Actor.SITE
    return _USUALLY.get(name, Event.Actor.PERSON)
