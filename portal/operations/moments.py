"""Days and moments in few signs, as lists and pages of the administration show them."""

from datetime import datetime

from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import pgettext


def day(moment: datetime | None) -> str:
    """Return the day of a moment in the reader's language; a dash for none."""
    return _written(moment, pgettext("format of a day", "j M Y"))


def minute(moment: datetime | None) -> str:
    """Return a moment to the minute in the reader's language; a dash for none."""
    return _written(moment, pgettext("format of a moment", "j M Y H:i"))


def _written(moment: datetime | None, form: str) -> str:
    return date_format(localtime(moment), form) if moment else "-"
