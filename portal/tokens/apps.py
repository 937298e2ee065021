"""The token pair and its hand-over."""

from django.apps import AppConfig


class TokensConfig(AppConfig):
    """Its label names its table, which was made when the hand-over stood in `portal.api`."""

    name = "portal.tokens"
    label = "api"
    clear_expired = "portal.tokens.handover.clear_expired"
