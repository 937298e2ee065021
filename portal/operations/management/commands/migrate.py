"""`manage.py migrate`: Django's own, after which the roles' groups are as the code has them."""

from typing import Any

from django.core.management.commands import migrate

from portal.operations import roles


class Command(migrate.Command):
    """Migrates, and keeps the roles."""

    def handle(self, *args: Any, **options: Any) -> None:
        """Migrate; a run that shows a plan, or that names an app, leaves the roles alone."""
        super().handle(*args, **options)
        if not (options["plan"] or options["check_unapplied"] or options["app_label"]):
            roles.establish()
