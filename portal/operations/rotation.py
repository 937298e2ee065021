"""The turn of the vault's keys: what rests sealed by a former key is sealed by the first one.

Each text is replaced where it is still the one that was read, so that workers may go on meanwhile:
what one of them writes at the same moment is sealed by its own first key already.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.db import connection, transaction
from django.db.models import Count
from django.db.models.functions import Substr

from accounts import cache, ended, events, outbox
from accounts.keyring import (
    KEY_ID,
    Sealed,
    Unreadable,
    current_mark,
    is_current,
    key_ids,
    seal,
    unseal,
)
from accounts.models import OutboxItem, Source, StoredSession, StoredTokens
from accounts.offers import offered
from accounts.session import ending, store, vault
from accounts.source import catalogue

BATCH = 200
SOURCE = "source"
SECRETS = "secrets of sources"


@dataclass(frozen=True, slots=True)
class Turned:
    """What became of the texts of one kind: sealed anew, and those that no key opens."""

    label: str
    turned: int = 0
    unreadable: int = 0


def places() -> list[Sealed]:
    """Return where sealed texts rest, but for the secrets of sources."""
    sessions = StoredSession.objects.exclude(session_data="")
    tokens = StoredTokens.objects.all()
    own = [
        Sealed("sessions", sessions, "session_data", store.PURPOSE, "session_key", may_go=True),
        Sealed("upstreams' tokens", tokens, "sealed", vault.PURPOSE, "session_id", may_go=True),
        Sealed("outbox", OutboxItem.objects.all(), "sealed", outbox.PURPOSE, may_go=True),
    ]
    return own + [each for elsewhere in offered("sealed") for each in elsewhere()]


def needed() -> dict[str, Mapping[str, int]]:
    """Return how many texts of which kind each key has sealed, by the key's id: those of the ring
    first, in its order, also where there are none; then those that no key of the ring opens.
    Tables that an upgrade has not made yet hold nothing.
    """
    found: dict[str, Counter[str]] = defaultdict(Counter)
    there = {*connection.introspection.table_names()}
    for place in places():
        if place.rows.model._meta.db_table not in there:
            continue
        marked = place.rows.annotate(mark=Substr(place.column, 1, KEY_ID))  # not the whole text
        for mark, count in marked.order_by().values_list("mark").annotate(Count("pk")):
            found[mark][place.label] += count
    sources = Source.objects.all() if Source._meta.db_table in there else Source.objects.none()
    for settings in sources.values_list("settings", flat=True):
        for value in filter(catalogue.is_sealed, settings.values()):
            found[value.removeprefix(catalogue.SEALED).partition(".")[0]][SECRETS] += 1
    ring = key_ids()
    return {key: found[key] for key in (*ring, *sorted(found.keys() - set(ring)))}


def forget_lost() -> list[Turned]:
    """End the sessions that no key opens, and delete the other texts that none does and that may
    go. The secrets of sources stay, which operators type anew. Returns how many went, by kind.
    """
    return [Turned(place.label, _forget(place)) for place in places() if place.may_go]


def _forget(place: Sealed) -> int:
    lost = place.rows
    for key in key_ids():
        lost = lost.exclude(**{f"{place.column}__startswith": f"{key}."})
    gone = 0
    while pks := list(lost.order_by("pk").values_list("pk", flat=True)[:BATCH]):
        rows = place.rows.model.objects.filter(pk__in=pks)
        if place.rows.model is StoredSession:
            events.record_ended(ending.end(rows), "no key opens it")
        else:
            rows.delete()
        gone += len(pks)
    return gone


def waiting(place: Sealed) -> int:
    """Return how many texts of a place are not sealed by the first key."""
    return int(_former(place).count())


def turn(place: Sealed, step: Callable[[int], None]) -> Turned:
    """Seal the texts of a place anew, in batches; `step` is told how many were looked at."""
    turned = unreadable = 0
    ended.refreshed()  # so that the copies of this database are known by their names
    for batch in _batches(place):
        with transaction.atomic():
            for pk, text, bound in batch:
                try:
                    fresh = seal(unseal(text, place.purpose, bound), place.purpose, bound)
                except Unreadable:
                    unreadable += 1
                    continue
                mine = place.rows.filter(pk=pk, **{place.column: text})
                turned += mine.update(**{place.column: fresh})
        if place.rows.model is StoredSession:
            cache.sessions.delete(*(str(pk) for pk, _text, _bound in batch))
        step(len(batch))
    return Turned(place.label, turned, unreadable)


def turn_sources() -> Turned:
    """Seal the secrets of the sources anew."""
    turned = unreadable = 0
    with transaction.atomic():
        for row in Source.objects.select_for_update():
            for name, value in row.settings.items():
                sealed = str(value).removeprefix(catalogue.SEALED)
                if not catalogue.is_sealed(value) or is_current(sealed):
                    continue
                try:
                    row.settings[name] = catalogue.SEALED + seal(unseal(sealed, SOURCE), SOURCE)
                    turned += 1
                except Unreadable:
                    unreadable += 1
            Source.objects.filter(pk=row.pk).update(settings=row.settings)
        ended.announce("source", list(Source.objects.values_list("slug", flat=True)))
    return Turned(SECRETS, turned, unreadable)


def _former(place: Sealed) -> Any:
    return place.rows.exclude(**{f"{place.column}__startswith": current_mark()})


def _batches(place: Sealed) -> Iterator[list[tuple[object, str, str]]]:
    """Yield pk, text and what it is bound to of the texts by former keys, in batches."""
    last: object = None
    columns = ("pk", place.column, place.bound or "pk")
    while True:
        rows = _former(place).order_by("pk")
        rows = rows.filter(pk__gt=last) if last is not None else rows
        found = list(rows.values_list(*columns)[:BATCH])
        if not found:
            return
        last = found[-1][0]
        yield [(pk, text, str(bound) if place.bound else "") for pk, text, bound in found]
