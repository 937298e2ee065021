"""The OpenID Connect source as a Django app."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class OidcConfig(AppConfig):
    """Offers the provider; the registry finds it by this attribute."""

    name = "providers.oidc"
    verbose_name = _("OpenID Connect")
    provider = "providers.oidc.provider.OidcProvider"
