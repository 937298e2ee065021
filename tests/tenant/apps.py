from django.apps import AppConfig


class TenantConfig(AppConfig):
    """A tenant for tests: its provider has every optional member of the contract."""

    name = "tests.tenant"
    label = "tenant"
    provider = "tests.tenant.provider.TenantProvider"
