"""The sources as the file that `manage.py sources apply` takes."""

from __future__ import annotations

from collections.abc import Iterator

from accounts.models import Source
from accounts.source import registry
from accounts.source.catalogue import REFERENCES
from portal.operations import toml
from portal.operations.source_file import COLUMNS, default_of


def export() -> str:
    """Return all sources as TOML. A stored secret is left out, with a comment in its place."""
    rows = Source.objects.order_by("order", "slug")
    return "\n\n".join("\n".join(_table(row)) for row in rows) + "\n"


def _table(row: Source) -> Iterator[str]:
    yield f"[{toml.key('sources', row.slug)}]"
    yield toml.line("provider", row.provider)
    for name in COLUMNS:
        if getattr(row, name) != default_of(name):
            yield toml.line(name, getattr(row, name))
    if row.settings:
        yield ""
        yield f"[{toml.key('sources', row.slug, 'settings')}]"
        yield from _settings(row)


def _settings(row: Source) -> Iterator[str]:
    secret = registry.secret_names(row.provider)
    for name, value in row.settings.items():
        if name in secret and value and not str(value).startswith(REFERENCES):
            yield f'# {name}: kept as it is stored; "env:NAME" or "file:PATH" would name its place'
        elif value is not None:
            yield toml.line(name, value)
