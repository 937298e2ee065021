"""Callers that keep their connection and post all the time, until nobody listens any more.

with far(port, seconds=0.02) as at, Keepers(at, callers=12) as keepers:
    ...                      # the site is told to end
    keepers.gone()
keepers.lost                 # what was sent and has no answer, by what went wrong
"""

from __future__ import annotations

from collections import Counter
from contextlib import closing

from tests.soak.crowd import Crowd
from tests.soak.wire import Wire

PATH, FORM = "/oauth/revoke", {"token": "x"}  # refused without a look at the database
REFUSED, NOBODY = "ConnectionRefusedError", 502


class Keepers(Crowd):
    """So many callers at a port of the site. Nobody asks a POST again, which may have counted."""

    def __init__(self, port: int, callers: int) -> None:
        super().__init__(callers)
        self.port, self.answered = port, 0
        self.lost: Counter[str] = Counter()

    def live(self, number: int) -> None:
        with closing(Wire([self.port], f"127.0.0.1:{self.port}")) as wire:
            self._post(wire, 0.001 * number)

    def _post(self, wire: Wire, pause: float) -> None:
        while not self.over.is_set():
            said = wire.post(PATH, FORM)
            if said.status == NOBODY or said.body == REFUSED:
                return
            with self.lock:
                self.answered += bool(said.status)
                if not said.status:
                    self.lost[said.body] += 1
            self.over.wait(pause)

    def gone(self) -> None:
        """Return once nobody listens for any of them."""
        for each in self._threads:
            each.join(60)
