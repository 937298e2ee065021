"""The room that front ends call."""

from django.apps import AppConfig


class ApiConfig(AppConfig):
    """Session and sources as JSON."""

    name = "portal.api"
    label = "api"
