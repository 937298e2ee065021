"""Sources from a file, all of it or nothing, and to a file: TOML 1.0 (docs/sources.md)."""

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from accounts import events
from accounts.models import Event, Source
from accounts.source import catalogue, logos, references, registry
from portal.configuration import toml
from portal.configuration.toml import Change, RefusedError
from portal.operations import source_rows

COLUMNS: Mapping[str, type] = {
    "label": str,
    "order": int,
    "enabled": bool,
    "enroll": bool,
    "require_assignment": bool,
    "end_with_token": bool,
    "allow_upstream_token": bool,
    "allow_erasure": bool,
    "staff": bool,
    "verifies_mail": bool,
    "groups": dict,
    "after_login": str,
    "note": str,
    "texts": dict,
    "logo": str,
}


def apply(text: str, *, prune: bool = False) -> list[Change]:
    """Make the sources what `text` says, in one transaction. Returns what became of each.

    A key that is missing has its default; a secret or logo that is missing stays as it is. `prune`
    disables the sources that the file does not name, but never the `local` one, by which an
    administrator enters when all others are down. Raises `RefusedError`; then nothing has changed.
    """
    tables = toml.tables(text, "sources", prune=prune)
    problems: list[str] = []
    changes: list[Change] = []
    with transaction.atomic():
        for slug, table in tables.items():
            try:
                changes.append(_apply_one(slug, table))
            except ValidationError as error:
                problems.extend(_sentences(slug, error))
        if problems:
            raise RefusedError(problems)
        if prune:
            changes.extend(_prune(tables))
    return changes


def export() -> str:
    """Return all sources as TOML. A stored secret is left out, with a comment in its place."""
    rows = Source.objects.order_by("order", "slug")
    return "\n\n".join("\n".join(_table(row)) for row in rows) + "\n"


def _apply_one(slug: str, table: dict[str, Any]) -> Change:
    """Create or change one source. Raises `ValidationError` by field."""
    _check_shape(table)
    row = Source.objects.select_for_update(no_key=True).filter(slug=slug).first()
    known = row is not None
    if row is None:
        row = Source(slug=slug, provider=table["provider"])
    elif row.provider != table["provider"]:
        # The subjects of one provider must never be taken for those of another.
        message = _("It is %s and cannot become another; use another slug.") % row.provider
        raise ValidationError({"provider": message})
    before = {name: getattr(row, name) for name in COLUMNS}
    for name in COLUMNS:
        default = row.logo if name == "logo" else _default_of(name, slug)
        setattr(row, name, table.get(name, default))
    stored, row.settings = row.settings, table.get("settings", {})
    row.logo = _logo(row.logo)
    source_rows.refuse_sealed(row.settings)
    source_rows.refuse_destination(row.after_login)
    row.settings = source_rows.with_stored_secrets(row.provider, row.settings, stored)
    changed = [name for name in COLUMNS if getattr(row, name) != before[name]]
    changed += [f"settings.{name}" for name in _different(stored, row.settings)]
    if known and not changed:
        catalogue.validate(row)
        return Change(slug, "unchanged")
    catalogue.save(row)
    name, said = ("source.changed", ", ".join(changed)) if known else ("source.created", "")
    events.record(events.event(name, source=slug, detail=said, actor=Event.Actor.SITE))
    return Change(slug, "changed", tuple(changed)) if known else Change(slug, "created")


def _logo(url: str) -> str:
    try:
        return logos.again(url)
    except ValueError as error:
        raise ValidationError({"logo": str(error)}) from None


def _check_shape(table: dict[str, Any]) -> None:
    if not isinstance(table.get("provider"), str):
        raise ValidationError({"provider": _("Name the provider, such as oidc.")})
    if not isinstance(table.get("settings", {}), dict):
        raise ValidationError({"settings": _("The settings must be a table.")})
    toml.refuse_strangers(table, {"provider": str, "settings": dict, **COLUMNS})


def _different(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    nothing = object()
    names = sorted({*before, *after})
    return [name for name in names if before.get(name, nothing) != after.get(name, nothing)]


def _prune(named: Collection[str]) -> Iterator[Change]:
    rows = Source.objects.filter(enabled=True).exclude(slug__in=[*named, Source.LOCAL])
    for slug in source_rows.disable(rows, Event.Actor.SITE):
        yield Change(slug, "disabled")


def _sentences(slug: str, error: ValidationError) -> Iterator[str]:
    for field, messages in error.message_dict.items():
        for message in messages:
            yield f"sources.{slug}.{field}: {message}"


def _default_of(column: str, slug: str) -> Any:
    """Return what a column of a new source `slug` holds."""
    return slug == Source.LOCAL if column == "staff" else getattr(Source(), column)


# --- Writing --------------------------------------------------------------------------------------


def _table(row: Source) -> Iterator[str]:
    yield f"[{toml.key('sources', row.slug)}]"
    yield toml.line("provider", row.provider)
    for name in COLUMNS:
        if getattr(row, name) != _default_of(name, row.slug):
            yield toml.line(name, getattr(row, name))
    if row.settings:
        yield ""
        yield f"[{toml.key('sources', row.slug, 'settings')}]"
        yield from _settings(row)


def _settings(row: Source) -> Iterator[str]:
    secret = registry.secret_names(row.provider)
    for name, value in row.settings.items():
        is_kept = catalogue.is_sealed(value)  # where no provider says what is secret as well
        if is_kept or (name in secret and value and not references.is_reference(value)):
            yield f'# {name}: kept as it is stored; "env:NAME" or "file:PATH" would name its place'
        elif value is not None:
            yield toml.line(name, value)
