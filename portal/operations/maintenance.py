"""What people are told on the sign-in pages of work that is coming, or under way."""

from collections.abc import Iterator
from datetime import timedelta
from functools import lru_cache
from typing import Any

from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from accounts import ended
from portal import conf

LONGEST = 500
# Beyond it a moment may be none in the reader's time zone.
_FARTHEST = timedelta(days=3653)


class MaintenanceNotice(models.Model):
    """A sentence or two, in each language, from one moment to another."""

    shown_from = models.DateTimeField(_("shown from"), default=timezone.now)
    shown_until = models.DateTimeField(_("shown until"), db_index=True)
    danish = models.CharField(_("in Danish"), max_length=LONGEST, blank=True)
    german = models.CharField(_("in German"), max_length=LONGEST, blank=True)
    english = models.CharField(_("in English"), max_length=LONGEST, blank=True)

    class Meta:
        app_label = "operations"
        ordering = ["shown_from", "pk"]
        verbose_name = _("maintenance notice")
        verbose_name_plural = _("maintenance notices")

    def __str__(self) -> str:
        return self.words

    @property
    def words(self) -> str:
        """The notice in the language of the moment, else in the site's, else in any."""
        told = {"da": self.danish, "de": self.german, "en": self.english}
        spoken = (get_language() or "").partition("-")[0]
        wanted = (spoken, conf.language(), *told)
        return next((told[each] for each in wanted if told.get(each)), "")

    def clean(self) -> None:
        """Raise `ValidationError` for a notice without words, with a moment that is too far away,
        or that ends before it begins.
        """
        if not (self.danish or self.german or self.english):
            raise ValidationError(_("Write it in one language at least."))
        now, moments = timezone.now(), ("shown_from", "shown_until")
        held = {name: getattr(self, name) for name in moments if getattr(self, name)}
        far = [name for name, moment in held.items() if abs(moment - now) > _FARTHEST]
        if far:
            raise ValidationError(dict.fromkeys(far, _("This is more than ten years away.")))
        if self.shown_until and self.shown_from and self.shown_until <= self.shown_from:
            raise ValidationError({"shown_until": _("This is before the notice begins.")})

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Save; every worker knows of it within a second."""
        with transaction.atomic():
            super().save(*args, **kwargs)
            _tell_workers()

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        """Delete; every worker knows of it within a second."""
        with transaction.atomic():
            _tell_workers()
            return super().delete(*args, **kwargs)


def now() -> Iterator[str]:
    """Yield what is to be told at this moment, in the language of the moment."""
    moment = timezone.now()
    for notice in _known(ended.sources_version()):
        if notice.shown_from <= moment < notice.shown_until:
            yield notice.words


def clear_expired() -> int:
    """Delete the notices that are over. Returns their number."""
    return MaintenanceNotice.objects.filter(shown_until__lt=timezone.now()).delete()[0]


@lru_cache(maxsize=1)
def _known(_version: int) -> tuple[MaintenanceNotice, ...]:
    """Return the notices that are not over, as they are since the feed has this version."""
    return tuple(MaintenanceNotice.objects.filter(shown_until__gt=timezone.now()))


def _tell_workers() -> None:
    ended.announce("source", [""])  # which renews the copies of what is configured
