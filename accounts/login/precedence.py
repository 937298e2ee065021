"""Who is served first where many wait: the caller says it, and a provider's queue asks for it.

A call of which nothing was said counts as a known person's: somebody signed in, or a command.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Standing:
    """Whether the browser has signed in the same name before, and the network that it is in."""

    is_known: bool = True
    place: str = ""


_UNSAID = Standing()
_standing: ContextVar[Standing] = ContextVar("standing", default=_UNSAID)


def standing() -> Standing:
    """Return on whose behalf the present call is made."""
    return _standing.get()


@contextmanager
def on_behalf(of: Standing) -> Iterator[None]:
    """Make calls in the block on behalf of somebody."""
    before = _standing.set(of)
    try:
        yield
    finally:
        _standing.reset(before)
