"""`manage.py demo`: the whole house on this machine, with people in it."""

from __future__ import annotations

from threading import Thread
from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.translation import gettext as _

from portal.operations import checks
from portal.operations.management.commands.deliver_outbox import deliver_until
from tests.sandbox import demo, mail, openid_demo, processes

_LAST_PORT = 65531  # the stand-ins have the ports after it


class Command(BaseCommand):
    """Starts the demo and ends all of it at Ctrl-C."""

    help = "Run the site on this machine with people to sign in as. Never in production."
    requires_system_checks: list[str] = []  # production is refused in a sentence first

    def add_arguments(self, parser: CommandParser) -> None:
        """Add `--reset` and `--port`."""
        parser.add_argument("--reset", action="store_true", help="begin with an empty database")
        parser.add_argument(
            "--port", type=int, default=demo.USUAL_PORT, help="of localhost; 8000 unless told"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Prepare, run until a signal, and end quietly. Raises `CommandError` with the reason."""
        port = options["port"]
        self._refuse_where_it_harms(port, reset=options["reset"])
        if options["reset"]:
            demo.forget()
        self._say(_("Preparing the database, and the style of the pages ..."))
        call_command("migrate", verbosity=0, interactive=False)
        call_command("collectstatic", verbosity=0, interactive=False)
        if demo.is_somebody_elses():
            raise CommandError(
                _("There are people in this database; the demo's passwords are known to everybody.")
            )
        demo.furnish(port)
        self._run(port)

    def _refuse_where_it_harms(self, port: int, *, reset: bool) -> None:
        if checks.is_production():
            raise CommandError(_("The demo does not run in production."))
        if not 1 <= port <= _LAST_PORT:
            raise CommandError(_("--port takes a number from 1 to %d.") % _LAST_PORT)
        self.check()
        if reset and not checks.is_embedded():
            raise CommandError(_("--reset never touches the database that DATABASE_URL names."))
        for own in demo.processes(port):
            if not processes.is_free(own.port):
                message = _("Port %d of localhost is taken; free it, or give another with --port.")
                raise CommandError(message % own.port)

    def _run(self, port: int) -> None:
        parts = demo.processes(port)
        mail.Shown.page = mail.address(openid_demo.origin(port))
        self._say(_("Starting the site, and beside it the stand-in identity sources ..."))
        try:
            with processes.stopped_by_signals() as stop, processes.running(parts, stop) as started:
                if stop.is_set():
                    return
                self._say(demo.banner(port))
                delivery = Thread(target=deliver_until, args=(stop,), name="outbox", daemon=True)
                delivery.start()
                processes.watch(parts, started, stop)
        except processes.FailedError as error:
            raise CommandError(_("This part of the demo has ended: %s") % error) from None

    def _say(self, text: str) -> None:
        self.stdout.write(text)
        self.stdout.flush()
