"""The room of second factors: the second step of a sign-in, and the account page."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class FactorsConfig(AppConfig):
    """Pages; the use cases are in `accounts.factors`."""

    name = "portal.factors"
    label = "factors"
    verbose_name = _("Second factors")
    clear_expired = "accounts.factors.pending.clear_expired"
    sealed = "accounts.factors.totp.sealed"
    people_merge = "portal.factors.stored.hand_over"
    person_data = "portal.factors.stored.of_person"
