"""The ground floor as a Django app."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class AccountsConfig(AppConfig):
    """Registers the system checks once the apps are ready; imports no provider."""

    name = "accounts"
    verbose_name = _("People and sign-ins")

    def ready(self) -> None:
        """Load the checks."""
        from accounts import checks  # noqa: F401  # registered by import, once models are ready
