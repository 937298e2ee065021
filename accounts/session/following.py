"""Following: sessions of people whom their upstream no longer lets in end within minutes."""

import time
from collections.abc import Iterator

import structlog
from django.db import transaction
from django.utils import timezone

from accounts import cache, events
from accounts.errors import DISABLED, ProtocolError
from accounts.models import Event, StoredSession
from accounts.provider import Rechecks
from accounts.session import farewell, people
from accounts.source import catalogue, outage
from accounts.source.catalogue import ConfiguredSource

BATCH = 100
_asked: dict[str, float] = {}
log = structlog.get_logger("vestibule.following")


def recheck_due() -> int:
    """Ask each source that is due about the people who have a session by it.

    Returns how many sessions ended. Raises nothing for an upstream in trouble: it is asked again at
    the next call, and until it answers its sessions live.
    """
    return sum(_recheck(source) for source in _sources() if _is_due(source))


def _sources() -> list[ConfiguredSource]:
    """Return all sources that can be asked: one that is disabled still has its sessions."""
    return [*catalogue.enabled(), *catalogue.disabled()]


def _is_due(source: ConfiguredSource) -> bool:
    """Tell whether it is time to ask, by this process's memory and by the cache of all of them.

    A cache that fails makes a source be asked more often, never less.
    """
    every = source.description.recheck_seconds
    if not every or not isinstance(source.provider, Rechecks):
        return False
    now = time.monotonic()
    if now - _asked.get(source.slug, float("-inf")) < every:
        return False
    _asked[source.slug] = now
    return cache.shared.add(_key(source.slug), True, every)


def _recheck(source: ConfiguredSource) -> int:
    gone = 0
    for batch in _batches(source):
        try:
            assert isinstance(source.provider, Rechecks)  # noqa: S101  # else it is not due
            refused = source.provider.recheck(batch)
        except ProtocolError as error:
            log.warning("recheck.failed", source=source.slug, error=error.description)
            outage.doubt(source.slug)
            _asked.pop(source.slug, None)
            cache.shared.delete(_key(source.slug))
            break
        except Exception:  # a provider's defect must not stop the other sources
            log.exception("recheck.failed", source=source.slug)
            break
        gone += sum(_cut_off(source, subject, why) for subject, why in refused.items())
    return gone


def _batches(source: ConfiguredSource) -> Iterator[list[str]]:
    """Yield who has a session by the source, a hundred at a time."""
    known = StoredSession.objects.filter(
        source=source.slug, issuer=source.description.issuer, expire_date__gt=timezone.now()
    )
    last = ""
    while True:
        next_ones = known.filter(subject__gt=last).order_by("subject").distinct()
        batch = list(next_ones.values_list("subject", flat=True)[:BATCH])
        if not batch:
            return
        yield batch
        last = batch[-1]


def _cut_off(source: ConfiguredSource, subject: str, why: str) -> int:
    """End the sessions that somebody has by the source, with what hangs on them."""
    theirs = StoredSession.objects.filter(
        source=source.slug, issuer=source.description.issuer, subject=subject
    )
    with transaction.atomic():
        word = farewell.CLOSED if why == DISABLED else farewell.BARRED
        people.end_waiting(theirs.values("user_id"))
        rows = people.end_with_children(theirs, word)
        events.record_ended(
            rows, f"{source.slug} lets this person in no more: {why}", actor=Event.Actor.SOURCE
        )
    return len(rows)


def _key(slug: str) -> str:
    return f"recheck:{slug}"
