"""`manage.py deliver_outbox [--forever]`."""

import signal
from threading import Event
from typing import Any

import structlog
from django.core.management.base import BaseCommand, CommandParser
from django.db import DatabaseError, close_old_connections, connections
from django.utils.translation import gettext as _

from accounts import outbox
from accounts.session import following
from accounts.session.store import end_expired
from portal.operations import alarms
from portal.operations.metrics import numbers

EVERY_SECONDS = 15.0

log = structlog.get_logger("vestibule.outbox")


class Command(BaseCommand):
    """Ends what has expired, delivers pending logouts and mails, asks upstreams about people."""

    help = (
        "Deliver the logouts and mails that have not reached their server yet, and end the "
        "sessions of people whom their source lets in no more."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Add `--forever`."""
        parser.add_argument(
            "--forever", action="store_true", help="every 15 seconds, until SIGTERM or SIGINT"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Do what is due, once or until a signal says to stop."""
        numbers.as_a_server()
        if not options["forever"]:
            end_expired()
            self.stdout.write(_("Delivered: %d") % outbox.deliver_due())
            following.recheck_due()
            return
        stop = Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        deliver_until(stop)


def deliver_until(stop: Event, every: float = EVERY_SECONDS) -> None:
    """Do what is due every `every` seconds until `stop` is set. Survives database trouble."""
    while not stop.is_set():
        try:
            close_old_connections()
            end_expired()
            outbox.deliver_due()
            following.recheck_due()
            alarms.look_beside()
        except DatabaseError:
            log.warning("outbox.database_unavailable")
            connections.close_all()
        stop.wait(every)
    connections.close_all()
