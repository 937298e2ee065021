"""The rules at rest: who may come in where."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from portal.gateway.held import AppPassword, HandOff, HostSession

__all__ = ["AccessRule", "AppPassword", "HandOff", "HostSession"]


class AccessRule(models.Model):
    """One rule. The first that matches host, path and method decides; without one nobody comes in.

    `slug` is its name in files. Lists hold texts; `cookies` hold objects with `name`, and `path`
    and `domain` as the application sets them (docs/gateway.md 3).
    """

    class Access(models.TextChoices):
        """Who comes in at all."""

        PUBLIC = "public", _("everybody")
        SIGNED_IN = "signed_in", _("who is signed in")
        NOBODY = "nobody", _("nobody")

    class Strength(models.TextChoices):
        """How strongly a person must have proved who they are (docs/strength.md)."""

        ANY = "", _("any")
        LOW = "low", _("low")
        SUBSTANTIAL = "substantial", _("substantial")
        HIGH = "high", _("high")

    class RemoteUser(models.TextChoices):
        """By what the application knows a person."""

        ID = "id", _("the stable id")
        USERNAME = "username", _("the username")

    slug = models.SlugField(_("slug"), max_length=50, unique=True)
    order = models.IntegerField(_("order"), default=100)
    enabled = models.BooleanField(_("enabled"), default=True)
    host = models.CharField(_("host"), max_length=253)
    path = models.CharField(_("path"), max_length=500, default="/")
    methods = models.JSONField(_("methods"), default=list, blank=True)
    access = models.CharField(
        _("who may come in"), max_length=10, choices=Access.choices, default=Access.SIGNED_IN
    )
    types = models.JSONField(_("session types"), default=list, blank=True)
    groups = models.JSONField(_("groups"), default=list, blank=True)
    strength = models.CharField(
        _("strength of the sign-in"), max_length=12, choices=Strength.choices, blank=True,
        default=Strength.ANY, db_default="",
    )  # fmt: skip
    proof_seconds = models.PositiveIntegerField(_("fresh proof, seconds"), default=0)
    remote_user = models.CharField(
        "Remote-User", max_length=10, choices=RemoteUser.choices, default=RemoteUser.ID
    )
    pass_token = models.BooleanField(_("pass the upstream's token"), default=False)
    websockets = models.BooleanField(_("WebSockets"), default=False)
    cookies = models.JSONField(_("cookies of the application"), default=list, blank=True)
    clear_storage = models.BooleanField(_("clear the browser's storage"), default=False)
    note = models.CharField(_("note"), max_length=300, blank=True)

    class Meta:
        ordering = ("order", "slug")
        verbose_name = _("access rule")
        verbose_name_plural = _("access rules")

    def __str__(self) -> str:
        return f"{self.slug}: {self.host}{self.path}"
