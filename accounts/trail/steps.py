"""The steps of what is under way: who turned to whom, how long it took, and whether it failed.

A request collects them while it is answered. They reach the database only with an event, so a
request that leaves no event costs no row. A step never holds a query, a body or a header.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

# The parties of a step. Others are `source:<slug>`, as `accounts.http` names who calls.
PERSON = "person"
HERE = "here"
# What one event keeps at most: steps, and letters of what is said of one.
MOST = 24
_LONGEST = 160
# A part of a path that is so long is a key of something, not a name.
_KEY = re.compile(r"[^/\s]{25,}")

_under_way: ContextVar[list["Step"] | None] = ContextVar("steps", default=None)


@dataclass(frozen=True, slots=True)
class Step:
    """One arrow of a sequence diagram, from `sender` to `receiver`.

    `what` is a word that the administration translates (`call`, `sent`, `answered`), `detail` is
    shown as it stands. `milliseconds` is -1 when nobody measured.
    """

    sender: str
    receiver: str
    what: str
    detail: str = ""
    milliseconds: int = -1
    failed: bool = False


@contextmanager
def walk() -> Iterator[None]:
    """Collect the steps of the block. Inside of another one it adds to that one's."""
    if _under_way.get() is not None:
        yield
        return
    token = _under_way.set([])
    try:
        yield
    finally:
        _under_way.reset(token)


def note(step: Step) -> None:
    """Remember a step, unless nobody collects or there are enough."""
    found = _under_way.get()
    if found is not None and len(found) < MOST:
        found.append(step)


def taken() -> list[list[Any]]:
    """Return the steps so far as JSON holds them, without what may be secret in an address."""
    return [plain(step) for step in _under_way.get() or ()]


def read(stored: Any) -> list[Step]:
    """Return the steps that an event keeps; what cannot be read is left out."""
    rows = stored if isinstance(stored, list) else []
    return [Step(*row) for row in rows if isinstance(row, list) and 3 <= len(row) <= 6]


@lru_cache(maxsize=256)
def redacted(text: str) -> str:
    """Return an address without the parts that look like keys, and no longer than a line."""
    scheme, mark, rest = text.rpartition("://")
    host, slash, path = rest.partition("/")
    shown = _KEY.sub("…", path.partition("?")[0])
    return f"{scheme}{mark}{host}{slash}{shown}"[:_LONGEST].replace("\0", "")


def plain(step: Step) -> list[Any]:
    """Return a step as an event keeps it."""
    seen = redacted(step.detail)
    return [step.sender, step.receiver, step.what, seen, step.milliseconds, step.failed]
