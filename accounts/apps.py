"""The ground floor as a Django app."""

from django.apps import AppConfig
from django.db.models.signals import m2m_changed
from django.utils.translation import gettext_lazy as _


class AccountsConfig(AppConfig):
    """Registers what waits for the models, once they are ready; imports no provider."""

    name = "accounts"
    verbose_name = _("People and sign-ins")

    def ready(self) -> None:
        """Load the checks, and let the workers know of whoever joins or leaves a group."""
        from accounts import checks, ended  # noqa: F401  # registered by import
        from accounts.models import User

        m2m_changed.connect(ended.announce_members, sender=User.groups.through)
