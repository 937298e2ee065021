"""`manage.py clear_expired`, for the clock of the installation: once a day will do."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from portal.operations import expiry


class Command(BaseCommand):
    """Clears what is over in every room."""

    help = "Delete expired sessions, and whatever else is over in any room."

    def handle(self, *args: Any, **options: Any) -> None:
        """Call what each room offers, and name it when asked to (`--verbosity 2`)."""
        for path in expiry.clear_all():
            if options["verbosity"] > 1:
                self.stdout.write(path)
