"""The stand-in identity sources."""

from django.apps import AppConfig


class SandboxConfig(AppConfig):
    """Offers the demo's other half; `tests.sandbox.demo` finds it by this attribute.

    The provider itself runs in a process of its own, under `tests.sandbox.settings`: in the site
    this app does nothing but refuse to be installed in production.
    """

    name = "tests.sandbox"
    label = "sandbox"
    demo = "tests.sandbox.openid_demo"

    def ready(self) -> None:
        """Load the check."""
        from tests.sandbox import checks  # noqa: F401  # registered by import
