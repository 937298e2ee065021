"""`manage.py letmein ADMIN`."""

import getpass
import logging
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.urls import reverse
from django.utils.translation import gettext as _

from accounts import conf
from portal.operations import rescue


class Command(BaseCommand):
    """Prints a link that lets an administrator in when nothing else does."""

    help = "Print a link that signs an administrator in: once, within ten minutes."

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the administrator."""
        parser.add_argument("admin", help="the username of an administrator")

    def handle(self, *args: Any, **options: Any) -> None:
        """Print the link on standard output, and nothing else there. Raises `CommandError`."""
        logging.disable(logging.INFO)  # the event is in the trail, and the link alone is printed
        try:
            secret = rescue.issue(options["admin"], _operator())
        except rescue.NotAnAdministrator:
            said = _("Nobody called %s is an administrator who is let in.") % options["admin"]
            raise CommandError(said) from None
        finally:
            logging.disable(logging.NOTSET)
        self.stderr.write(_("Open this link in a browser within ten minutes. It counts once."))
        self.stdout.write(conf.site_url() + reverse("letmein", args=[secret]))


def _operator() -> str:
    """Return the account of the machine that runs the command, for the audit trail."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "?"
