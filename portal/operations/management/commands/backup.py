"""`manage.py backup FILE [--keys]`."""

import os
import sys
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.translation import gettext as _

from portal.operations import archive, backup, endings


class Command(BaseCommand):
    """Copies all that the site holds into one file, while it runs."""

    help = "Write a backup of the database, and of the keys if asked to."

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the file, and the choice about the keys."""
        parser.add_argument("file", help=_("a new file, or - for standard output"))
        parser.add_argument(
            "--keys",
            action="store_true",
            help=_("put the keys in as well: whoever has the file then has everything"),
        )

    @endings.in_order()
    def handle(self, *args: Any, file: str, keys: bool, **options: Any) -> None:
        """Write the archive; a file is readable by its owner only. Raises `CommandError`, and
        leaves no file, when there is none.
        """
        if file == "-":
            self._take(sys.stdout.buffer, keys)
            return
        path = Path(file)
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except OSError as error:
            raise CommandError(f"{file}: {error.strerror}") from None
        try:
            with os.fdopen(descriptor, "wb") as own:
                self._take(own, keys)
        except BaseException:  # whatever it was, half a backup is none
            path.unlink()
            raise
        if not keys:
            said = _(
                "The keys are not in it: keep VESTIBULE_VAULT_KEYS elsewhere, or nobody can read "
                "what is sealed."
            )
            self.stdout.write(said)

    @staticmethod
    def _take(file: Any, keys: bool) -> None:
        try:
            backup.take(file, with_keys=keys)
        except archive.Refused as refused:
            raise CommandError(str(refused)) from None
        except OSError as error:
            raise CommandError(error.strerror or str(error)) from None
