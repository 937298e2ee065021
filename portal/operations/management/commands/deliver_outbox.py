"""`manage.py deliver_outbox [--forever]`."""

from __future__ import annotations

import signal
from threading import Event
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.utils.translation import gettext as _

from accounts import outbox
from portal.operations.delivery import deliver_until


class Command(BaseCommand):
    """Delivers pending logouts and mails."""

    help = "Deliver the logouts and mails that have not reached their server yet."

    def add_arguments(self, parser: CommandParser) -> None:
        """Add `--forever`."""
        parser.add_argument(
            "--forever", action="store_true", help="every 15 seconds, until SIGTERM or SIGINT"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Deliver what is due, once or until a signal says to stop."""
        if not options["forever"]:
            self.stdout.write(_("Delivered: %d") % outbox.deliver_due())
            return
        stop = Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        deliver_until(stop)
