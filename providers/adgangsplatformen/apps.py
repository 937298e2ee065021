"""The library's CMS as a Django app."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class AdgangsplatformenConfig(AppConfig):
    """Offers the provider; the registry finds it by this attribute."""

    name = "providers.adgangsplatformen"
    verbose_name = _("Adgangsplatformen by a library's CMS")
    provider = "providers.adgangsplatformen.provider.AdgangsplatformenProvider"
