"""`manage.py migrate`: Django's own, which holds nobody up for long, and after which the roles'
groups are as the code has them.
"""

from typing import Any

from django.core.management.base import CommandError
from django.core.management.commands import migrate
from django.db import OperationalError, ProgrammingError, connections
from django.db.migrations.exceptions import MigrationSchemaMissing
from django.utils.translation import gettext as _

from portal.operations import roles
from portal.operations.upgrades import brief


class Command(migrate.Command):
    """Migrates, and keeps the roles."""

    def handle(self, *args: Any, **options: Any) -> None:
        """Migrate; a run that shows a plan, or that names an app, leaves the roles alone. Raises
        `CommandError` when a table is in use for minutes, another migrate is at work for them, or
        the role may make no tables.
        """
        if options["plan"] or options["check_unapplied"]:
            super().handle(*args, **options)
            return
        connection = connections[options["database"]]

        def migrated() -> None:
            with brief.locks(connection):
                super(Command, self).handle(*args, **options)
                if not options["app_label"]:
                    roles.establish()

        try:
            with brief.alone(connection, self._wait):
                brief.tried(migrated, self._say)
        except brief.Busy:
            raise CommandError(_("Another migrate is still at work: wait until it ends.")) from None
        except (MigrationSchemaMissing, ProgrammingError) as error:
            if not brief.is_forbidden(error):
                raise
            said = _(
                "The user of DATABASE_URL may not make tables in this database. Let it own the "
                "database: ALTER DATABASE ... OWNER TO ..., and what is in it already."
            )
            raise CommandError(said) from None
        except OperationalError as error:
            if not brief.is_held_up(error):
                raise
            said = _(
                "A table is still in use, perhaps by a backup. The site goes on as it is. Run "
                "manage.py migrate again when that has ended."
            )
            raise CommandError(said) from None

    def _wait(self) -> None:
        self.stdout.write(_("Another migrate is at work. This one waits until it ends."))
        self.stdout.flush()

    def _say(self, pause: int) -> None:
        said = _("A table is in use. Nobody is held up for it: the next try is in %d seconds.")
        self.stdout.write(f"\n{said % pause}")
        self.stdout.flush()
