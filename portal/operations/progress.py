"""How far long work has come, shown on a terminal and nowhere else."""

from types import TracebackType
from typing import Protocol

_WIDTH = 30


class Stream(Protocol):
    """What a bar is drawn on: a command's own output."""

    def write(self, text: str, *, ending: str) -> object:
        """Write `text`, and `ending` after it."""

    def isatty(self) -> bool:
        """Tell whether somebody looks at it."""

    def flush(self) -> object:
        """Show what was written."""


class Progress:
    """A bar of one line, for work of `total` steps. In a log, or a pipe, there is none."""

    def __init__(self, stream: Stream, label: str, total: int) -> None:
        self._stream, self._label, self._total = stream, label, max(1, total)
        self._done, self._shown = 0, -1
        self._is_seen = stream.isatty()

    def step(self, count: int = 1) -> None:
        """Say that `count` more steps are done."""
        self._done += count
        part = min(1.0, self._done / self._total)
        if self._is_seen and int(part * 100) != self._shown:
            self._shown = int(part * 100)
            bar = "#" * int(part * _WIDTH)
            text = f"\r{self._label:<20} [{bar:<{_WIDTH}}] {self._shown:3d} %"
            self._stream.write(text, ending="")
            self._stream.flush()

    def __enter__(self) -> "Progress":
        """Show an empty bar."""
        self.step(0)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Leave the line."""
        if self._is_seen:
            self._stream.write("", ending="\n")
