"""`manage.py clients apply FILE | export | check`."""

from collections.abc import Sequence
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction
from django.utils.translation import gettext as _

from portal.authorization_server import client_file
from portal.configuration import file_command
from portal.configuration.streams import Unheard


class Command(BaseCommand):
    """Clients from a file, to a file, and looked through."""

    help = "Apply clients from a TOML file, export them, or look for what is wrong with them."

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the three verbs."""
        verbs = parser.add_subparsers(dest="verb", required=True)
        apply = verbs.add_parser("apply", help="make the clients what a file says, all or nothing")
        apply.add_argument("file", help="a TOML file, or - for standard input")
        verbs.add_parser("export", help="print the clients as apply takes them, without secrets")
        verbs.add_parser("check", help="say what is wrong; status 1 if anything is")

    def handle(self, *args: Any, **options: Any) -> None:
        """Do what the verb says. Raises `CommandError`, which is exit status 1."""
        match options["verb"]:
            case "apply":
                self._apply(options["file"])
            case "export":
                self.stdout.write(client_file.export(), ending="")
            case "check":
                self._check()

    def _apply(self, file: str) -> None:
        """Apply, and print it before it counts: a secret that nobody can read is none."""
        try:
            with transaction.atomic():
                self._tell(file_command.applied(file, client_file.apply))
                self.stdout.flush()
        except Unheard as unheard:
            said = _("What this command prints cannot be written: %s.") % unheard.strerror
            raise CommandError(f"{said}\n{_('Nothing was changed.')}") from None

    def _tell(self, changes: Sequence[client_file.Applied]) -> None:
        for change in changes:
            self.stdout.write(file_command.line(change))
            if change.secret:
                said = _("Its secret, which is not shown again: %s") % change.secret
                self.stdout.write(f"          {said}")

    def _check(self) -> None:
        found = client_file.problems()
        for client_id, wrong in found.items():
            self.stdout.write(f"{'FAIL' if wrong else 'ok  '}  {client_id}")
            for each in wrong:
                self.stdout.write(f"      {each}")
        if any(found.values()):
            troubled = [client_id for client_id, wrong in found.items() if wrong]
            raise CommandError(_("Not well: %s") % ", ".join(troubled))
