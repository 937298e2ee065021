"""The end of a command that somebody else asks for: a pod that goes, a unit that is stopped."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

_ASKED = (signal.SIGTERM, signal.SIGHUP)


@contextmanager
def in_order() -> Iterator[None]:
    """Have SIGTERM and SIGHUP end the block by `SystemExit`, with the status of a shell, so that it
    leaves nothing behind: by itself Python ends at once. A second one does not break that off.
    What whoever started this process ignores, as `nohup` does, stays ignored.
    """
    taken = [each for each in _ASKED if signal.getsignal(each) is signal.SIG_DFL]
    for each in taken:
        signal.signal(each, _leave)
    try:
        yield
    finally:
        for each in taken:
            signal.signal(each, signal.SIG_DFL)


def _leave(number: int, _frame: Any) -> NoReturn:
    for each in _ASKED:  # whichever comes next
        signal.signal(each, signal.SIG_IGN)
    raise SystemExit(128 + number)
