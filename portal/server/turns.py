"""Turns: requests that may wait for an upstream share some threads, and queue without one."""

import asyncio
import re
from dataclasses import dataclass, field

# Set for a request that has waited too long for its turn: a thread refuses it.
LATE = "vestibule.late"


@dataclass(slots=True)
class Turns:
    """`at_once` requests to `paths` have a thread. Whoever gets none in `seconds` is late.

    A queue ends by itself: calls to an upstream have a deadline, and one that hangs is soon not
    asked any more.
    """

    paths: re.Pattern[str]
    at_once: int
    seconds: float
    waiting: int = field(default=0, init=False)
    _free: asyncio.Semaphore = field(init=False)

    def __post_init__(self) -> None:
        self._free = asyncio.Semaphore(self.at_once)

    def concern(self, path: str) -> bool:
        """Tell whether a request to `path` waits for its turn."""
        return self.paths.match(path) is not None

    async def come(self) -> bool:
        """Return once it is the caller's turn, which `over` ends; False for who is late."""
        self.waiting += 1
        try:
            async with asyncio.timeout(self.seconds):
                return await self._free.acquire()
        except TimeoutError:
            return False
        finally:
            self.waiting -= 1

    def over(self) -> None:
        """Let the next one come. Called in the event loop."""
        self._free.release()
