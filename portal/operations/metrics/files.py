"""The files in which each process keeps its numbers, so that any of them can sum up all.

prometheus-client writes a file for each process and kind of number. Those of a worker that has died
stay, for a counter never goes back, and are deleted when the whole server has ended. Their name
says whose they are: `<kind>_<server>.<began>-<process>.<began>.db`.
"""

import os
import socket
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

from prometheus_client import values

from portal import conf

KINDS = ("counter", "histogram", "gauge_livesum")
# Filled in advance: a file that grows on a full disk would end the process that writes to it.
BYTES = 1024 * 1024


def folder() -> Path:
    """Return the folder of this machine's files."""
    return Path(conf.data_directory()) / "metrics" / socket.gethostname()


def begin(server: int) -> None:
    """Let this process count, as one of those that the process `server` has started.

    Deletes what servers have left that have ended. Raises `OSError` when nothing can be written.
    """
    own = folder()
    own.mkdir(mode=0o700, parents=True, exist_ok=True)
    for path in own.glob("*.db"):
        if not _runs(_owners(path)[0]):
            path.unlink(missing_ok=True)
    for kind in KINDS:
        _fill(own / f"{kind}_{_name(os.getpid(), server)}.db")
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(own)
    values.ValueClass = values.MultiProcessValue(lambda: _name(os.getpid(), server))


def _fill(path: Path) -> None:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        os.posix_fallocate(descriptor, 0, BYTES)
    finally:
        os.close(descriptor)


def readable() -> Iterator[str]:
    """Yield the files that count: those of servers that run, and what is true of the moment only
    for processes that do.
    """
    for path in folder().glob("*.db"):
        server, process = _owners(path)
        if _runs(process if path.name.startswith("gauge") else server):
            yield str(path)


@lru_cache(maxsize=4)
def _name(process: int, server: int) -> str:
    return f"{server}.{_began(server)}-{process}.{_began(process)}"


def _owners(path: Path) -> tuple[str, str]:
    """Return the server and the process of a file, each as `<pid>.<began>`."""
    server, _, process = path.stem.rpartition("_")[2].partition("-")
    return server, process


def _runs(owner: str) -> bool:
    pid, _, began = owner.partition(".")
    return pid.isdigit() and _began(int(pid)) == began != ""


def _began(pid: int) -> str:
    """Return when a process was started, in the kernel's ticks; nothing of one that has ended."""
    try:
        told = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return ""
    return told.rpartition(")")[2].split()[19]  # proc(5), stat, field 22
