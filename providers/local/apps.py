"""The local source as a Django app."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class LocalConfig(AppConfig):
    """Offers the provider; the registry finds it by this attribute."""

    name = "providers.local"
    verbose_name = _("Username and password")
    provider = "providers.local.provider.LocalProvider"
