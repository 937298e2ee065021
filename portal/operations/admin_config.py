"""Django's admin, entered through our own door."""

from django.contrib.admin.apps import AdminConfig


class VestibuleAdminConfig(AdminConfig):
    """Puts our admin site in the place of Django's."""

    default_site = "portal.operations.admin_site.VestibuleAdminSite"
