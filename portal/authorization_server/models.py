"""Clients and what is issued to them, each thing tied to the session that it came of.

All six models of django-oauth-toolkit are swapped, which cannot be done later. What belongs to a
person points to a session by its uid and ends with it by cascade, so that ending a session ends its
tokens in the same transaction (docs/architecture.md 7). The toolkit stores tokens as SHA-256 only.
"""

from typing import Any

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from oauth2_provider.models import (
    AbstractAccessToken,
    AbstractApplication,
    AbstractDeviceGrant,
    AbstractGrant,
    AbstractIDToken,
    AbstractRefreshToken,
    ApplicationManager,
)
from oauth2_provider.models import clear_expired as clear_tokens

from accounts.models import StoredSession


def of_session(related_name: str, *, null: bool = False) -> Any:
    """Return the column that ties a row to a session, and ends the row with it."""
    return models.ForeignKey(
        StoredSession,
        to_field="uid",
        on_delete=models.CASCADE,
        null=null,
        editable=False,
        related_name=related_name,
        verbose_name=_("session"),
    )


class Client(AbstractApplication):
    """An application that may be given tokens (RFC 6749, 2)."""

    objects = ApplicationManager()

    class Meta(AbstractApplication.Meta):
        verbose_name = _("client")
        verbose_name_plural = _("clients")

    def natural_key(self) -> tuple[str]:
        """Return the name by which the toolkit's own tools know a client."""
        return (self.client_id,)


class Grant(AbstractGrant):
    """An authorization code (RFC 6749, 4.1.2)."""

    session = of_session("grants")

    class Meta(AbstractGrant.Meta):
        verbose_name = _("authorization code")
        verbose_name_plural = _("authorization codes")


class AccessToken(AbstractAccessToken):
    """An access token. Only one of a client without a person has no session."""

    session = of_session("access_tokens", null=True)

    class Meta(AbstractAccessToken.Meta):
        verbose_name = _("access token")
        verbose_name_plural = _("access tokens")


class RefreshToken(AbstractRefreshToken):
    """A refresh token. `family_began_at` is when its first forerunner was issued."""

    session = of_session("refresh_tokens")
    family_began_at = models.DateTimeField(_("first issued"), default=timezone.now)

    class Meta(AbstractRefreshToken.Meta):
        verbose_name = _("refresh token")
        verbose_name_plural = _("refresh tokens")


class IDToken(AbstractIDToken):
    """An id_token (OpenID Connect Core 1.0, 2)."""

    class Meta(AbstractIDToken.Meta):
        verbose_name = _("id_token")
        verbose_name_plural = _("id_tokens")


class DeviceGrant(AbstractDeviceGrant):
    """A device that waits for its person (RFC 8628). It has a session once it is approved."""

    session = of_session("device_grants", null=True)

    class Meta(AbstractDeviceGrant.Meta):
        verbose_name = _("device code")
        verbose_name_plural = _("device codes")


def clear_expired() -> int:
    """Delete expired tokens and codes, device codes too, which the toolkit leaves.

    Returns the number of device codes. Tokens also go with their sessions.
    """
    clear_tokens()
    return DeviceGrant.objects.filter(expires__lt=timezone.now()).delete()[0]
