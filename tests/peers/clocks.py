"""A machine whose clock a test sets wrong, in the processes of one site alone."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).resolve().parent / "wrong_clock"


@dataclass(frozen=True)
class Clock:
    """A clock that is so many seconds ahead, or behind, as a file says."""

    file: Path

    def jump(self, seconds: int) -> None:
        """Be so far from the right time from now on."""
        fresh = self.file.with_suffix(".new")
        fresh.write_text(str(seconds))
        fresh.replace(self.file)

    def variables(self) -> dict[str, str]:
        """Return what a process of Python is told, so that it goes by this clock."""
        return {"PYTHONPATH": str(FOLDER), "WRONG_CLOCK": str(self.file)}
