"""JSON: read strictly, and the house's frozen values as JSON objects."""

import json
import re
from collections.abc import Mapping
from dataclasses import MISSING, fields
from datetime import datetime
from functools import lru_cache
from math import isfinite
from typing import Any, NoReturn, TypeVar, get_type_hints

T = TypeVar("T")
_NO_TEXT = re.compile(r"[\x00\ud800-\udfff]")
_DEEPEST = 32


def strict_object(raw: bytes | str) -> dict[str, Any]:
    """Return the JSON object in `raw` (RFC 8259). Raises `ValueError`.

    A name that occurs twice is refused, since two parsers could see two different values
    (RFC 8259, 4; RFC 7519, 4), and so are NaN and Infinity (RFC 8259, 6).
    """
    try:
        found = json.loads(raw, object_pairs_hook=_unique, parse_constant=_refuse)
    except RecursionError:
        raise ValueError("too deep") from None
    if not isinstance(found, dict):
        raise ValueError("not an object")  # noqa: TRY004  # bad data, not a bad call
    return found


def storable(value: Any, deep: int = _DEEPEST) -> Any:
    """Return what was read from JSON, when every database keeps it and an address can carry it.

    Raises `ValueError` for NUL and surrogates (RFC 7493, 2.1), for a number that is none, and for
    what is deeper than `deep`.
    """
    if isinstance(value, str) and _NO_TEXT.search(value):
        raise ValueError("not a text")
    if (isinstance(value, float) and not isfinite(value)) or not deep:
        raise ValueError("not a number, or too deep")
    if isinstance(value, dict | list):
        for each in (*value, *(value.values() if isinstance(value, dict) else ())):
            storable(each, deep - 1)
    return value


def dump(value: Any) -> dict[str, Any]:
    """Return a dataclass as JSON holds it: times in ISO 8601, mappings as objects.

    A member that has its default is left out, but for times: so the release before, which does not
    know what is new, reads all that makes no use of it (docs/moving.md 4).
    """
    usual = _usual(type(value))  # type: ignore[arg-type]  # a class is hashable
    return {
        name: each if each is None or isinstance(each, str) else _plain(each)
        for name in value.__dataclass_fields__
        if (each := getattr(value, name)) != usual.get(name, MISSING)
    }


def load(kind: type[T], values: Any) -> T:
    """Return the dataclass that `dump` wrote. Raises `ValueError` for anything else.

    A member that an older version did not write has its default, but for times; one that only a
    newer version knows is left out.
    """
    try:
        known = kind.__dataclass_fields__  # type: ignore[attr-defined]
        times = {
            name: datetime.fromisoformat(values[name]) if values[name] else None
            for name in _times(kind)  # type: ignore[arg-type]  # a class is hashable
        }
        return kind(**{name: values[name] for name in values if name in known} | times)
    except (KeyError, TypeError) as error:
        raise ValueError(f"not a {kind.__name__}") from error


@lru_cache
def _usual(kind: type) -> dict[str, Any]:
    """Return the defaults of the fields that have one and hold no time."""
    found: dict[str, Any] = {}
    for each in fields(kind):
        if each.name in _times(kind):
            continue
        if each.default is not MISSING:
            found[each.name] = each.default
        elif each.default_factory is not MISSING:
            found[each.name] = each.default_factory()
    return found


@lru_cache
def _times(kind: type) -> tuple[str, ...]:
    """Return the names of the fields that hold a time."""
    hints = get_type_hints(kind)
    return tuple(name for name in hints if hints[name] in {datetime, datetime | None})


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    return dict(value) if isinstance(value, Mapping) else value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name occurs twice")
    return found


def _refuse(constant: str) -> NoReturn:
    raise ValueError(constant)
