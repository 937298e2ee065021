"""What Django has answered to requests of one shape (docs/decisions/0009-short-ways.md)."""

import time
from collections.abc import Hashable
from typing import Generic, TypeVar

T = TypeVar("T")

# For how long it may be repeated before Django is asked again.
SECONDS = 60.0


class Learned(Generic[T]):
    """What is known by the shape of a request, until the end of each minute: `most` at a time."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.minute = 0
        self.known: dict[Hashable, T] = {}

    def __contains__(self, shape: Hashable) -> bool:
        """Tell whether something is known in this minute."""
        minute = int(time.monotonic() / SECONDS)
        if minute != self.minute:
            self.minute, self.known = minute, {}
        return shape in self.known

    def find(self, shape: Hashable) -> T | None:
        """Return what is known, None for what is not in this minute."""
        return self.known.get(shape) if shape in self else None

    def keep(self, shape: Hashable, found: T) -> None:
        """Know it until the end of the minute, if there is room."""
        if len(self.known) < self.most:
            self.known[shape] = found
