"""Maintenance notices, as operators write them."""

from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.db.models import DateTimeField, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from portal.door.guarded import Guarded
from portal.door.seen_field import Held, SeenForm
from portal.operations.maintenance import MaintenanceNotice

_WRITTEN = ("shown_from", "shown_until", "danish", "german", "english")


class NoticeForm(SeenForm):
    """A notice as an operator writes it."""

    class Meta:
        model = MaintenanceNotice
        fields = _WRITTEN


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
            "form_class": forms.DateTimeField,
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
