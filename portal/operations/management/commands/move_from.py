"""`manage.py move_from FOLDER [--env FILE]`."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.translation import gettext as _

from portal.operations import endings, key_file, moving


class Command(BaseCommand):
    """Moves an embedded site to the PostgreSQL and Redis of the environment."""

    help = "Move the embedded site in FOLDER to the empty database of DATABASE_URL."
    requires_system_checks: list[str] = []  # production has no keys yet: they are what it may write

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the former site's folder, and where its keys are written to."""
        parser.add_argument("folder", type=Path, help=_("VESTIBULE_DATA of the embedded site"))
        said = _("write the keys of the former site to this file")
        parser.add_argument("--env", type=Path, metavar="FILE", help=said)

    @endings.in_order()
    def handle(self, *args: Any, folder: Path, env: Path | None, **options: Any) -> None:
        """Move, and print how much of what. Raises `CommandError` when nothing was moved, and when
        nobody knows.
        """
        try:
            counted = moving.move(folder, env, self._say)
        except (moving.Refused, key_file.Unusable) as refused:
            raise CommandError(f"{refused}\n{_('Nothing was changed.')}") from None
        except moving.Unsure:
            said = _(
                "PostgreSQL was lost at the very end, and the data may be in. Keep the file of "
                "keys, if there is one. Once PostgreSQL answers, look for your people there: if "
                "they are in, go on as after a move; if not, delete the file and run this again."
            )
            raise CommandError(said) from None
        except OSError as error:
            said = f"{error.filename or env}: {error.strerror}"
            raise CommandError(f"{said}\n{_('Nothing was changed.')}") from None
        self.stdout.write(_("%d rows were moved; every table was counted.") % sum(counted.values()))
        if env:
            said = _("Add %s to the environment of the new site, then delete it.")
            self.stdout.write(said % env)
        if left := moving.left_behind(folder):
            self.stdout.write(_("Left in the folder, for you to judge: %s") % ", ".join(left))
        self.stdout.write(_("Start the new site, and never again the former one: keep its folder."))

    def _say(self, table: str, count: int) -> None:
        self.stdout.write(f"{table:<40} {count}")
