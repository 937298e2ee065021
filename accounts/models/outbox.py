"""Logouts and mails that have not reached their server yet."""

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class OutboxItem(models.Model):
    """One remote logout or mail: the source whose provider delivers it, and what it needs, sealed.

    Lives 24 h at most (`give_up_at`). Claimed by a conditional UPDATE of `next_at`, so that two
    workers never deliver the same item at once.
    """

    class Kind(models.TextChoices):
        """What is delivered."""

        LOGOUT = "logout", _("logout")
        MAIL = "mail", _("mail")

    kind = models.CharField(_("kind"), max_length=10, choices=Kind.choices, default=Kind.LOGOUT)
    source = models.CharField(_("source"), max_length=50)
    sealed = models.TextField(editable=False)
    support_code = models.CharField(_("support code"), max_length=12, blank=True)
    attempts = models.PositiveIntegerField(_("attempts"), default=1)
    created_at = models.DateTimeField(_("created"), default=timezone.now)
    next_at = models.DateTimeField(_("next attempt"), db_index=True)
    give_up_at = models.DateTimeField(_("given up at"))

    class Meta:
        verbose_name = _("pending delivery")
        verbose_name_plural = _("pending deliveries")

    def __str__(self) -> str:
        return f"{self.source} {self.created_at:%Y-%m-%d %H:%M}"

    def __repr__(self) -> str:
        return f"<OutboxItem {self.pk}>"
