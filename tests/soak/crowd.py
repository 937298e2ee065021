"""Several who do the same at once, until the end of a block."""

from __future__ import annotations

import threading
from typing import Self


class Crowd:
    """So many threads, each of which calls `live` with its number. Whoever inherits ends it once
    `over` is set, and counts under `lock`.
    """

    def __init__(self, threads: int) -> None:
        self.over, self.lock = threading.Event(), threading.Lock()
        self._threads = [
            threading.Thread(target=self.live, args=(number,), daemon=True)
            for number in range(threads)
        ]

    def live(self, number: int) -> None:
        raise NotImplementedError

    def __enter__(self) -> Self:
        for each in self._threads:
            each.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.over.set()
        for each in self._threads:
            each.join(120)
