"""The stand-in for Unilogin as a Django app, so that it has templates and a part in the demo."""

from django.apps import AppConfig


class SandboxUniloginConfig(AppConfig):
    """Lives in the sandbox's process, beside its OpenID provider."""

    name = "tests.sandbox.unilogin"
    label = "sandbox_unilogin"
    demo = "tests.sandbox.unilogin.demo"
