"""`manage.py upgrade-check`."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils.translation import gettext as _

from portal.operations.upgrades import look


class Command(BaseCommand):
    """Says what an upgrade to this version will do, before anything of it is done."""

    help = "Say what an upgrade to this version does; run it with the new code, before migrate."
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        """Print what is found. Raises `CommandError`, exit status 1, when something stands in the
        way. Changes nothing.
        """
        wrong, before = 0, ""
        for subject, finding in look.examine():
            mark = self.style.SUCCESS("ok  ") if finding.ok else self.style.ERROR("FAIL")
            self.stdout.write(
                f"{'' if subject == before else subject:<12}{mark}  {finding.message}"
            )
            if finding.fix:
                self.stdout.write(f"{'':<18}{finding.fix}")
            before, wrong = subject, wrong + (not finding.ok)
        if wrong:
            raise CommandError(_("Not well: %d findings.") % wrong)
