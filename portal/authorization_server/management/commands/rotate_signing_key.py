"""`manage.py rotate_signing_key`: the key that signs id_tokens makes way for a new one."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.utils.translation import gettext as _

from portal.authorization_server import keys


class Command(BaseCommand):
    """A new key is published, and signs ten minutes later; the one before stays published for as
    long as clients may need it, unless it is withdrawn.
    """

    help = "Make a new key for id_tokens and logout tokens; clients find it by themselves."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take `--now`, for a key that cannot be opened, and `--withdraw`, for one that somebody
        else has seen.
        """
        parser.add_argument("--now", action="store_true", help=_("sign with it at once"))
        withdraw = _("sign with it at once, and accept no former key any more")
        parser.add_argument("--withdraw", action="store_true", help=withdraw)

    def handle(self, *args: Any, now: bool, withdraw: bool, **options: Any) -> None:
        """Make the key, and name it. Says what clients know of keys that are withdrawn."""
        self.stdout.write(keys.rotate(at_once=now, withdraw=withdraw))
        if withdraw:
            self.stderr.write(
                _(
                    "The former keys are withdrawn. Applications may keep them for some time: "
                    "restart those that still take what an old key has signed."
                )
            )
