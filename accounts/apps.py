"""The ground floor as a Django app."""

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    """Registers the system checks once the apps are ready; imports no provider."""

    name = "accounts"
    verbose_name = "Vestibule"

    def ready(self) -> None:
        """Load the checks."""
        from accounts import checks  # noqa: F401  # registered by import, once models are ready
