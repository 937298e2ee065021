"""The room of the pages that people see."""

from django.apps import AppConfig


class PagesConfig(AppConfig):
    """Sign-in, account, and what is said when something goes wrong."""

    name = "portal.pages"
    label = "pages"
    short_way = "portal.pages.short_way.answer"
