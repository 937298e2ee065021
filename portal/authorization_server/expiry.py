"""Clearing away what is over in this room."""

from __future__ import annotations

from django.utils import timezone
from oauth2_provider.models import clear_expired as clear_tokens

from portal.authorization_server.models import DeviceGrant


def clear_expired() -> int:
    """Delete expired tokens and codes, device codes too, which the toolkit leaves.

    Returns the number of device codes. Tokens also go with their sessions.
    """
    clear_tokens()
    return DeviceGrant.objects.filter(expires__lt=timezone.now()).delete()[0]
