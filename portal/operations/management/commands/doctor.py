"""`manage.py doctor [SUBJECT ...] [--quick] [--json]`."""

import json
import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
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
        with _quiet_log():
            examined = examination.examine(options["subject"], quick=options["quick"], aloud=True)
            found = list(self._told(examined, quiet=options["json"]))
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


@contextmanager
def _quiet_log() -> Iterator[None]:
    """Log what could not be examined alone, on standard error: the findings say what is wrong, and
    standard output is theirs.
    """
    own = [each for each in logging.getLogger().handlers if isinstance(each, logging.StreamHandler)]
    before = [(each, each.setStream(sys.stderr)) for each in own]
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(logging.NOTSET)
        for handler, stream in before:
            handler.setStream(stream or sys.stderr)


def _plain(subject: str, finding: Finding) -> dict[str, Any]:
    told = {"ok": finding.ok, "message": finding.message, "fix": finding.fix}
    return {"subject": subject, **told}
