"""`manage.py backup FILE [--keys]`."""

import os
import sys
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import IO, Any

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
        if file == "-" and sys.stdout.isatty():
            said = _(
                "A terminal would change a backup, so none is written to it: lead it on by > FILE, "
                "and let a container's run give it none (-T)."
            )
            raise CommandError(said)
        if file == "-":
            self._take(sys.stdout.buffer, keys)
            return
        with ExitStack() as at_failure:  # whatever it is, half a backup is none
            with endings.put_off():
                own = self._new(Path(file))
                at_failure.callback(Path(file).unlink)
                at_failure.callback(self._give_up, own)
            self._take(own, keys)
            own.close()
            at_failure.pop_all()
        said = _("%(file)s is written: %(size)d bytes.")
        self.stdout.write(said % {"file": file, "size": Path(file).stat().st_size})
        if not keys:
            said = _(
                "The keys are not in it: keep VESTIBULE_VAULT_KEYS elsewhere, or nobody can read "
                "what is sealed."
            )
            self.stdout.write(said)

    @staticmethod
    def _new(path: Path) -> IO[bytes]:
        try:
            return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")
        except OSError as error:
            raise CommandError(f"{path}: {error.strerror}") from None

    @staticmethod
    def _give_up(file: IO[bytes]) -> None:
        with suppress(OSError):  # a disk that was full is full still
            file.close()

    @staticmethod
    def _take(file: Any, keys: bool) -> None:
        try:
            backup.take(file, with_keys=keys)
            file.flush()
        except archive.Refused as refused:
            raise CommandError(str(refused)) from None
        except OSError as error:
            raise CommandError(error.strerror or str(error)) from None
