"""The form of a source: the provider checks its own settings, and secrets never come back."""

from __future__ import annotations

import copy
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from accounts.models import Source
from accounts.source import catalogue, registry
from portal.operations import source_rows


class SettingsField(forms.JSONField):
    """JSON over several lines, with the letters that people typed."""

    def prepare_value(self, value: Any) -> Any:
        """Return the text to edit."""
        self.indent = 2
        return super().prepare_value(value)


class SourceForm(forms.ModelForm):  # type: ignore[type-arg]
    """A source as an operator edits it."""

    provider = forms.ChoiceField(label=_("Provider"))
    settings = SettingsField(
        label=_("Settings"),
        required=False,
        widget=forms.Textarea(
            attrs={"rows": 14, "class": "vLargeTextField", "spellcheck": "false"}
        ),
        help_text=_(
            "JSON. A secret is the secret itself, or names its place: env:NAME or file:PATH. "
            "Stored secrets are not shown; leave one out to keep it, give an empty one to take it "
            "away."
        ),
    )

    class Meta:
        model = Source
        fields = "__all__"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.stored = dict(self.instance.settings)
        if self.instance.pk:
            self.initial["settings"] = catalogue.shown_settings(self.instance)
        if "provider" in self.fields:
            names = [(name, name) for name in registry.providers()]
            self.fields["provider"].choices = names  # type: ignore[attr-defined]

    def clean_settings(self) -> dict[str, Any]:
        """Return the settings with the stored secrets that were left out."""
        given = self.cleaned_data["settings"]
        given = {} if given is None else given
        if not isinstance(given, dict):
            raise ValidationError(_("The settings must be an object."))
        _at_the_field("settings", source_rows.refuse_sealed, given)
        provider = self.instance.provider or self.cleaned_data.get("provider", "")
        return source_rows.with_stored_secrets(provider, given, self.stored)

    def clean_after_login(self) -> str:
        """Return the address when people may be sent there."""
        after_login: str = self.cleaned_data["after_login"]
        _at_the_field("after_login", source_rows.refuse_destination, after_login)
        return after_login

    def _post_clean(self) -> None:
        """Let the provider judge its settings, as it does when the source is saved."""
        super()._post_clean()  # type: ignore[misc]
        if self.errors:
            return
        try:
            catalogue.validate(copy.deepcopy(self.instance))
        except ValidationError as error:
            for field, messages in error.message_dict.items():
                self.add_error(field if field in self.fields else None, messages)


def _at_the_field(name: str, check: Any, value: Any) -> None:
    """Run `check`, whose errors name the field, where the form expects errors of one field."""
    try:
        check(value)
    except ValidationError as error:
        raise ValidationError(error.message_dict[name]) from None
