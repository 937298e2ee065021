"""`manage.py deliver_outbox [--forever [--every SECONDS] [--alive FILE]]`."""

import signal
from pathlib import Path
from threading import Event
from typing import Any

import structlog
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError, InterfaceError, close_old_connections, connections
from django.utils.translation import gettext as _

from accounts import outbox
from accounts.cache import reasons
from accounts.session import following
from accounts.session.ending import end_expired
from portal.operations import alarms
from portal.operations.liveness import Liveness
from portal.operations.metrics import numbers

EVERY_SECONDS = 15.0
_LEAST, _MOST = 0.1, 86400

log = structlog.get_logger("vestibule.outbox")


class Command(BaseCommand):
    """Ends what has expired, delivers pending logouts and mails, asks upstreams about people."""

    help = (
        "Deliver the logouts and mails that have not reached their server yet, and end the "
        "sessions of people whom their source lets in no more."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Add `--forever`, how often, and the file that shows that it works."""
        parser.add_argument(
            "--forever", action="store_true", help=_("round after round, until SIGTERM or SIGINT")
        )
        said = _("seconds between two rounds, 15 unless told otherwise")
        parser.add_argument("--every", type=float, default=EVERY_SECONDS, help=said)
        said = _("touch this file whenever something was done, for a probe")
        parser.add_argument("--alive", type=Path, metavar="FILE", help=said)

    def handle(self, *args: Any, **options: Any) -> None:
        """Do what is due, once or until a signal says to stop. Raises `CommandError` when the file
        of `--alive` cannot be written, and for an `--every` that is no pause, or none that ends.
        """
        if not _LEAST <= options["every"] <= _MOST:  # nan is neither
            said = _("%(name)s is a number from %(least)s to %(most)s.")
            raise CommandError(said % {"name": "--every", "least": _LEAST, "most": _MOST})
        numbers.as_a_server()
        if not options["forever"]:
            end_expired()
            self.stdout.write(_("Delivered: %d") % outbox.deliver_due())
            following.recheck_due()
            return
        stop = Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        try:
            deliver_until(stop, options["every"], Liveness(options["alive"]))
        except OSError as error:
            raise CommandError(f"{error.filename}: {error.strerror}") from None


def deliver_until(
    stop: Event, every: float = EVERY_SECONDS, liveness: Liveness | None = None
) -> None:
    """Do what is due every `every` seconds until `stop` is set. Survives database trouble; each
    round shows that it goes on. Raises `OSError` when that cannot be shown.

    Items of the outbox have so many seconds in a round: many, or receivers that hang, hold up
    nothing else.
    """
    liveness = liveness or Liveness(None)
    while not stop.is_set():
        liveness.show()
        try:
            close_old_connections()
            with liveness.by_each_statement():
                end_expired()
                outbox.deliver_due(seconds=EVERY_SECONDS, is_over=stop.is_set)
                if not stop.is_set():
                    following.recheck_due()
            alarms.look_beside()
        except (DatabaseError, InterfaceError) as error:
            log.warning("outbox.database_unavailable", why=reasons.of(error))
            connections.close_all()
        stop.wait(every)
    connections.close_all()
