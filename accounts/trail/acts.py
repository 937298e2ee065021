"""Who acts: what an administrator or a command does is recorded under one code and one name."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

_current: ContextVar["Act | None"] = ContextVar("act", default=None)


@dataclass(slots=True)
class Act:
    """One act: the kind of `actor`, who it is (`by`, a person's primary key), from which address.

    The events that it causes share `code`, which is made with the first of them.
    """

    actor: str
    by: int | None = None
    address: str | None = None
    code: str = ""


@contextmanager
def acting(act: Act) -> Iterator[Act]:
    """Record what the block does as `act`. Inside of another act it belongs to that one."""
    held = _current.get()
    if held is not None:
        yield held
        return
    token = _current.set(act)
    try:
        yield act
    finally:
        _current.reset(token)


def current() -> Act | None:
    """Return the act that is under way, or None."""
    return _current.get()
