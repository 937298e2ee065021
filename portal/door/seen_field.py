"""What a page showed of a row: a form that is sent late undoes nothing of what others did."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from accounts.session import administrators

NAME = "seen"
CHANGED = _("Somebody has changed this meanwhile, and nothing was saved. Open the page again.")


class SeenField(forms.CharField):
    """A digest of what is stored, out of sight. A post without one was made by no page."""

    def __init__(self) -> None:
        super().__init__(required=False, label="", widget=forms.HiddenInput)

    def has_changed(self, initial: Any, data: Any) -> bool:
        """Tell that nothing of the row is changed by it."""
        return False


class SeenForm(forms.ModelForm):  # type: ignore[type-arg]
    """A form of a row, refused when its page showed what is stored no more."""

    seen = SeenField()

    def get_initial_for_field(self, field: forms.Field, field_name: str) -> Any:
        """Return what a field shows at first: of this one, what is stored of the row, if any is."""
        if field_name == NAME:
            return self._stored()
        return super().get_initial_for_field(field, field_name)

    def clean(self) -> dict[str, Any]:
        """Add an error where somebody has changed the row since the page was shown."""
        cleaned = super().clean() or self.cleaned_data  # without it nothing unique is looked for
        seen = cleaned.get(NAME)
        if seen and seen != self._stored():
            self.add_error(None, CHANGED)
        return cleaned

    def _stored(self) -> str | None:
        """Return the digest of what the form was filled with, None where the row is new."""
        return None if self.instance.pk is None else _digest(self.initial)


class Held(admin.ModelAdmin):  # type: ignore[type-arg]
    """Holds the row of a form that is sent from before it is judged until it is saved."""

    def get_object(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        """Return the row, as nobody else can change it while a form is sent; None when it is gone.

        Administrators are held first: whoever changes them takes their rows in this order.
        """
        found = super().get_object(request, *args, **kwargs)
        if found is None or request.method != "POST":
            return found
        administrators.hold()
        rows = self.model._default_manager.select_for_update(no_key=True)
        return rows.filter(pk=found.pk).first()

    def seen_name(self, request: HttpRequest, obj: Any) -> list[str]:
        """Return the name of the field for a page that shows a row and can be sent, else none."""
        sends = obj is not None and self.has_change_permission(request, obj)
        return [NAME] if sends else []


def _digest(stored: Mapping[str, Any]) -> str:
    plain = {name: _plain(value) for name, value in stored.items()}
    return hashlib.sha256(json.dumps(plain, sort_keys=True, default=str).encode()).hexdigest()


def _plain(value: Any) -> Any:
    """Return the keys of rows in an order of their own, and anything else as it is."""
    if not isinstance(value, list):
        return value
    return sorted(each.pk if isinstance(each, Model) else each for each in value)
