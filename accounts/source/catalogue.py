"""Sources: which providers are configured, with which settings, and an instance of each.

A worker keeps its copy until the ended feed says that a source was changed, so a page costs no
query for them.
"""

import inspect
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, cast

from django.conf.locale import LANG_INFO
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Max, Min
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from accounts import conf, ended
from accounts.errors import InvalidRequest
from accounts.http import Client
from accounts.keyring import seal, unseal
from accounts.models import Identity, Source, User
from accounts.provider import Description, Prompts, Provider, Recovers, Redirects, SourceRef
from accounts.source import fitting, references, registry

SEALED = "sealed:"
# Stands for the issuer of a source whose settings could not be read when they were changed.
UNREADABLE = "unknown"
TEXTS = frozenset({"label", "help", "note"})
# A group whose name begins so is a role of the administration, which people give and no source.
ROLE_PREFIX = "role:"


@dataclass(frozen=True, slots=True)
class ConfiguredSource:
    """A source that is ready for use: its row and its provider. `kind` is how people sign in:
    `form` of ours, or `redirect` to an upstream.
    """

    row: Source
    provider: Provider
    kind: str = field(init=False)
    _told: dict[str, Description] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Find out once what each login asks several times: a protocol is looked for at length."""
        kind = "form" if isinstance(self.provider, Prompts) else "redirect"
        object.__setattr__(self, "kind", kind)
        object.__setattr__(self, "_told", {})

    @property
    def description(self) -> Description:
        """What the pages show of it, in the language of the moment."""
        spoken = get_language() or ""
        told = self._told.get(spoken)
        if told is None:
            told = self._told[spoken] = self.provider.describe()
        return told

    @property
    def slug(self) -> str:
        """The word by which the source is known in URLs."""
        return self.row.slug

    @property
    def label(self) -> str:
        """What people call it: the operator's word, else the provider's own, translated."""
        return self._text("label") or str(self.row.label or self.description.label)

    @property
    def help(self) -> str:
        """What stands below the label, in the language of the moment."""
        return self._text("help") or str(self.description.help)

    @property
    def note(self) -> str:
        """What the operator says while it is in trouble, in the language of the moment."""
        return self._text("note") or self.row.note

    def _text(self, name: str) -> str:
        spoken = (get_language() or "").partition("-")[0]
        return str(self.row.texts.get(spoken, {}).get(name, ""))

    @property
    def session_type(self) -> str:
        """The type of the sessions that it makes."""
        return self.provider.session_type

    @property
    def form(self) -> Prompts:
        """The provider as one with a form. Raises `InvalidRequest` for one that redirects."""
        if self.kind != "form":
            raise InvalidRequest("This source has no form.")
        return cast("Prompts", self.provider)

    @property
    def upstream(self) -> Redirects:
        """The provider as one that redirects. Raises `InvalidRequest` for one with a form."""
        if self.kind == "form":
            raise InvalidRequest("This source has no upstream to go to.")
        return cast("Redirects", self.provider)

    @property
    def ends_with_token(self) -> bool:
        """Whether the upstream's end is the session's: by its nature, or by the operator's wish."""
        return self.row.end_with_token or self.description.ends_with_token

    def still_speaks_for(self, issuer: str) -> bool:
        """Tell whether what `issuer` gave may be sent to this source, as it is configured now."""
        return self.description.issuer in {"", issuer} or not issuer


def enabled() -> list[ConfiguredSource]:
    """Return the enabled sources in their order; one that cannot be built is left out."""
    return list(_built(ended.sources_version(), enabled=True).values())


def disabled() -> list[ConfiguredSource]:
    """Return the disabled sources, whose sessions go on, without one that cannot be built."""
    return list(_built(ended.sources_version(), enabled=False).values())


def find(slug: str) -> ConfiguredSource | None:
    """Return the enabled source `slug`, or None."""
    return _built(ended.sources_version(), enabled=True).get(slug)


@lru_cache(maxsize=2)
def _built(_version: int, *, enabled: bool) -> dict[str, ConfiguredSource]:
    """Return the sources by slug, as they are since the feed has this version."""
    built = [_build(row) for row in Source.objects.filter(enabled=enabled)]
    return {ready.slug: ready for ready in built if ready}


def of_session(slug: str) -> ConfiguredSource | None:
    """Return the source that made a session, also when it was disabled since; None when it is gone,
    or cannot be built now, as while its secret is not there: `row_of` tells these apart.
    """
    ready = find(slug)
    if ready is None:
        row = row_of(slug)
        ready = _build(row) if row else None
    return ready


def row_of(slug: str) -> Source | None:
    """Return the row of a source, whether it can be built or not; None when it is gone."""
    return Source.objects.filter(slug=slug).first()


def label_of(slug: str) -> str:
    """Return what people call a source, disabled or not, also one that cannot be built now; its
    slug when it is gone.
    """
    ready = find(slug) or _built(ended.sources_version(), enabled=False).get(slug)
    if ready:
        return ready.label
    row = row_of(slug) if slug else None
    return str(row.label) if row and row.label else slug


def recovering() -> Recovers | None:
    """Return the provider that mails links to set a password, of a disabled source as well."""
    source = of_session(Source.LOCAL)
    return source.provider if source and isinstance(source.provider, Recovers) else None


def instance(row: Source) -> Provider:
    """Return the provider of `row` with its settings opened. Raises `ValidationError`."""
    _refuse_another_local(row)
    return _made(row)


def _made(row: Source) -> Provider:
    provider = _provider_class(row)
    settings = typed_settings(provider, row.settings)
    callback = f"{conf.site_url()}/auth/callback/{row.slug}"
    mapped = tuple(row.groups) if isinstance(row.groups, dict) else ()  # not judged yet
    ref = SourceRef(row.slug, row.label, callback, mapped)
    http = Client(f"source:{row.slug}", inside=getattr(settings, "inside", False))
    return provider(ref, settings, http, timezone.now)


def is_readable(row: Source) -> bool:
    """Tell whether the settings of `row` fit its provider, and each secret among them is there."""
    return not why_unreadable(row)


def why_unreadable(row: Source) -> str:
    """Return a sentence on what of the settings of `row` cannot be read, or nothing."""
    try:
        instance(row)
    except ValidationError as error:
        return " ".join(error.messages)
    return ""


def validate(row: Source) -> None:
    """Check `row.settings` and seal its secrets. Raises `ValidationError` naming the field."""
    if row.enabled:  # one of before the rule can be disabled
        _refuse_another_local(row)
    provider, secrets = _provider_class(row), registry.secret_names(row.provider)
    references.refuse_elsewhere(row.settings, secrets)
    typed_settings(provider, row.settings)
    _check_groups(row.groups)
    _check_texts(row.texts)
    if row.slug == Source.LOCAL and not row.staff:
        raise ValidationError({"staff": _("Administrators can always sign in with a password.")})
    row.settings = {
        name: _sealed(value) if name in secrets else value for name, value in row.settings.items()
    }


def save(row: Source) -> None:
    """Check and save `row`; every worker knows of it within a second. Raises `ValidationError`."""
    row.full_clean()
    validate(row)
    with transaction.atomic():
        _settle_issuer(row)
        _doubt_addresses(row)
        # Sign-ins that know it as it was are waited for. They hold their person: nobody's after it.
        list(Source.objects.select_for_update().filter(pk=row.pk).values("pk"))
        row.save()
        ended.announce("source", [row.slug])


def issuers_of(row: Source, *, beyond_none: bool = True) -> set[str]:
    """Return the issuers by which people are known at a source: the first and the last by the
    alphabet, which are one where all is well. `beyond_none` leaves out those who have none yet.
    """
    known = Identity.objects.filter(source=row)
    known = known.filter(issuer__gt="") if beyond_none else known
    ends = known.aggregate(first=Min("issuer"), last=Max("issuer"))
    return {each for each in ends.values() if each is not None}


def migrate(row: Source, former: str) -> int:
    """Move the people who are known at a source by the issuer `former` to its present one. Returns
    their number. Raises `ValidationError` when the settings are broken, or both know somebody.
    """
    present = instance(row).describe().issuer
    moved = Identity.objects.filter(source=row, issuer=former)
    both = moved.filter(
        subject__in=Identity.objects.filter(source=row, issuer=present).values("subject")
    )
    if both.exists():
        raise ValidationError({"issuer": _("Some people are known by both issuers.")})
    return moved.update(issuer=present)


def _doubt_addresses(row: Source) -> None:
    """Once a source's word on addresses counts no more, take it back from those who came by it,
    whatever other way in they have: nobody knows who named the address that they have now.
    """
    counted = Source.objects.filter(pk=row.pk, verifies_mail=True).exists()
    if row.verifies_mail or not counted:
        return
    _doubt(row)
    # Once more for those who were just signing in by its former word.
    transaction.on_commit(lambda: _doubt(row), robust=True)


def _doubt(row: Source) -> None:
    came = User.objects.filter(identities__source=row, email_verified=True).exclude(email="")
    doubted = list(came.distinct().values_list("pk", flat=True))
    with transaction.atomic():
        User.objects.filter(pk__in=doubted).update(email_verified=False)
        ended.announce(ended.PERSON, map(str, doubted))


def _settle_issuer(row: Source) -> None:
    """Before the issuer changes, give the former one to the identities that have none yet."""
    stored = Source.objects.select_for_update(no_key=True).filter(pk=row.pk).first()
    if stored is None:
        return
    try:
        former = _made(stored).describe().issuer
    except ValidationError:
        former = UNREADABLE
    if former and _made(row).describe().issuer not in {former, ""}:
        Identity.objects.filter(source=row, issuer="").update(issuer=former)


def delete(row: Source) -> None:
    """Delete `row`. Raises `ProtectedError` while people are known by it."""
    slug = row.slug
    row.delete()
    ended.announce("source", [slug])


def shown_settings(row: Source) -> dict[str, Any]:
    """Return the settings without the stored secrets; references stay, they are no secrets."""
    return {name: value for name, value in row.settings.items() if not is_sealed(value)}


def is_sealed(value: Any) -> bool:
    """Tell whether the value of a setting is a secret that we have sealed."""
    return isinstance(value, str) and value.startswith(SEALED)


def typed_settings(provider: type[Provider], values: Mapping[str, Any]) -> Any:
    """Return the provider's `Settings` for `values`. Raises `ValidationError` naming the field."""
    if not isinstance(values, dict):
        raise ValidationError({"settings": _("The settings must be an object.")})
    fields = inspect.signature(provider.Settings).parameters
    hints = typing.get_type_hints(provider.Settings)
    for name in values:
        if name not in fields:
            raise ValidationError({"settings": _("Unknown setting: %s") % name})
    for name, known in fields.items():
        if known.default is known.empty and name not in values:
            raise ValidationError({"settings": _("Missing setting: %s") % name})
    secrets = registry.secrets_of(provider)
    read = {name: _opened(name, each) if name in secrets else each for name, each in values.items()}
    typed = {name: fitting.typed(name, hints[name], value) for name, value in read.items()}
    try:
        return provider.Settings(**typed)
    except ValueError as error:
        raise ValidationError({"settings": str(error)}) from error


def _check_groups(groups: Any) -> None:
    texts = isinstance(groups, dict) and all(
        isinstance(each, str) and 0 < len(each) <= 150 for pair in groups.items() for each in pair
    )
    if not texts:
        raise ValidationError({"groups": _("Groups must be an object: their name, our name.")})
    if roles := mapped_roles(groups):
        raise ValidationError({"groups": _("No source gives a role: %s") % ", ".join(roles)})


def mapped_roles(groups: Mapping[str, str]) -> list[str]:
    """Return the roles that a mapping names: one of before may, none is saved with any."""
    return sorted({ours for ours in groups.values() if ours.startswith(ROLE_PREFIX)})


def _check_texts(texts: Any) -> None:
    said = _("Texts must be an object: a language such as da, then label, help and note.")
    if not isinstance(texts, dict) or not {*texts} <= {*LANG_INFO}:
        raise ValidationError({"texts": said})
    for words in texts.values():
        if not isinstance(words, dict) or not {*words} <= TEXTS:
            raise ValidationError({"texts": said})
        if not all(isinstance(each, str) and len(each) <= 300 for each in words.values()):
            raise ValidationError({"texts": said})


def _provider_class(row: Source) -> type[Provider]:
    provider = registry.providers().get(row.provider)
    if provider is None:
        raise ValidationError({"provider": _("There is no provider called %s.") % row.provider})
    return provider


def _refuse_another_local(row: Source) -> None:
    if row.provider == Source.LOCAL != row.slug:
        # By another, whoever has a second factor or is locked out would come in as somebody new.
        said = _("Passwords of this site are taken by one source, local. Disable any other.")
        raise ValidationError({"provider": said})


def _build(row: Source) -> ConfiguredSource | None:
    try:
        provider = instance(row)
    except ValidationError:
        return None  # the row was written past `save`, or its secret is gone; `sources check` tells
    return ConfiguredSource(row, provider)


def _sealed(value: Any) -> Any:
    if (
        not isinstance(value, str)
        or not value
        or is_sealed(value)
        or references.is_reference(value)
    ):
        return value
    return SEALED + seal(value, "source")


def _opened(name: str, value: Any) -> Any:
    """Return a secret: unsealed, or read where the operator said that it lies."""
    try:
        if references.is_reference(value):
            return references.opened(value)
        return unseal(value.removeprefix(SEALED), "source") if is_sealed(value) else value
    except (KeyError, OSError, ValueError):  # what is not text, or was sealed by a lost key
        message = _("The secret of %s cannot be read.") % name
        raise ValidationError({"settings": message}) from None
