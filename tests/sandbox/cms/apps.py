"""The stand-in for a library's CMS."""

from django.apps import AppConfig


class CmsConfig(AppConfig):
    """Offers the CMS's part of the demo; `tests.sandbox.demo` finds it by this attribute.

    The CMS itself runs in a process of its own, under `tests.sandbox.cms.settings`.
    """

    name = "tests.sandbox.cms"
    label = "sandbox_cms"
    demo = "tests.sandbox.cms.demo"
