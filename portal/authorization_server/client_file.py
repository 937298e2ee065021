"""Clients from a file, all of it or nothing, and to a file: TOML 1.0 (docs/applications.md)."""

import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from accounts.keyring import digest
from accounts.models import Event
from accounts.source import references
from portal.authorization_server import client_rows, registration
from portal.authorization_server.models import Client
from portal.configuration import toml
from portal.configuration.toml import RefusedError
from portal.tokens.bearer import FIRST_PARTY

# A secret is compared by its SHA-256, which only what nobody can guess survives.
SHORTEST_SECRET = 32
WITH_SECRET = frozenset({Client.Method.BASIC, Client.Method.POST})
# Each field of a table: the column behind it, and its type in the file.
FIELDS: Mapping[str, tuple[str, type]] = {
    "name": ("name", str),
    "kind": ("kind", str),
    "auth_method": ("auth_method", str),
    "redirect_uris": ("redirect_uris", list),
    "post_logout_redirect_uris": ("post_logout_redirect_uris", list),
    "allowed_origins": ("allowed_origins", list),
    "scopes": ("allowed_scopes", list),
    "resources": ("allowed_resources", list),
    "first_party": ("skip_authorization", bool),
    "legacy_desktop": ("legacy_desktop", bool),
    "introspects": ("introspects", bool),
    "backchannel_logout_uri": ("backchannel_logout_uri", str),
    "jwks": ("jwks", dict),
    "jwks_uri": ("jwks_uri", str),
}


@dataclass(frozen=True, slots=True)
class Applied(toml.Change):
    """What became of a client, and the secret that was made for it, to be shown once."""

    secret: str = ""


def new_secret(client: Client) -> str:
    """Give a client a new secret, in the caller's save. Returns it: it is known only now."""
    secret = secrets.token_urlsafe(32)
    client.client_secret = digest(secret)
    return secret


def apply(text: str) -> list[Applied]:
    """Make the clients what `text` says, in one transaction. Returns what became of each.

    A field that is missing has its default; a secret that is missing stays as it is, and is made
    for a client that has none. Raises `RefusedError`; then nothing has changed.
    """
    problems: list[str] = []
    changes: list[Applied] = []
    with transaction.atomic():
        for client_id, table in toml.tables(text, "clients").items():
            try:
                changes.append(_apply_one(client_id, table))
            except ValidationError as error:
                for field, said in error.message_dict.items():
                    problems += [f"clients.{client_id}.{field}: {each}" for each in said]
        if problems:
            raise RefusedError(problems)
    return changes


def export() -> str:
    """Return all clients as TOML, without their secrets."""
    rows = Client.objects.exclude(client_id=FIRST_PARTY).order_by("client_id")
    return "\n\n".join("\n".join(_table(row)) for row in rows) + "\n"


def differing(client: Client, other: Client) -> list[str]:
    """Return the fields in which two clients differ, by their names in the file."""
    return [name for name in FIELDS if _value(client, name) != _value(other, name)]


def problems() -> dict[str, list[str]]:
    """Return what is wrong with each client that is stored; an empty list when nothing is."""
    return {row.client_id: list(_wrong(row)) for row in Client.objects.order_by("client_id")
            if row.client_id != FIRST_PARTY}  # fmt: skip


def _apply_one(client_id: str, table: dict[str, Any]) -> Applied:
    _check_shape(client_id, table)
    row = Client.objects.select_for_update().filter(client_id=client_id).first()
    known = row is not None
    row = row or Client(client_id=client_id, client_secret="")
    changed = []
    for field, (column, kind) in FIELDS.items():
        value = table.get(field, _default(column, kind))
        value = " ".join(value) if kind is list else value
        if getattr(row, column) != value:
            changed.append(field)
            setattr(row, column, value)
    shown = ""
    if row.auth_method in WITH_SECRET:
        given = _secret_of(table)
        if given and row.client_secret != digest(given):
            row.client_secret = digest(given)
            changed.append("client_secret")
        elif not given and not row.client_secret:
            shown = new_secret(row)
    else:
        row.client_secret = ""
    row.full_clean(exclude=["client_secret", "user"])
    made = ["client_secret"] if shown else []
    client_rows.save(row, [*changed, *made], Event.Actor.SITE)
    what = "created" if not known else "changed" if changed else "unchanged"
    return Applied(client_id, what, tuple(changed) if known else (), shown)


def _check_shape(client_id: str, table: dict[str, Any]) -> None:
    if client_id == FIRST_PARTY:
        raise ValidationError({"client_id": _("This name is taken by the site itself.")})
    for field, value in table.items():
        if field not in {*FIELDS, "client_secret"}:
            raise ValidationError({field: _("There is no such field.")})
        kind = FIELDS[field][1] if field in FIELDS else str
        texts = kind is not list or all(isinstance(each, str) for each in value)
        if type(value) is not kind or not texts:
            raise ValidationError({field: _("This has the wrong type.")})


def _secret_of(table: dict[str, Any]) -> str:
    """Return the secret, which may name its place. Raises `ValidationError`."""
    given = str(table.get("client_secret", ""))
    if references.is_reference(given):
        try:
            given = references.opened(given)
        except (KeyError, OSError, ValueError):
            raise ValidationError({"client_secret": _("Nothing is there: %s") % given}) from None
    if given and len(given) < SHORTEST_SECRET:
        said = _("A secret has at least %d random characters.") % SHORTEST_SECRET
        raise ValidationError({"client_secret": said})
    return given


def _value(row: Client, field: str) -> Any:
    column, kind = FIELDS[field]
    value = getattr(row, column)
    return value.split() if kind is list else value


def _default(column: str, kind: type) -> Any:
    default = getattr(Client(), column)
    return default.split() if kind is list else default


def _wrong(row: Client) -> Iterator[str]:
    try:
        registration.check(row)
    except ValidationError as error:
        for field, said in error.message_dict.items():
            yield from (f"{field}: {each}" for each in said)
    if row.auth_method in WITH_SECRET and not row.client_secret:
        yield _("It has no secret yet.")
    if row.auth_method not in WITH_SECRET and row.client_secret:
        yield _("A secret is stored that it does not use: apply its table again.")


def _table(row: Client) -> Iterator[str]:
    yield f"[{toml.key('clients', row.client_id)}]"
    for field, (column, kind) in FIELDS.items():
        value = _value(row, field)
        if value != _default(column, kind):
            yield toml.line(field, value)
    if row.client_secret:
        yield "# client_secret: kept as it is stored; env:NAME or file:PATH would name its place"
