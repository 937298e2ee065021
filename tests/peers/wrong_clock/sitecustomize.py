"""A wrong clock in every process of Python that finds this file first: the file named by
WRONG_CLOCK says by how many seconds, and is read anew ten times a second.

Waits are as long as ever, as on a machine whose clock is set. (libfaketime moves them too: a lock
with a time-out then ends at once.)
"""

from __future__ import annotations

import os
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

import time_machine

_file = Path(os.environ["WRONG_CLOCK"])
_clock = time_machine.travel(datetime.now(UTC), tick=True).start()
_ahead = 0


def _follow() -> None:
    global _ahead
    while True:
        wanted = int(_file.read_text())
        if wanted != _ahead:
            _clock.shift(wanted - _ahead)
            _ahead = wanted
        time.sleep(0.1)


def _start() -> None:
    threading.Thread(target=_follow, name="wrong-clock", daemon=True).start()


os.register_at_fork(after_in_child=_start)
_start()
