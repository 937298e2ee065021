"""What the database holds at this moment, for `/metrics`: each number at a bounded cost."""

import time
from collections.abc import Iterator
from datetime import datetime
from functools import lru_cache

from django.db import connection
from django.db.models import Count, Min
from django.utils import timezone
from prometheus_client import Metric
from prometheus_client.metrics_core import GaugeMetricFamily

from accounts.models import OutboxItem, StoredSession

# Sessions are counted once in so many seconds, however many ask, and no further than this.
COUNTED_FOR = 60
MOST_SESSIONS = 1_000_000


def outbox() -> Iterator[Metric]:
    """Yield how much waits in the outbox, and for how long the oldest of it."""
    now = timezone.now()
    rows = OutboxItem.objects.order_by().values("kind")
    found = {row["kind"]: row for row in rows.annotate(items=Count("pk"), since=Min("created_at"))}
    items = GaugeMetricFamily(
        "vestibule_outbox_items", "Deliveries that wait for another try.", labels=["kind"]
    )
    oldest = GaugeMetricFamily(
        "vestibule_outbox_oldest_seconds", "Age of the oldest delivery.", labels=["kind"]
    )
    for kind in OutboxItem.Kind.values:
        row = found.get(kind)
        items.add_metric([kind], row["items"] if row else 0)
        oldest.add_metric([kind], (now - row["since"]).total_seconds() if row else 0)
    yield from (items, oldest)


def sessions() -> Iterator[Metric]:
    """Yield how many sessions have not expired, a minute old at most."""
    open_now = GaugeMetricFamily(
        "vestibule_sessions", "Sessions that have not expired.", labels=["kind"]
    )
    for kind, number in _counted(int(time.monotonic() // COUNTED_FOR)).items():
        open_now.add_metric([kind], number)
    yield open_now


@lru_cache(maxsize=1)
def _counted(_minute: int) -> dict[str, int]:
    return open_sessions(timezone.now())


def open_sessions(now: datetime) -> dict[str, int]:
    """Return the number of sessions of people by kind, `MOST_SESSIONS` of each at most."""
    rows = StoredSession.objects.filter(expire_date__gt=now, user__isnull=False)
    return {
        kind: rows.filter(kind=kind)[:MOST_SESSIONS].count() for kind in StoredSession.Kind.values
    }


def connections() -> Iterator[Metric]:
    """Yield the connections of all machines to this database, and how many it takes: PostgreSQL
    alone has them.
    """
    if connection.vendor != "postgresql":
        return
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT coalesce(state, 'other'), count(*) FROM pg_stat_activity"
            " WHERE datname = current_database() AND usename = current_user GROUP BY 1"
        )
        rows = cursor.fetchall()
        cursor.execute("SELECT current_setting('max_connections')::int")
        (most,) = cursor.fetchone()
    taken = GaugeMetricFamily(
        "vestibule_database_connections", "Connections to the database.", labels=["state"]
    )
    for state, number in rows:
        taken.add_metric([state], number)
    places = GaugeMetricFamily(
        "vestibule_database_connections_most", "Connections that the database takes."
    )
    places.add_metric([], most)
    yield from (taken, places)
