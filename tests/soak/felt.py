"""What others feel: people who are signed in ask who they are, all the time, and are timed."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable
from statistics import quantiles

from tests.soak.crowd import Crowd
from tests.soak.wire import Said, Wire

PAUSE = 0.01  # seconds between two questions of one of them


class Others(Crowd):
    """So many threads that ask `/auth/session` with a cookie until the end of the block.

    `failed` is how many answers were none, or did not know the person.
    """

    def __init__(self, wire: Callable[[], Wire], cookie: str, threads: int = 4) -> None:
        super().__init__(threads)
        self._wire, self._cookie = wire, cookie
        self._seconds: list[float] = []
        self.reasons: Counter[str] = Counter()

    @property
    def asked(self) -> int:
        return len(self._seconds)

    @property
    def failed(self) -> int:
        return sum(self.reasons.values())

    def begin(self) -> float:
        """Forget what was felt so far, and return its 99th percentile in milliseconds."""
        with self.lock:
            felt, self._seconds = self._seconds, []
        return percentile(felt)

    def live(self, number: int) -> None:
        wire = self._wire()
        wire.cookies = {"vestibule": self._cookie}
        while not self.over.wait(PAUSE):
            begun = time.monotonic()
            said = wire.get("/auth/session")
            with self.lock:
                self._seconds.append(time.monotonic() - begun)
                if not _knows(said):
                    self.reasons[f"{said.status} {said.body[:60]}"] += 1


def _knows(said: Said) -> bool:
    return said.status == 200 and bool(json.loads(said.body)["isLoggedIn"])


def percentile(seconds: list[float]) -> float:
    """Return the 99th percentile in milliseconds."""
    return 1000 * quantiles(seconds, n=100)[98] if len(seconds) > 1 else 0.0
