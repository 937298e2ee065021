"""`manage.py events export [--days N] [--code CODE]`."""

from datetime import datetime, timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import Event
from portal.operations import event_file


class Command(BaseCommand):
    """The audit trail, for other tools."""

    help = "Print events as JSON lines, the oldest first."

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the verb and what narrows it."""
        verbs = parser.add_subparsers(dest="verb", required=True)
        export = verbs.add_parser("export", help="print events, one JSON object a line")
        export.add_argument("--days", type=int, help="only those of so many days")
        export.add_argument("--code", help="only those of one support code")

    def handle(self, *args: Any, **options: Any) -> None:
        """Print what was asked for. Raises `CommandError` for days that no calendar has, and for a
        support code that is none.
        """
        rows = Event.objects.order_by("at", "id")
        if options["days"] is not None:
            rows = rows.filter(at__gte=_before(options["days"]))
        if options["code"]:
            if not (code := event_file.support_code(options["code"])):
                said = _("%s is no support code: they are like 3T6F-GN5W.")
                raise CommandError(said % options["code"])
            rows = rows.filter(support_code=code)
        for line in event_file.lines(rows):
            self.stdout.write(line, ending="")


def _before(days: int) -> datetime:
    try:
        return timezone.now() - timedelta(days=days)
    except OverflowError:
        raise CommandError(_("No calendar has so many days: %d") % days) from None
