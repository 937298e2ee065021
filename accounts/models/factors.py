"""What a person has beside a password, who must have it, and sign-ins that wait for it."""

from datetime import datetime, timedelta

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class TotpKey(models.Model):
    """The secret that a person's authenticator shares with this site (RFC 6238), sealed and bound
    to the person's key. A row is a factor that was confirmed by a code.

    `last_step` is the newest time step whose code has counted: it and all before it are spent.
    """

    user = models.OneToOneField("accounts.User", on_delete=models.CASCADE, related_name="totp_key")
    sealed = models.TextField(editable=False)
    last_step = models.BigIntegerField(default=0)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        default_permissions = ()
        verbose_name = _("second factor")
        verbose_name_plural = _("second factors")

    def __str__(self) -> str:
        return str(self.user_id)


class RecoveryCode(models.Model):
    """One code of a person's sheet, as its digest, and when it was used."""

    user = models.ForeignKey(
        "accounts.User", on_delete=models.CASCADE, related_name="recovery_codes"
    )
    digest = models.CharField(max_length=64)
    created_at = models.DateTimeField(default=timezone.now)
    used_at = models.DateTimeField(null=True)

    class Meta:
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(fields=["user", "digest"], name="one_code_of_its_kind")
        ]
        verbose_name = _("recovery code")
        verbose_name_plural = _("recovery codes")

    def __str__(self) -> str:
        return str(self.user_id)


class FactorDuty(models.Model):
    """That a person, or everybody in a group, must have a second factor, from `days` after `since`;
    until then they are reminded.
    """

    user = models.OneToOneField(
        "accounts.User", on_delete=models.CASCADE, null=True, related_name="factor_duty"
    )
    group = models.OneToOneField(
        "auth.Group", on_delete=models.CASCADE, null=True, related_name="factor_duty"
    )
    since = models.DateTimeField(default=timezone.now)
    days = models.PositiveSmallIntegerField(default=0)

    class Meta:
        default_permissions = ()
        constraints = [
            models.CheckConstraint(
                condition=models.Q(user=None, group__isnull=False)
                | models.Q(user__isnull=False, group=None),
                name="duty_of_one",
            )
        ]
        verbose_name = _("duty to have a second factor")
        verbose_name_plural = _("duties to have a second factor")

    def __str__(self) -> str:
        return str(self.user or self.group)

    @property
    def due_at(self) -> datetime:
        """From when on the second factor must be there."""
        return self.since + timedelta(days=self.days)


class PendingSignIn(models.Model):
    """A password that was right, and whose sign-in waits for the second step.

    `digest` is the SHA-256 of the name that the browser's cookie holds; `sealed` is the outcome and
    where the person goes on to, with that digest as associated data. A row counts once.
    """

    digest = models.CharField(max_length=64, primary_key=True)
    user = models.ForeignKey("accounts.User", on_delete=models.CASCADE, related_name="+")
    sealed = models.TextField(editable=False)
    expires_at = models.DateTimeField(db_index=True)

    class Meta:
        default_permissions = ()
        verbose_name = _("sign-in that waits for its second step")
        verbose_name_plural = _("sign-ins that wait for their second step")

    def __str__(self) -> str:
        return self.digest[:8]
