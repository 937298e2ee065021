"""What lets a person in beside the session's own cookie, at rest: each ends with its session."""

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import StoredSession


class HandOff(models.Model):
    """A session on its way to the host of an application; it counts once. `digest` is the SHA-256
    of the code, `state` that of what the browser has at that host.
    """

    digest = models.CharField(max_length=64, primary_key=True)
    session = models.ForeignKey(
        StoredSession, to_field="uid", on_delete=models.CASCADE, related_name="+"
    )
    authority = models.CharField(max_length=260)
    target = models.TextField()
    state = models.CharField(max_length=64)
    expires_at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return f"for {self.session_id}"


class HostSession(models.Model):
    """A session at the host of an application, which ends with the session of the site. `digest` is
    the SHA-256 of the cookie there.
    """

    digest = models.CharField(max_length=64, primary_key=True)
    session = models.ForeignKey(
        StoredSession, to_field="uid", on_delete=models.CASCADE, related_name="host_sessions"
    )
    host = models.CharField(max_length=253)
    created_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return f"for {self.session_id} at {self.host}"


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
