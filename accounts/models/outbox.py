"""Logouts that the upstream has not heard of yet."""

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class OutboxItem(models.Model):
    """One remote logout to try again: the source, and a sealed copy of just the hint it needs.

    Lives 24 h at most (`give_up_at`). Claimed by a conditional UPDATE of `next_at`, so that two
    workers never make the same call at once.
    """

    source = models.CharField(_("source"), max_length=50)
    sealed = models.TextField(editable=False)
    support_code = models.CharField(_("support code"), max_length=12, blank=True)
    attempts = models.PositiveIntegerField(_("attempts"), default=1)
    created_at = models.DateTimeField(_("created"), default=timezone.now)
    next_at = models.DateTimeField(_("next attempt"), db_index=True)
    give_up_at = models.DateTimeField(_("given up at"))

    class Meta:
        verbose_name = _("pending logout")
        verbose_name_plural = _("pending logouts")

    def __str__(self) -> str:
        return f"{self.source} {self.created_at:%Y-%m-%d %H:%M}"

    def __repr__(self) -> str:
        return f"<OutboxItem {self.pk}>"
