"""The standard streams of a command: whatever they are, it has all three, and a text that they do
not take is told from other trouble.
"""

import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_MODES = {"stdin": "r", "stdout": "w", "stderr": "w"}


class Unheard(OSError):
    """What a command has printed cannot be written: a full disk, or a reader who has gone."""


class _Printed(io.TextIOWrapper):
    """What a command prints, to where `beneath` writes; its trouble is `Unheard`."""

    def __init__(self, beneath: io.TextIOWrapper) -> None:
        super().__init__(
            beneath.buffer,
            encoding=beneath.encoding if beneath.isatty() else "utf-8",
            errors="backslashreplace",
            line_buffering=beneath.line_buffering,
            write_through=True,  # in one order with the lines of the log
        )
        self.beneath = beneath

    def write(self, text: str) -> int:
        """Write `text`. Raises `Unheard`."""
        with _told():
            return super().write(text)

    def flush(self) -> None:
        """Write what waits. Raises `Unheard`."""
        with _told():
            super().flush()


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise Unheard(error.errno, error.strerror) from None


def prepare() -> None:
    """Open a stream that is closed on nothing: the next file to be opened, such as the database's,
    would have its number, and be written to. A file and a pipe get UTF-8, which `apply` reads.
    whatever the locale is; a letter that a terminal does not have is escaped.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout = _Printed(sys.stdout)
    for name, mode in _MODES.items():
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115


def of_lines() -> Any:
    """Return where lines of the log are written: whoever runs for long goes on without some."""
    return sys.stdout.beneath if isinstance(sys.stdout, _Printed) else sys.stdout


def settle() -> None:
    """Write what waits, or lead it to nowhere: Python itself tries again at the very end, and ends
    with a traceback.
    """
    try:
        sys.stdout.flush()
    except OSError:
        nothing = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nothing, sys.stdout.fileno())
        os.close(nothing)
