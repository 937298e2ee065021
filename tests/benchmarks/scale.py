"""`make bench ARGS=scale`: what operations cost with a thousand, a hundred thousand and a million
people, ways in and sessions, and ten times as many events (docs/scale.md 4).

    python -m tests.benchmarks.scale [MOST]

Each size has a process and a database of its own (`tests/benchmarks/scale_size.py`). They measure
by turns, so that whatever else the machine does meets all of them alike; of each the median is
told. It is done on what DATABASE_URL and REDIS_URL name, and takes 9 GB there for a million, which
go when it ends; without, on SQLite.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from contextlib import ExitStack
from typing import IO

SIZES = (1_000, 100_000, 1_000_000)
TURNS = 7
_UNITS = {"resident memory": "MiB"}


class Measured:
    """The process that measures one size. `notes` is what it has to say of its rows."""

    def __init__(self, stack: ExitStack, number: int, size: int) -> None:
        command = [sys.executable, "-m", "tests.benchmarks.scale_size", str(size), str(number)]
        pipe = subprocess.PIPE
        own = stack.enter_context(subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True))
        stack.callback(own.terminate)
        self.size, self.notes, self.figures = size, list[str](), dict[str, float]()
        self._process = own
        began = time.monotonic()
        self.label = self._next()
        print(f"{size:,} sessions (made in {time.monotonic() - began:,.0f} s)", flush=True)

    def measure(self) -> float:
        """Return one measurement of the present operation."""
        self._tell("go")
        return float(self._line())

    def go_on(self, found: float) -> None:
        """Keep the figure of the present operation, and go on to the next."""
        self.figures[self.label] = found
        self._tell("next")
        self.label = self._next()

    def _next(self) -> str:
        while (line := self._line()).startswith("# "):
            self.notes.append(line[2:])
        return line.removeprefix("=").strip()

    def _tell(self, word: str) -> None:
        pipe = _there(self._process.stdin)
        pipe.write(f"{word}\n")
        pipe.flush()

    def _line(self) -> str:
        line = _there(self._process.stdout).readline()
        if not line:
            raise RuntimeError(f"the process of {self.size:,} sessions has ended")
        return line.rstrip("\n")


def _there(pipe: IO[str] | None) -> IO[str]:
    if pipe is None:
        raise RuntimeError("a process without a pipe")
    return pipe


def main(most: int) -> None:
    """Measure each size up to `most`, and print."""
    with ExitStack() as stack:
        sizes = [size for size in SIZES if size <= most]
        own = [Measured(stack, number, size) for number, size in enumerate(sizes, 1)]
        while own[0].label:
            turns = [[each.measure() for each in own] for _ in range(TURNS)]
            for each, found in zip(own, zip(*turns, strict=True), strict=True):
                each.go_on(statistics.median(found))
        for each in own:
            _print(each, own[0])


def _print(measured: Measured, least: Measured) -> None:
    print(f"{measured.size:,} sessions", flush=True)
    for label, value in measured.figures.items():
        ratio, unit = value / least.figures[label], _UNITS.get(label, "µs")
        print(f"  {label:<58}{value:>10,.0f} {unit} {ratio:>6.2f}", flush=True)
    for note in measured.notes:
        print(f"  {note}", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else SIZES[-1])
