"""`manage.py rotate_signing_key`: the key that signs id_tokens makes way for a new one."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.utils.translation import gettext as _

from portal.authorization_server import keys


class Command(BaseCommand):
    """A new key is published, and signs ten minutes later; the one before stays published for as
    long as clients may need it.
    """

    help = "Make a new key for id_tokens and logout tokens; clients find it by themselves."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take `--now`, for a key that somebody else has seen."""
        parser.add_argument("--now", action="store_true", help=_("sign with it at once"))

    def handle(self, *args: Any, now: bool, **options: Any) -> None:
        """Make the key, and name it."""
        self.stdout.write(keys.rotate(at_once=now))
