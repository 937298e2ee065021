"""`manage.py createapplication`: the toolkit's, which knows no rule of this site's."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils.translation import gettext as _


class Command(BaseCommand):
    """Refuses: the toolkit's own makes clients that no rule has judged, and no event tells of."""

    help = "Refused: clients are made by clients apply."
    requires_system_checks: list[str] = []

    def run_from_argv(self, argv: list[str]) -> None:
        """Leave all arguments out: whatever is asked, the answer is one."""
        super().run_from_argv(argv[:2])

    def handle(self, *args: Any, **options: Any) -> None:
        """Raise `CommandError`, with the way that there is."""
        raise CommandError(_("Clients are made by clients apply FILE (docs/applications.md)."))
