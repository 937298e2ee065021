"""Clearing away what is over: each room and provider offers its own part
(docs/architecture.md 1).
"""

from __future__ import annotations

from datetime import timedelta

from django.apps import apps
from django.utils import timezone
from django.utils.module_loading import import_string

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


def clear_all() -> list[str]:
    """Call each `clear_expired` that an AppConfig offers by dotted path. Returns those paths."""
    offered = [getattr(config, "clear_expired", "") for config in apps.get_app_configs()]
    paths = list(dict.fromkeys(path for path in offered if path))
    for path in paths:
        import_string(path)()
    return paths
