"""`manage.py sources apply FILE | export | check [SLUG] | migrate SLUG --from ISSUER`."""

import logging
from functools import partial
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.models import Source
from accounts.source import catalogue
from portal.configuration import file_command
from portal.operations import source_file, source_rows


class Command(BaseCommand):
    """Sources from a file, to a file, and put to the test."""

    help = "Apply sources from a TOML file, export them, or test them live."

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the four verbs."""
        verbs = parser.add_subparsers(dest="verb", required=True)
        apply = verbs.add_parser("apply", help="make the sources what a file says, all or nothing")
        apply.add_argument("file", help="a TOML file, or - for standard input")
        apply.add_argument(
            "--prune", action="store_true", help="disable the sources that the file does not name"
        )
        verbs.add_parser("export", help="print the sources as apply takes them, without secrets")
        check = verbs.add_parser("check", help="test the sources live; status 1 if one is not well")
        check.add_argument("slug", nargs="?", help="one source, also a disabled one")
        migrate = verbs.add_parser("migrate", help="keep people when a source's issuer has changed")
        migrate.add_argument("slug")
        migrate.add_argument("--from", dest="former", required=True, help="the former issuer")

    def handle(self, *args: Any, **options: Any) -> None:
        """Do what the verb says. Raises `CommandError`, which is exit status 1."""
        match options["verb"]:
            case "apply":
                self._apply(options["file"], prune=options["prune"])
            case "export":
                self.stdout.write(source_file.export(), ending="")
            case "check":
                self._check(options["slug"])
            case "migrate":
                self._migrate(options["slug"], options["former"])

    def _apply(self, file: str, *, prune: bool) -> None:
        for change in file_command.applied(file, partial(source_file.apply, prune=prune)):
            self.stdout.write(file_command.line(change))

    def _check(self, slug: str | None) -> None:
        rows = [self._source(slug)] if slug else Source.objects.filter(enabled=True)
        logging.disable(logging.WARNING)  # what is wrong is said by the findings
        try:
            troubled = [row.slug for row in rows if not self._report(row)]
        finally:
            logging.disable(logging.NOTSET)
        if troubled:
            raise CommandError(_("Not well: %s") % ", ".join(troubled))

    def _migrate(self, slug: str, former: str) -> None:
        try:
            moved = catalogue.migrate(self._source(slug), former)
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from None
        said = ngettext("%d person has moved.", "%d people have moved.", moved)
        self.stdout.write(said % moved)

    @staticmethod
    def _source(slug: str) -> Source:
        row = Source.objects.filter(slug=slug).first()
        if row is None:
            raise CommandError(_("There is no source called %s.") % slug)
        return row

    def _report(self, row: Source) -> bool:
        """Print what was found of one source. Tells whether all of it is well."""
        found = source_rows.findings(row)
        self.stdout.write(row.slug)
        for finding in found:
            mark = self.style.SUCCESS("ok  ") if finding.ok else self.style.ERROR("FAIL")
            self.stdout.write(f"  {mark}  {finding.message}")
            if finding.fix:
                self.stdout.write(f"        {finding.fix}")
        return all(finding.ok for finding in found)
