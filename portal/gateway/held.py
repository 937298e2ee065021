"""What lets a person in beside the session's own cookie, at rest: each ends with its session."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.models import StoredSession


class AppPassword(models.Model):
    """A password that a person made for one program, and what it reaches.

    `digest` is its SHA-256: it has 125 random bits, so a slow hash would add nothing. Its session
    is a child session with a life of its own, whose label is the name of the password.
    """

    digest = models.CharField(max_length=64, unique=True, editable=False)
    session = models.OneToOneField(
        StoredSession,
        to_field="uid",
        on_delete=models.CASCADE,
        editable=False,
        related_name="app_password",
    )
    host = models.CharField(max_length=253, blank=True)
    path = models.CharField(max_length=500, default="/")
    read_only = models.BooleanField(default=False)

    class Meta:
        verbose_name = _("app password")
        verbose_name_plural = _("app passwords")

    def __str__(self) -> str:
        return f"for {self.session_id}"
