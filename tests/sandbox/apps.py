"""The sandbox as a Django app: in its own process, and in the site of the demo for the command."""

from django.apps import AppConfig


class SandboxConfig(AppConfig):
    """Refuses to be installed in production."""

    name = "tests.sandbox"
    label = "sandbox"

    def ready(self) -> None:
        """Load the check."""
        from tests.sandbox import checks  # noqa: F401  # registered by import
