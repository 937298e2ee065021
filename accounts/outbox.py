"""Logouts that failed upstream, tried again until they succeed or 24 hours have passed."""

from __future__ import annotations

from datetime import datetime, timedelta

import structlog
from django.utils import timezone

from accounts import events, serialization
from accounts.errors import ProtocolError
from accounts.keyring import Unreadable, seal, unseal
from accounts.models import Event, OutboxItem
from accounts.provider import CallsLogout, TokenSet
from accounts.source import catalogue

PURPOSE = "outbox"
FIRST_RETRY = timedelta(seconds=30)
LONGEST_WAIT = timedelta(hours=1)
GIVE_UP = timedelta(hours=24)
CLAIM = timedelta(seconds=60)

log = structlog.get_logger("vestibule.outbox")


def post(source: str, hint: TokenSet, support_code: str) -> None:
    """Keep a sealed copy of the hint for another try, in the caller's transaction."""
    now = timezone.now()
    OutboxItem.objects.create(
        source=source,
        sealed=seal(serialization.dump(hint), PURPOSE),
        support_code=support_code,
        created_at=now,
        next_at=now + FIRST_RETRY,
        give_up_at=now + GIVE_UP,
    )


def deliver_due(now: datetime | None = None, limit: int = 50) -> int:
    """Try what is due again. Returns how many were delivered. Raises nothing for a failed call."""
    now = now or timezone.now()
    due = OutboxItem.objects.filter(next_at__lte=now).order_by("next_at")[:limit]
    return sum(_deliver(item, now) for item in due if _claim(item, now))


def _claim(item: OutboxItem, now: datetime) -> bool:
    """Take the item, so that no other worker calls at the same time."""
    mine = OutboxItem.objects.filter(pk=item.pk, next_at=item.next_at)
    return mine.update(next_at=now + CLAIM) == 1


def _deliver(item: OutboxItem, now: datetime) -> bool:
    try:
        _call(item)
    except (ProtocolError, Unreadable) as error:
        _later(item, now, given_up=now >= item.give_up_at or isinstance(error, Unreadable))
        return False
    except Exception:  # a provider's defect must not stop the other deliveries
        log.exception("outbox.failed", source=item.source, support_code=item.support_code)
        _later(item, now, given_up=now >= item.give_up_at)
        return False
    item.delete()
    events.record(_event("logout.delivered", item))
    return True


def _call(item: OutboxItem) -> None:
    source = catalogue.of_session(item.source)
    hint = serialization.load(TokenSet, unseal(item.sealed, PURPOSE))
    if source and isinstance(source.provider, CallsLogout):
        source.provider.call_logout(hint)


def _later(item: OutboxItem, now: datetime, *, given_up: bool) -> None:
    if given_up:
        item.delete()
        events.record(_event("logout.given_up", item))
        return
    wait = min(FIRST_RETRY * 2 ** min(item.attempts, 12), LONGEST_WAIT)
    OutboxItem.objects.filter(pk=item.pk).update(attempts=item.attempts + 1, next_at=now + wait)


def _event(name: str, item: OutboxItem) -> Event:
    return events.event(name, support_code=item.support_code, source=item.source)
