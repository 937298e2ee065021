"""`manage.py restore FILE [--env FILE] [--without-keys] [--another-site]`."""

import sys
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.translation import gettext as _

from portal.operations import archive, backup, endings, key_file


class Command(BaseCommand):
    """Restores a backup into an empty database."""

    help = "Restore a backup into the empty database of the settings."
    requires_system_checks: list[str] = []  # production has no keys yet: they are in the archive

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the file, and what becomes of the keys."""
        parser.add_argument("file", help=_("a backup, or - for standard input"))
        said = _("write the keys of the former site to this file")
        parser.add_argument("--env", type=Path, metavar="FILE", help=said)
        parser.add_argument(
            "--without-keys", action="store_true", help=_("give up what lost keys have sealed")
        )
        said = _("go on although the backup is of a site at another address")
        parser.add_argument("--another-site", action="store_true", help=said)

    @endings.in_order()
    def handle(self, *args: Any, file: str, env: Path | None, **options: Any) -> None:
        """Restore, and say what to do next. Raises `CommandError` when nothing was changed."""
        try:
            with nullcontext(sys.stdin.buffer) if file == "-" else Path(file).open("rb") as own:
                manifest, former = backup.restore(
                    own,
                    keys_to=env,
                    without_keys=options["without_keys"],
                    another_site=options["another_site"],
                )
        except OSError as error:
            said = f"{error.filename or file}: {error.strerror}"
            raise CommandError(f"{said}\n{_('Nothing was changed.')}") from None
        except (archive.Refused, key_file.Unusable) as refused:
            raise CommandError(f"{refused}\n{_('Nothing was changed.')}") from None
        said = _("The backup of %(taken_at)s is restored, written by version %(version)s.")
        self.stdout.write(said % manifest)
        if env:
            said = _("Add %s to the environment of the new site, then delete it.")
            self.stdout.write(said % env)
        if former:
            said = _("The keys that were here are kept in %s. Delete it when nothing needs them.")
            self.stdout.write(said % former)
        self.stdout.write(_("Next: manage.py migrate, then start the site."))
