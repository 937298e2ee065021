"""`manage.py rotate_signing_key`: the key that signs id_tokens makes way for a new one."""

from typing import Any

from django.core.management.base import BaseCommand

from portal.authorization_server import keys


class Command(BaseCommand):
    """A new key signs; the one before is published for as long as clients may need it."""

    help = "Make a new key for id_tokens and logout tokens; clients find it by themselves."

    def handle(self, *args: Any, **options: Any) -> None:
        """Make the key, and name it."""
        self.stdout.write(keys.rotate())
