"""The sources as the file that `manage.py sources apply` takes, in TOML 1.0."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from accounts.models import Source
from accounts.source import registry
from accounts.source.catalogue import REFERENCES
from portal.operations.source_file import COLUMNS, default_of

_BARE = re.compile(r"\A[A-Za-z0-9_-]+\Z")


def export() -> str:
    """Return all sources as TOML. A stored secret is left out, with a comment in its place."""
    rows = Source.objects.order_by("order", "slug")
    return "\n\n".join("\n".join(_table(row)) for row in rows) + "\n"


def _table(row: Source) -> Iterator[str]:
    yield f"[{key('sources', row.slug)}]"
    yield line("provider", row.provider)
    for name in COLUMNS:
        if getattr(row, name) != default_of(name):
            yield line(name, getattr(row, name))
    if row.settings:
        yield ""
        yield f"[{key('sources', row.slug, 'settings')}]"
        yield from _settings(row)


def _settings(row: Source) -> Iterator[str]:
    secret = registry.secret_names(row.provider)
    for name, value in row.settings.items():
        if name in secret and value and not str(value).startswith(REFERENCES):
            yield f'# {name}: kept as it is stored; "env:NAME" or "file:PATH" would name its place'
        elif value is not None:
            yield line(name, value)


def key(*names: str) -> str:
    """Return a dotted key; a name is quoted only where it must be."""
    return ".".join(name if _BARE.match(name) else value(name) for name in names)


def value(given: Any) -> str:
    """Return text, a number, a truth value, a list or a table as TOML writes it, on one line.

    Raises `TypeError` for anything else; TOML has no word for None.
    """
    if isinstance(given, list | tuple):
        return "[" + ", ".join(value(each) for each in given) + "]"
    if isinstance(given, Mapping):
        pairs = (line(name, each) for name, each in given.items() if each is not None)
        return "{ " + ", ".join(pairs) + " }" if given else "{}"
    if isinstance(given, int | float) and not isinstance(given, bool):
        return repr(given)
    if isinstance(given, str | bool):
        # JSON writes them as TOML does, but for the one character that it leaves as it is.
        return json.dumps(given, ensure_ascii=False).replace("\x7f", "\\u007f")
    raise TypeError(f"TOML cannot hold {type(given).__name__}")


def line(name: str, given: Any) -> str:
    """Return `name = value`."""
    return f"{key(name)} = {value(given)}"
