"""The room that front ends call."""

from django.apps import AppConfig


class ApiConfig(AppConfig):
    """Session, sources and token pair as JSON."""

    name = "portal.api"
    label = "api"
    clear_expired = "portal.api.handover.clear_expired"
