"""A source as an operator edits it: field by field, or its settings as JSON."""

import copy
import re
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any, ClassVar

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from accounts.models import Source
from accounts.provider.shown import MORE
from accounts.source import catalogue, logos, registry
from portal import conf
from portal.door.seen_field import SeenForm
from portal.door.typed_json import Decoder
from portal.operations import source_fields, source_rows
from portal.operations.admin import duty_field
from portal.operations.rights import lifts_duty, may_disable, may_map

TYPED = "typed"
_LOOK = ["note", "texts", "logo_file", "logo_clear"]
_TEXTS = (("label", _("Label")), ("help", _("Help")), ("note", _("Note while in trouble")))


class SourceForm(SeenForm):
    """A source as an operator edits it. `actor` is the operator.

    A post that says `typed` has a field for each setting, and for each language; any other has the
    settings, the groups and the texts as JSON.
    """

    provider = forms.ChoiceField(label=_("Provider"))
    settings = forms.JSONField(
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

    actor: ClassVar[Any] = None
    as_json: ClassVar[bool] = False

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
        if "slug" in self.fields:
            self.fields["slug"].widget.attrs["autofocus"] = True
        self.kind = registry.providers().get(self._provider_name())
        for field in self.fields.values():
            if isinstance(field, forms.JSONField):
                field.decoder = Decoder
        self.typed = self.kind is not None and self._is_typed()
        if self.typed:
            self._add_fields()

    # --- Field by field ---------------------------------------------------------------------------

    def _provider_name(self) -> str:
        asked = self.data.get("provider") if self.is_bound else self.initial.get("provider")
        return str(self.instance.provider or asked or "")

    def _is_typed(self) -> bool:
        return TYPED in self.data if self.is_bound else not self.as_json

    def _add_fields(self) -> None:
        for name in ("settings", "groups", "texts"):
            self.fields.pop(name, None)
        assert self.kind is not None  # noqa: S101  # else nothing is typed
        self.fields.update(source_fields.fields_of(self.kind, self.stored))
        self.fields["logo_file"] = forms.FileField(
            label=_("Own logo"),
            required=False,
            widget=forms.FileInput(attrs={"accept": "image/png,image/webp"}),
            help_text=_("A PNG or WebP of 48 KB at most, shown on the sign-in page."),
        )
        if self.instance.logo:
            taken = forms.BooleanField(label=_("Take the logo away"), required=False)
            self.fields["logo_clear"] = taken
        for language in conf.languages():
            for name, label in _TEXTS:
                field = forms.CharField(label=label, required=False, max_length=300)
                field.widget.attrs["class"] = "vTextField"
                field.initial = self.instance.texts.get(language, {}).get(name, "")
                self.fields[f"text-{language}-{name}"] = field
        self.fields["mapping"] = source_fields.Lines(
            pairs=True,
            required=False,
            label=_("Groups"),
            initial=self.instance.groups,
            help_text=_("A line each: a group of the source's = a group of ours."),
        )

    def parts(self) -> Iterator[dict[str, Any]]:
        """Yield the parts of the page: a title, fields, and whether it is folded."""
        known = ["slug", "provider", "label", "order", "enabled"]
        yield {"title": "", "fields": self._bound(known)}
        if self.typed:
            assert self.kind is not None  # noqa: S101  # else nothing is typed
            for key, title, names in source_fields.parts_of(self.kind):
                folded = key == MORE and not self._wrong(names)
                yield {"title": title, "fields": self._bound(names), "folded": folded}
        policy = ["enroll", "require_assignment", "end_with_token", "allow_upstream_token",
                  "allow_erasure", "staff", "verifies_mail", "after_login", "mapping",
                  "groups"]  # fmt: skip
        yield {"title": _("What happens at a sign-in"), "fields": self._bound(policy)}
        yield {"title": _("Words"), "fields": self._bound(_LOOK)}
        for language in conf.languages() if self.typed else ():
            names = [f"text-{language}-{name}" for name, _label in _TEXTS]
            yield {"language": language, "fields": self._bound(names), "folded": True}
        if not self.typed:
            yield {"title": _("Settings"), "fields": self._bound(["settings"])}

    def _bound(self, names: list[str]) -> list[forms.BoundField]:
        return [self[name] for name in names if name in self.fields]

    def _wrong(self, names: list[str]) -> bool:
        return any(name in self.errors for name in names)

    # --- What was given ---------------------------------------------------------------------------

    def clean_settings(self) -> dict[str, Any]:
        """Return the settings with the stored secrets that were left out."""
        given = self.cleaned_data["settings"]
        given = {} if given is None else given
        if not isinstance(given, dict):
            raise ValidationError(_("The settings must be an object."))
        return self._checked(given)

    def _checked(self, given: dict[str, Any]) -> dict[str, Any]:
        """Return settings that the operator may give, with the stored secrets. Raises
        `ValidationError`.
        """
        _at_the_field("settings", source_rows.refuse_sealed, given)
        provider = self.instance.provider or self.cleaned_data.get("provider", "")
        rights = bool(self.actor.is_superuser)
        refuse = partial(source_rows.refuse_references, all_rights=rights, stored=self.stored)
        _at_the_field("settings", partial(refuse, provider), given)
        row = Source(slug=self.instance.slug, provider=provider)
        reach = partial(source_rows.refuse_reach, row, all_rights=rights, stored=self.stored)
        _at_the_field("settings", reach, given)
        merge = partial(source_rows.with_stored_secrets, provider, stored=self.stored)
        merged: dict[str, Any] = _at_the_field("settings", merge, given)
        return merged

    def clean_logo_file(self) -> str:
        """Return the uploaded logo as it is kept, or nothing. Raises `ValidationError`."""
        given = self.cleaned_data["logo_file"]
        if not given:
            return ""
        try:
            return logos.data_url(given.read(logos.MOST_BYTES + 1))
        except ValueError as error:
            raise ValidationError(str(error)) from None

    def clean_after_login(self) -> str:
        """Return the address when people may be sent there."""
        after_login: str = self.cleaned_data["after_login"]
        _at_the_field("after_login", source_rows.refuse_destination, after_login)
        return after_login

    def clean(self) -> dict[str, Any]:
        """Let nobody give groups by a source that they may not give by hand: not by the mapping,
        and not by making another provider speak for it.
        """
        cleaned = super().clean()
        self.given = {"settings": cleaned.get("settings"), "groups": cleaned.get("groups")}
        if self.typed and not self.errors:
            self._read_typed(cleaned)
        stored = self.instance.groups
        groups = self.given["groups"] if self.given["groups"] is not None else stored
        # Not `changed_data`, which believes what the browser says was there before.
        touched = (groups, self.given["settings"]) != (stored, self.stored)
        if touched and not may_map(self.actor, groups):
            said = _("This source gives groups that you are not in, or rights that you lack.")
            self.add_error("mapping" if self.typed else "groups", said)
        elif touched and any(lifts_duty(self.actor, each) for each in (stored, groups)):
            self.add_error("mapping" if self.typed else "groups", duty_field.OWN_DUTY)
        stays = cleaned.get("enabled") or not self.instance.enabled
        if "enabled" in self.fields and not stays and not may_disable(self.actor, self.instance):
            self.add_error("enabled", duty_field.STAFFS_DUTY)
        return cleaned

    def _read_typed(self, cleaned: Mapping[str, Any]) -> None:
        assert self.kind is not None  # noqa: S101  # else nothing is typed
        known = {
            name: value
            for name, value in cleaned.items()
            if isinstance(value, bool) or name in self.data
        }
        given = source_fields.settings_of(self.kind, known, self.stored)
        try:
            self.given["settings"] = self._checked(given)
        except ValidationError as error:
            self._say(error.messages)
        self.given["groups"] = cleaned.get("mapping") or {}
        texts = {key: dict(words) for key, words in self.instance.texts.items()}
        for language in conf.languages():
            words = {name: cleaned.get(f"text-{language}-{name}", "") for name, _label in _TEXTS}
            texts[language] = {name: said for name, said in words.items() if said}
        self.given["texts"] = {key: words for key, words in texts.items() if words}

    def _say(self, messages: list[str]) -> None:
        """Say what is wrong with the settings: at the field that a sentence begins with."""
        for said in messages:
            named = re.match(r"(\w+)", str(said))
            field = source_fields.PREFIX + named[1] if named else ""
            self.add_error(field if field in self.fields else None, said)

    def _post_clean(self) -> None:
        """Let the provider judge its settings, as it does when the source is saved."""
        super()._post_clean()  # type: ignore[misc]
        if self.typed and not self.errors:
            for name in ("settings", "groups", "texts"):
                setattr(self.instance, name, self.given[name])
            kept = "" if self.cleaned_data.get("logo_clear") else self.instance.logo
            self.instance.logo = self.cleaned_data.get("logo_file") or kept
        if self.errors:
            return
        try:
            catalogue.validate(copy.deepcopy(self.instance))
        except ValidationError as error:
            for field, said in error.message_dict.items():
                if self.typed and field == "settings":
                    self._say(said)
                else:
                    self.add_error(field if field in self.fields else None, said)


def _at_the_field(name: str, check: Any, value: Any) -> Any:
    """Run `check`, whose errors name the field, where the form expects errors of one field."""
    try:
        return check(value)
    except ValidationError as error:
        raise ValidationError(error.message_dict[name]) from None
