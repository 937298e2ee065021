"""`manage.py clear_expired`, for the clock of the installation: once a day will do."""

from typing import Any

from django.apps import apps
from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError, connection
from django.utils.module_loading import import_string
from django.utils.translation import gettext as _

from accounts.cache import reasons
from portal.operations.progress import Progress


class Command(BaseCommand):
    """Clears what is over: each room and provider offers its own part (docs/architecture.md 1)."""

    help = "Delete expired sessions, and whatever else is over in any room."

    def handle(self, *args: Any, **options: Any) -> None:
        """Call each `clear_expired` that an AppConfig offers by dotted path, and name it when asked
        to (`--verbosity 2`). Raises `CommandError` when the database does not answer.
        """
        try:
            connection.ensure_connection()
        except DatabaseError as error:
            said = _("The database does not answer: %s.") % reasons.of(error)
            raise CommandError(said) from None
        offered = [getattr(config, "clear_expired", "") for config in apps.get_app_configs()]
        paths = list(dict.fromkeys(path for path in offered if path))
        with Progress(self.stdout, "", len(paths)) as bar:
            for path in paths:
                import_string(path)()
                bar.step()
        if options["verbosity"] > 1:
            self.stdout.write("\n".join(paths))
