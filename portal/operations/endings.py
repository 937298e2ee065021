"""The end of a command that somebody else asks for: a pod that goes, a unit that is stopped."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

_ASKED = (signal.SIGTERM, signal.SIGHUP)
# What was asked for while a block puts it off: one list for each block that does.
_put_off: list[list[int]] = []


@contextmanager
def in_order() -> Iterator[None]:
    """Have SIGTERM and SIGHUP end the block by `SystemExit`, with the status of a shell, so that it
    leaves nothing behind: by itself Python ends at once. A second one does not break that off.
    What whoever started this process ignores, as `nohup` does, stays ignored.
    """
    taken = [each for each in _ASKED if signal.getsignal(each) is signal.SIG_DFL]
    for each in taken:
        signal.signal(each, _take)
    try:
        yield
    finally:
        for each in taken:
            signal.signal(each, signal.SIG_DFL)


@contextmanager
def put_off() -> Iterator[None]:
    """Have an end that is asked for wait until the block is over: for what begins something, a
    program or a file, and notes how it is cleared away. Nothing that takes long belongs in it.
    """
    asked: list[int] = []
    _put_off.append(asked)
    try:
        yield
    finally:
        _put_off.pop()
    if asked:
        _take(asked[0], None)


def _take(number: int, _frame: Any) -> None:
    if _put_off:
        _put_off[-1].append(number)
    else:
        _leave(number)


def _leave(number: int) -> NoReturn:
    for each in _ASKED:  # whichever comes next
        signal.signal(each, signal.SIG_IGN)
    raise SystemExit(128 + number)
