"""Writing TOML 1.0: as much of it as the settings of sources need. `tomllib` reads it again."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

_BARE = re.compile(r"\A[A-Za-z0-9_-]+\Z")


def key(*names: str) -> str:
    """Return a dotted key; a name is quoted only where it must be."""
    return ".".join(name if _BARE.match(name) else _text(name) for name in names)


def value(given: Any) -> str:
    """Return text, a number, a truth value, a list or a table as TOML writes it, on one line.

    Raises `TypeError` for anything else; TOML has no word for None.
    """
    if isinstance(given, bool):
        return "true" if given else "false"
    if isinstance(given, str):
        return _text(given)
    if isinstance(given, int | float):
        return repr(given)
    if isinstance(given, list | tuple):
        return "[" + ", ".join(value(each) for each in given) + "]"
    if isinstance(given, Mapping):
        pairs = (f"{key(name)} = {value(each)}" for name, each in given.items() if each is not None)
        return "{ " + ", ".join(pairs) + " }" if given else "{}"
    raise TypeError(f"TOML cannot hold {type(given).__name__}")


def line(name: str, given: Any) -> str:
    """Return `name = value`."""
    return f"{key(name)} = {value(given)}"


def _text(text: str) -> str:
    # JSON's escapes are TOML's, but for the one character that JSON leaves as it is.
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
