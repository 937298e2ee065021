"""JSON: read strictly, and the house's frozen values as JSON objects."""

import json
from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any, NoReturn, TypeVar, get_type_hints

T = TypeVar("T")


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


def dump(value: Any) -> dict[str, Any]:
    """Return a dataclass as JSON holds it: times in ISO 8601, mappings as objects."""
    return {name: _plain(getattr(value, name)) for name in value.__dataclass_fields__}


def load(kind: type[T], values: Any) -> T:
    """Return the dataclass that `dump` wrote. Raises `ValueError` for anything else.

    A member that an older version did not write has its default, but for times.
    """
    try:
        times = {
            name: datetime.fromisoformat(values[name]) if values[name] else None
            for name in _times(kind)  # type: ignore[arg-type]  # a class is hashable
        }
        return kind(**{**values, **times})
    except (KeyError, TypeError) as error:
        raise ValueError(f"not a {kind.__name__}") from error


@lru_cache
def _times(kind: type) -> tuple[str, ...]:
    """Return the names of the fields that hold a time."""
    hints = get_type_hints(kind)
    return tuple(name for name in hints if hints[name] in {datetime, datetime | None})


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, str):  # nearly every field of a session
        return value
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
