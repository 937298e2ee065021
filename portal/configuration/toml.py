"""TOML 1.0 for what is configured by a file: read strictly, written on single lines."""

import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

_BARE = re.compile(r"\A[A-Za-z0-9_-]+\Z")


class RefusedError(Exception):
    """The file cannot be applied. `problems` are sentences that name the table and the field."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


@dataclass(frozen=True, slots=True)
class Change:
    """What became of a table: `created`, `changed`, `unchanged` or `disabled`; which fields."""

    slug: str
    what: str
    fields: tuple[str, ...] = ()


def tables(text: str, name: str, *, prune: bool = False) -> dict[str, dict[str, Any]]:
    """Return the tables `[name.<slug>]` of a file, which holds nothing else.

    Raises `RefusedError`; with `prune` also for a file without any: an empty one is a mistake, and
    `[name]` says that nothing is meant.
    """
    try:
        document = tomllib.loads(text)
    # A number of thousands of digits, or brackets within brackets, is not even a TOMLDecodeError.
    except (ValueError, RecursionError) as error:
        raise RefusedError([_("This is not TOML: %s") % error]) from None
    if prune and name not in document:
        said = _(
            "The file has no table: --prune would disable everything. Is that meant, write [%s]."
        )
        raise RefusedError([said % name])
    strangers = [each for each in document if each != name]
    found = document.get(name, {})
    if strangers:
        said = _("%(stranger)s: unknown; only [%(name)s.<slug>] stands here.")
        raise RefusedError([said % {"stranger": strangers[0], "name": name}])
    if not isinstance(found, dict) or not all(isinstance(each, dict) for each in found.values()):
        raise RefusedError([_("%(name)s: each is a table, [%(name)s.<slug>].") % {"name": name}])
    if any("\0" in text for text in _texts(found)):
        raise RefusedError([_("%s: NUL stands in a text, which no database keeps.") % name])
    return found


def _texts(given: Any) -> Iterator[str]:
    """Yield each text and name in what a file says."""
    if isinstance(given, str):
        yield given
    elif isinstance(given, dict):
        yield from _texts([*given, *given.values()])
    elif isinstance(given, list):
        for each in given:
            yield from _texts(each)


def refuse_strangers(table: Mapping[str, Any], kinds: Mapping[str, type]) -> None:
    """Raise `ValidationError`, by field, for one that is not among `kinds` or of another type."""
    for name, given in table.items():
        if name not in kinds:
            raise ValidationError({name: _("There is no such field.")})
        if type(given) is not kinds[name]:
            raise ValidationError({name: _("This has the wrong type.")})


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
