"""`manage.py rotate_keys`."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.translation import gettext as _

from accounts import conf
from portal import conf as portal_conf
from portal.operations import rotation
from portal.operations.progress import Progress


class Command(BaseCommand):
    """Seals what rests with the first key of the vault, and says what to do next."""

    help = "Seal sessions, tokens and secrets with the first of VESTIBULE_VAULT_KEYS."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take `--forget-lost`, for a key that is lost for good."""
        said = _("end sessions and delete tokens that no key opens")
        parser.add_argument("--forget-lost", action="store_true", help=said)

    def handle(self, *args: Any, forget_lost: bool, **options: Any) -> None:
        """Seal in batches, while the site goes on. Running it twice is harmless.

        Raises `CommandError`, which is exit status 1, when something cannot be opened by any key.
        """
        if forget_lost:
            for each in rotation.forget_lost():
                self.stdout.write(f"{each.label:<20} -{each.turned}")
        done = [rotation.turn_sources()]
        for place in rotation.places():
            with Progress(self.stdout, place.label, rotation.waiting(place)) as bar:
                done.append(rotation.turn(place, bar.step))
        for each in done:
            self.stdout.write(f"{each.label:<20} {each.turned}")
        self._say_next()
        lost = [f"{each.label} {each.unreadable}" for each in done if each.unreadable]
        if lost:
            said = _(
                "No key opens these: %s. Put the key that they were sealed by back to the end."
            )
            raise CommandError(said % ", ".join(lost))

    def _say_next(self) -> None:
        keys = len(conf.vault_keys())
        if keys > 1:
            self.stdout.write(
                _(
                    "All of it is sealed with the first of %d keys. Once every worker has been "
                    "started with them, and ten minutes have passed, run this again; then take the "
                    "other keys out of VESTIBULE_VAULT_KEYS, and start workers and deliver_outbox "
                    "anew."
                )
                % keys
            )
        else:
            self.stdout.write(
                _(
                    "There is one key. To rotate it, put a new one behind it in "
                    "VESTIBULE_VAULT_KEYS (openssl rand -base64 32), and start workers and "
                    "deliver_outbox anew; then put it first, start them anew once more, and run "
                    "this again."
                )
            )
        if portal_conf.secret_key_fallbacks():
            days = conf.session_absolute().days
            self.stdout.write(
                _("Take VESTIBULE_SECRET_KEY_FALLBACKS out %d days after that key was rotated.")
                % days
            )
        self.stdout.write(_("To rotate the key that signs id_tokens: rotate_signing_key"))
