"""What the kernel says of a process and its children."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from pathlib import Path

# Which clock of a process a clock's number means, in its lowest bits (Linux).
_CPUCLOCK_SCHED = 2


def tree(pid: int) -> list[int]:
    """Return `pid` and all its descendants."""
    parents = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            fields = _stat(int(entry.name))
            if fields:
                parents[int(entry.name)] = int(fields[1])
    found = [pid]
    for each in found:
        found += [child for child, parent in parents.items() if parent == each]
    return found


def cpu_seconds(pid: int) -> float:
    """Return user and system time of the tree, in seconds, to the nanosecond.

    By the CPU clocks of the processes (clock_getcpuclockid(3)): `/proc` counts in hundredths.
    """
    total = 0.0
    for each in tree(pid):
        with suppress(OSError):  # it has just ended
            total += cpu_seconds_of(each)
    return total


def cpu_seconds_of(pid: int) -> float:
    """Return user and system time of one process, in seconds. Raises `OSError` for none."""
    return time.clock_gettime(~pid << 3 | _CPUCLOCK_SCHED)


def resident_mib(pid: int) -> float:
    """Return the resident memory of the largest process of the tree, in MiB."""
    pages = [int(Path(f"/proc/{each}/statm").read_text().split()[1]) for each in tree(pid)]
    return max(pages) * os.sysconf("SC_PAGE_SIZE") / 2**20


def _stat(pid: int) -> list[str]:
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return []
    return text.rpartition(")")[2].split()
