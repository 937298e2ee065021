"""`manage.py doctor [SUBJECT ...] [--quick] [--json]`."""

import json
import logging
from collections.abc import Iterator
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.translation import gettext as _

from accounts.provider import Finding
from portal.operations.doctor import examination

Examined = Iterator[tuple[str, Finding]]


class Command(BaseCommand):
    """Examines the installation, and says what to do about what is wrong."""

    help = "Examine the installation; status 1 when something is wrong."
    requires_system_checks: list[str] = []  # what they say is a finding as well

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the subjects, `--quick` and `--json`."""
        known = list(examination.SUBJECTS)
        parser.add_argument("subject", nargs="*", help=f"some of: {', '.join(known)}")
        parser.add_argument(
            "--quick", action="store_true", help="leave out what takes longer than a moment"
        )
        parser.add_argument("--json", action="store_true", help="a list, for scripts")

    def handle(self, *args: Any, **options: Any) -> None:
        """Print what is found. Raises `CommandError`, which is exit status 1, when not all is well.

        With `--json` standard output is a list of objects: `subject`, `ok`, `message`, `fix`.
        """
        strangers = set(options["subject"]) - set(examination.SUBJECTS)
        if strangers:
            raise CommandError(_("There is no such subject: %s") % ", ".join(sorted(strangers)))
        logging.disable(logging.WARNING)  # what is wrong is said by the findings
        try:
            examined = examination.examine(options["subject"], quick=options["quick"])
            found = list(self._told(examined, quiet=options["json"]))
        finally:
            logging.disable(logging.NOTSET)
        if options["json"]:
            self.stdout.write(json.dumps([_plain(*each) for each in found], indent=2))
        wrong = sum(not finding.ok for _subject, finding in found)
        if wrong:
            raise CommandError(_("Not well: %d findings.") % wrong)

    def _told(self, found: Examined, *, quiet: bool) -> Examined:
        before = ""
        for subject, finding in found:
            if not quiet:
                self._say("" if subject == before else subject, finding)
                before = subject
            yield subject, finding

    def _say(self, subject: str, finding: Finding) -> None:
        mark = self.style.SUCCESS("ok  ") if finding.ok else self.style.ERROR("FAIL")
        self.stdout.write(f"{subject:<12}{mark}  {finding.message}")
        if finding.fix:
            self.stdout.write(f"{'':<18}{finding.fix}")
        self.stdout.flush()


def _plain(subject: str, finding: Finding) -> dict[str, Any]:
    told = {"ok": finding.ok, "message": finding.message, "fix": finding.fix}
    return {"subject": subject, **told}
