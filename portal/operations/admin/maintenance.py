"""Maintenance notices, as operators write them."""

from datetime import datetime
from typing import Any, ClassVar, cast

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db.models import DateTimeField, QuerySet
from django.http import HttpRequest
from django.utils.timezone import get_current_timezone
from django.utils.translation import gettext_lazy as _

from portal.door.guarded import Guarded
from portal.door.seen_field import Held, SeenForm
from portal.operations.maintenance import MaintenanceNotice

_WRITTEN = ("shown_from", "shown_until", "danish", "german", "english")


class Begin(forms.DateTimeField):
    """A moment as the clock on the wall shows it. In the hour that comes twice it is the first one
    of the two, so that a notice is shown in both rather than in neither.
    """

    fold = 0

    def to_python(self, value: Any) -> datetime | None:
        """Return the moment. Raises `ValidationError` for what is none, as in the hour that a
        change-over leaves out.
        """
        try:
            return super().to_python(value)
        except ValidationError as refused:
            if refused.code != "ambiguous_timezone":
                raise
            wall = (refused.params or {})["datetime"].replace(tzinfo=get_current_timezone())
            if wall.replace(fold=0).utcoffset() < wall.replace(fold=1).utcoffset():
                raise
            return cast(datetime, wall.replace(fold=self.fold))


class End(Begin):
    """The same, of the two the second one."""

    fold = 1


class NoticeForm(SeenForm):
    """A notice as an operator writes it."""

    class Meta:
        model = MaintenanceNotice
        fields = _WRITTEN
        field_classes: ClassVar[dict[str, Any]] = {"shown_from": Begin, "shown_until": End}


@admin.register(MaintenanceNotice)
class MaintenanceNoticeAdmin(Held, Guarded):
    """A list with a form; only words and moments are written here."""

    form = NoticeForm
    purpose_of_page = "sources"
    list_display = ("shown_from", "shown_until", "shown_words")
    ordering = ("-shown_until",)
    # One field for each moment: of Django's two, which have no label, a screen reader says nothing.
    formfield_overrides: ClassVar[dict[Any, Any]] = {
        DateTimeField: {
            "widget": forms.DateTimeInput({"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
        }
    }

    def get_fields(self, request: HttpRequest, obj: MaintenanceNotice | None = None) -> list[Any]:
        """Return what is written, and the mark of what a page that can be sent has shown."""
        return [*_WRITTEN, *self.seen_name(request, obj)]

    @admin.display(description=_("maintenance notice"))
    def shown_words(self, notice: MaintenanceNotice) -> str:
        """Return the notice in the reader's language."""
        return notice.words

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[MaintenanceNotice]) -> None:
        """Delete one by one, so that workers are told."""
        for notice in queryset:
            notice.delete()
