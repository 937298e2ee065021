"""The room that people see."""

from django.apps import AppConfig


class PagesConfig(AppConfig):
    """Choose, sign in, leave, account, sessions, errors."""

    name = "portal.pages"
    label = "pages"
