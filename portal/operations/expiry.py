"""Clearing away what is over on the ground floor."""

from __future__ import annotations

from datetime import timedelta

from django.utils import timezone

from accounts import ended
from accounts.models import Event
from accounts.session.store import SessionStore

EVENTS_ARE_KEPT = timedelta(days=180)


def clear_ground_floor() -> int:
    """Delete expired sessions with their tokens, the feed's old rows and events of half a year.

    Returns the number of rows of the feed and the trail. Pending logouts go when they are delivered
    or given up.
    """
    SessionStore.clear_expired()
    old, _kinds = Event.objects.filter(at__lt=timezone.now() - EVENTS_ARE_KEPT).delete()
    return ended.clear_expired() + old
