"""Delivering the outbox, again and again."""

from __future__ import annotations

from threading import Event

import structlog
from django.db import DatabaseError, close_old_connections, connections

from accounts import outbox

EVERY_SECONDS = 15.0

log = structlog.get_logger("vestibule.outbox")


def deliver_until(stop: Event, every: float = EVERY_SECONDS) -> None:
    """Deliver what is due every `every` seconds until `stop` is set. Survives database trouble."""
    while not stop.is_set():
        try:
            close_old_connections()
            outbox.deliver_due()
        except DatabaseError:
            log.warning("outbox.database_unavailable")
            connections.close_all()
        stop.wait(every)
    connections.close_all()
