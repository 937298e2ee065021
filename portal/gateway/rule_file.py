"""Rules from a file, all of it or nothing, and to a file: TOML 1.0 (docs/gateway.md 3)."""

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from accounts.models import Event
from portal.configuration import toml
from portal.configuration.toml import Change, RefusedError
from portal.gateway import rule_checks, rule_rows, rules
from portal.gateway.models import AccessRule

FIELDS: Mapping[str, type] = {
    "order": int,
    "enabled": bool,
    "host": str,
    "path": str,
    "methods": list,
    "access": str,
    "types": list,
    "groups": list,
    "strength": str,
    "proof_seconds": int,
    "remote_user": str,
    "pass_token": bool,
    "websockets": bool,
    "cookies": list,
    "clear_storage": bool,
    "note": str,
}
_BY = "file"


def apply(text: str, *, prune: bool = False) -> list[Change]:
    """Make the rules what `text` says, in one transaction. Returns what became of each.

    A field that is missing has its default. `prune` disables the rules that the file does not name.
    Raises `RefusedError`; then nothing has changed.
    """
    problems: list[str] = []
    changes: list[Change] = []
    tables = toml.tables(text, "rules", prune=prune)
    with transaction.atomic():
        for slug, table in tables.items():
            try:
                changes.append(_apply_one(slug, table))
            except ValidationError as error:
                for field, said in error.message_dict.items():
                    problems += [f"rules.{slug}.{field}: {each}" for each in said]
        if problems:
            raise RefusedError(problems)
        if prune:
            changes.extend(_prune(tables))
    return changes


def export() -> str:
    """Return all rules as TOML, in the order in which they are asked."""
    return "\n\n".join("\n".join(_table(row)) for row in AccessRule.objects.all()) + "\n"


def problems() -> dict[str, list[str]]:
    """Return what is wrong with each rule that is stored; an empty list when nothing is."""
    known = set(Group.objects.values_list("name", flat=True))
    found = {row.slug: list(_wrong(row, known)) for row in AccessRule.objects.all()}
    asked = [rules.of_row(row) for row in AccessRule.objects.filter(enabled=True)]
    for number, rule in enumerate(asked):
        first = next((each for each in asked[:number] if each.hides(rule)), None)
        if first:
            said = _("It never decides: %s comes first and covers all of it.")
            found[rule.slug].append("order: " + said % first.slug)
    return found


def _apply_one(slug: str, table: dict[str, Any]) -> Change:
    toml.refuse_strangers(table, FIELDS)
    row = AccessRule.objects.select_for_update().filter(slug=slug).first()
    known = row is not None
    row = row or AccessRule(slug=slug)
    before = {name: getattr(row, name) for name in FIELDS}
    for name in FIELDS:
        setattr(row, name, table.get(name, getattr(AccessRule(), name)))
    rule_checks.check(row)
    changed = tuple(name for name in FIELDS if getattr(row, name) != before[name])
    if known and not changed:
        return Change(slug, "unchanged")
    rule_rows.save(row, _BY, actor=Event.Actor.SITE)
    return Change(slug, "changed", changed) if known else Change(slug, "created")


def _prune(named: Collection[str]) -> Iterator[Change]:
    others = AccessRule.objects.filter(enabled=True).exclude(slug__in=list(named))
    for slug in rule_rows.disable(others, _BY, None, actor=Event.Actor.SITE):
        yield Change(slug, "disabled")


def _wrong(row: AccessRule, groups: Collection[str]) -> Iterator[str]:
    try:
        rule_checks.check(row)
    except ValidationError as error:
        for field, said in error.message_dict.items():
            yield from (f"{field}: {each}" for each in said)
        return
    for name in row.groups:
        if name not in groups:
            yield "groups: " + _("There is no group %s yet.") % name


def _table(row: AccessRule) -> Iterator[str]:
    yield f"[{toml.key('rules', row.slug)}]"
    for name in FIELDS:
        if getattr(row, name) != getattr(AccessRule(), name):
            yield toml.line(name, getattr(row, name))
