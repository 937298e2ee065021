"""A map that holds so many bytes and no more."""

import time
from collections import OrderedDict
from dataclasses import dataclass
from threading import Lock
from typing import Generic, TypeVar

Value = TypeVar("Value")
# Of an entry, beside what it holds: its key, its slots, its place in the map.
_OVERHEAD = 400


@dataclass(frozen=True, slots=True)
class _Entry(Generic[Value]):
    value: Value
    until: float
    size: int


class Bounded(Generic[Value]):
    """Values by a digest, each until a moment in seconds since 1970: `most` bytes, and then the
    oldest go.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._lock = Lock()
        self._entries: OrderedDict[bytes, _Entry[Value]] = OrderedDict()
        self.size = 0

    def __contains__(self, key: bytes) -> bool:
        return key in self._entries

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, key: bytes) -> Value | None:
        """Return the value, None without one or when its time is over."""
        entry = self._entries.get(key)
        return entry.value if entry and time.time() < entry.until else None

    def put(self, key: bytes, value: Value, until: float, size: int) -> None:
        """Keep a value of so many bytes."""
        entry = _Entry(value, until, size + _OVERHEAD)
        with self._lock:
            self._take(key)
            self._entries[key] = entry
            self.size += entry.size
            while self._entries and (self.size > self._most or self._is_first_over()):
                self.size -= self._entries.popitem(last=False)[1].size

    def drop(self, key: bytes) -> None:
        """Forget a value."""
        with self._lock:
            self._take(key)

    def _take(self, key: bytes) -> None:
        entry = self._entries.pop(key, None)
        if entry:
            self.size -= entry.size

    def _is_first_over(self) -> bool:
        return next(iter(self._entries.values())).until <= time.time()
