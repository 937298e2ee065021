"""Passkeys: the public keys by which people sign in without a password (WebAuthn Level 3)."""

from typing import Any

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models.users import User

# A credential id has 1023 bytes at most (WebAuthn Level 3, 5.1.3), which is so much in Base64url.
LONGEST_ID = 1364


class Passkey(models.Model):
    """A credential of a person (WebAuthn Level 3, 4, "credential record").

    `user_handle` is what its authenticator knows its person by; it stays when two people are
    merged. `backup_eligible` never changes, `backed_up` is as the last use told. `suspended_at` is
    set when the counter showed that there may be a copy: it signs nobody in any more.
    """

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="passkeys")
    credential_id = models.CharField(max_length=LONGEST_ID, unique=True)
    user_handle = models.CharField(max_length=86)
    public_key = models.BinaryField()
    sign_count = models.BigIntegerField(default=0)
    transports: Any = models.JSONField(default=list)
    aaguid = models.CharField(max_length=36, blank=True)
    backup_eligible = models.BooleanField(default=False)
    backed_up = models.BooleanField(default=False)
    label = models.CharField(max_length=100)
    created_at = models.DateTimeField(default=timezone.now)
    used_at = models.DateTimeField(null=True)
    suspended_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = _("passkey")
        verbose_name_plural = _("passkeys")
        # Nobody adds or changes one for somebody else.
        default_permissions = ("view", "delete")

    def __str__(self) -> str:
        return self.label


class SpentChallenge(models.Model):
    """A challenge that was answered. `digest` is its SHA-256, kept until the challenge has expired
    in any case.
    """

    digest = models.CharField(max_length=64, primary_key=True)
    expires_at = models.DateTimeField(db_index=True)
