"""Form fields made from a provider's `Settings`, and what was typed read back as settings.

A setting `issuer` is the field `set-issuer`. What equals its default is left out of the settings,
and a secret that is not typed stays as it is stored.
"""

import dataclasses
import types
import typing
from collections.abc import Mapping
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.provider import Provider
from accounts.provider.shown import MAIN, MORE, PEOPLE, Shown, shown_of
from accounts.source import catalogue, references, registry

PREFIX, CLEAR = "set-", "clear-"
PARTS = (
    (MAIN, _("Connection")),
    (PEOPLE, _("Who comes in, and what is known of them")),
    (MORE, _("More settings")),
)
# What stands for all providers elsewhere in the form.
_ELSEWHERE = frozenset({"label", "help"})


class Lines(forms.CharField):
    """Texts, one a line; pairs are `name = value`."""

    def __init__(self, *, pairs: bool, **kwargs: Any) -> None:
        rows = forms.Textarea(attrs={"rows": 3, "class": "vLargeTextField", "spellcheck": "false"})
        super().__init__(widget=rows, **kwargs)
        self.pairs = pairs

    def prepare_value(self, value: Any) -> Any:
        """Return a stored value as it is typed."""
        if isinstance(value, Mapping):
            return "\n".join(f"{name} = {each}" for name, each in value.items())
        return "\n".join(map(str, value)) if isinstance(value, list | tuple) else value

    def clean(self, value: Any) -> Any:
        """Return a list, or a mapping. Raises `ValidationError` for a line that is no pair."""
        lines = [line.strip() for line in str(super().clean(value)).splitlines() if line.strip()]
        if not self.pairs:
            return lines
        found = [line.partition("=") for line in lines]
        if not all(mark and name.strip() for name, mark, _value in found):
            raise ValidationError(_("Each line is a name, an equals sign and a value."))
        return {name.strip(): each.strip() for name, _mark, each in found}


def fields_of(provider: type[Provider], stored: Mapping[str, Any]) -> dict[str, forms.Field]:
    """Return the form fields of a provider's settings, filled in with what is `stored`."""
    hints = typing.get_type_hints(provider.Settings)
    secrets = registry.secrets_of(provider)
    made: dict[str, forms.Field] = {}
    for each in dataclasses.fields(provider.Settings):
        if each.name in _ELSEWHERE:
            continue
        shown = shown_of(provider.Settings, each.name)
        value = stored.get(each.name, registry.default_of(each))
        if each.name in secrets:
            made |= _secret(each.name, shown, value, required=is_required(each))
        else:
            field = _field(hints[each.name], shown, required=is_required(each))
            field.initial = value
            made[PREFIX + each.name] = field
    return made


def parts_of(provider: type[Provider]) -> list[tuple[str, Any, list[str]]]:
    """Return the parts of the form: key, title, and the names of their fields in order."""
    found: dict[str, list[str]] = {key: [] for key, _title in PARTS}
    for each in dataclasses.fields(provider.Settings):
        if each.name not in _ELSEWHERE:
            part = shown_of(provider.Settings, each.name).part
            part = MAIN if is_required(each) else part
            found[part] += [PREFIX + each.name, CLEAR + each.name]
    return [(key, title, found[key]) for key, title in PARTS if found[key]]


def settings_of(
    provider: type[Provider], typed: Mapping[str, Any], stored: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the settings that were `typed` into the fields of `fields_of`."""
    secrets = registry.secrets_of(provider)
    given: dict[str, Any] = {}
    for each in dataclasses.fields(provider.Settings):
        name = each.name
        if name in _ELSEWHERE:
            if name in stored:
                given[name] = stored[name]
        elif name in secrets:
            given |= _typed_secret(name, typed, stored)
        else:
            value = typed.get(PREFIX + name, stored.get(name))
            usual = registry.default_of(each)
            usual = list(usual) if isinstance(usual, tuple) else usual
            if value is not None and (is_required(each) or value != usual):
                given[name] = value
    return given


def names_of(provider: type[Provider]) -> set[str]:
    """Return the names of a provider's settings."""
    return {each.name for each in dataclasses.fields(provider.Settings)}


def required_texts(provider: type[Provider]) -> list[str]:
    """Return the settings that must be given and are one text."""
    hints = typing.get_type_hints(provider.Settings)
    each_of = dataclasses.fields(provider.Settings)
    return [each.name for each in each_of if is_required(each) and hints[each.name] is str]


def is_required(field: "dataclasses.Field[Any]") -> bool:
    """Tell whether a setting must be given."""
    return field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING


def _typed_secret(name: str, typed: Mapping[str, Any], stored: Mapping[str, Any]) -> dict[str, Any]:
    value = typed.get(PREFIX + name) or ""
    if typed.get(CLEAR + name):
        return {name: ""}
    if value:
        return {name: value}
    return {name: stored[name]} if references.is_reference(stored.get(name)) else {}


def _secret(name: str, shown: Shown, value: Any, *, required: bool) -> dict[str, forms.Field]:
    is_set = catalogue.is_sealed(value)
    named = references.is_reference(value)
    says = gettext("A secret is set. Leave this empty to keep it.") if is_set else ""
    where = gettext("The secret itself, or its place: env:NAME or file:PATH.")
    field = forms.CharField(
        label=shown.label,
        required=required and not is_set and not named,
        help_text=" ".join(filter(None, [str(shown.help), says, where])),
        widget=forms.TextInput
        if named
        else forms.PasswordInput(attrs={"autocomplete": "new-password", "class": "vTextField"}),
        initial=value if named else "",
    )
    made: dict[str, forms.Field] = {PREFIX + name: field}
    if is_set and not required:
        label = gettext("Take the secret away: %s") % shown.label
        made[CLEAR + name] = forms.BooleanField(label=label, required=False)
    return made


def _field(hint: Any, shown: Shown, *, required: bool) -> forms.Field:
    origin = typing.get_origin(hint)
    if origin in {typing.Union, types.UnionType}:
        hint = next(arg for arg in typing.get_args(hint) if arg is not type(None))
        origin = typing.get_origin(hint)
    said: dict[str, Any] = {"label": shown.label, "help_text": shown.help, "required": required}
    if shown.choices:
        return forms.ChoiceField(choices=shown.choices, **{**said, "required": False})
    if hint is bool:
        return forms.BooleanField(**{**said, "required": False})
    if hint in {int, float}:
        number = forms.IntegerField if hint is int else forms.FloatField
        return number(**said)
    if origin is tuple:
        return Lines(pairs=False, **said)
    if origin is not None:
        return Lines(pairs=True, **said)
    return forms.CharField(widget=forms.TextInput(attrs={"class": "vTextField"}), **said)
