"""The room of passkeys: people add them to their account, and sign in by them."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class PasskeysConfig(AppConfig):
    """Pages and a script; the use cases are in `accounts.factors`."""

    name = "portal.passkeys"
    label = "passkeys"
    verbose_name = _("Passkeys")
    clear_expired = "accounts.factors.passkeys.clear_expired"
    people_merge = "accounts.factors.passkeys.hand_over"
    person_data = "portal.passkeys.stored.of_person"
    second_ways = "portal.passkeys.signing.second_ways"
