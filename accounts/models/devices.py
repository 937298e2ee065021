"""Browsers in which a person has signed in."""

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class KnownDevice(models.Model):
    """A browser that a person has signed in with and still trusts. `digest` is the SHA-256 of what
    its cookie holds for this person.

    `told` is set on the one that the person was mailed of, among those that look alike on a day:
    whoever deletes their cookies is not mailed at each sign-in (accounts/login/new_device.py).
    """

    digest = models.CharField(max_length=64, unique=True, editable=False)
    user = models.ForeignKey("accounts.User", on_delete=models.CASCADE, related_name="devices")
    told = models.CharField(max_length=64, unique=True, null=True, editable=False)
    address = models.GenericIPAddressField(_("address"), null=True)
    user_agent = models.CharField(_("user agent"), max_length=300, blank=True)
    created_at = models.DateTimeField(_("created"), default=timezone.now)
    last_seen_at = models.DateTimeField(_("last seen"), default=timezone.now, db_index=True)

    class Meta:
        verbose_name = _("known device")
        verbose_name_plural = _("known devices")

    def __str__(self) -> str:
        return f"{timezone.localtime(self.created_at):%Y-%m-%d} {self.address or ''}".strip()
