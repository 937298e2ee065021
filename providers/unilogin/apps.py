"""The Unilogin source as a Django app."""

from django.apps import AppConfig


class UniloginConfig(AppConfig):
    """Offers the provider; the registry finds it by this attribute."""

    name = "providers.unilogin"
    verbose_name = "Unilogin"
    provider = "providers.unilogin.provider.UniloginProvider"
