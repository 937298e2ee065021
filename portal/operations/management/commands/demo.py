"""`manage.py demo` where there is none: the demo is a part of the tests, not of the product."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils.translation import gettext as _


class Command(BaseCommand):
    """Stands in for the command of tests/sandbox, which goes before it in the demo's settings."""

    help = "In a checkout of the project: run the site with people to sign in as."
    requires_system_checks: list[str] = []

    def run_from_argv(self, argv: list[str]) -> None:
        """Answer the demo's own options the same."""
        super().run_from_argv(argv[:2])

    def handle(self, *args: Any, **options: Any) -> None:
        """Raise `CommandError` with where the demo is."""
        raise CommandError(_("The demo needs a checkout of the project."))
