"""A directory as a Django app."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class LdapConfig(AppConfig):
    """Offers the provider; the registry finds it by this attribute."""

    name = "providers.ldap"
    verbose_name = _("Directory (LDAP)")
    provider = "providers.ldap.provider.LdapProvider"
