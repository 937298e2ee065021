"""The operators' room."""

from django.apps import AppConfig


class OperationsConfig(AppConfig):
    """Health, system checks of the installation, the admin, management commands."""

    name = "portal.operations"
    label = "operations"
    clear_expired = "portal.operations.upkeep.clear_ground_floor"

    def ready(self) -> None:
        """Load the checks."""
        from portal.operations import checks  # noqa: F401  # registered by import
