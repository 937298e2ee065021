"""The operators' room."""

from django.apps import AppConfig
from django.contrib.admin.apps import AdminConfig
from django.utils.translation import gettext_lazy as _


class OperationsConfig(AppConfig):
    """Health, system checks of the installation, the admin, management commands."""

    name = "portal.operations"
    label = "operations"
    verbose_name = _("Reception")
    names_group = "portal.operations.roles.named"
    announces = "portal.operations.maintenance.now"
    counts = "portal.operations.metrics.numbers.count"
    clear_expired = "portal.operations.models.clear_ground_floor"

    def ready(self) -> None:
        """Load the checks."""
        from portal.operations import checks  # noqa: F401  # registered by import


class VestibuleAdminConfig(AdminConfig):
    """Puts our admin site in the place of Django's."""

    default_site = "portal.operations.admin_site.VestibuleAdminSite"
