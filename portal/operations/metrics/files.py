"""The files in which each process keeps its numbers, so that any of them can sum up all.

prometheus-client writes a file for each process and kind of number. Their name says whose they are:
`<kind>_<server>.<began>-<process>.<began>.db`. What a worker that has died had counted stays, for a
counter never goes back: the next one that starts adds it to `<kind>_<server>.<began>-past.db`. All
are deleted when the whole server has ended.
"""

import fcntl
import os
import socket
import struct
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from functools import lru_cache
from pathlib import Path

from prometheus_client import values
from prometheus_client.mmap_dict import MmapedDict

from portal import conf

KINDS = ("counter", "histogram", "gauge_livesum")
# Filled in advance: a file that grows on a full disk would end the process that writes to it.
BYTES = 1024 * 1024
# In the place of the process: those of the server that have died.
PAST = "past"


def folder() -> Path:
    """Return the folder of this machine's files: that in which a server of it counts already, which
    may have begun under another host name; else the one by its name.
    """
    places = Path(conf.data_directory()) / "metrics"
    counting = sorted(places.glob(f"*/{KINDS[0]}_*.db"))
    running = (path.parent for path in counting if _runs(_owners(path)[0]))
    return next(running, places / socket.gethostname())


def begin(server: int) -> None:
    """Let this process count, as one of those that the process `server` has started.

    Deletes what servers have left that have ended, and sums up what workers have that have died.
    Raises `OSError` when nothing can be written.
    """
    own = folder()
    own.mkdir(mode=0o700, parents=True, exist_ok=True)
    with suppress(BlockingIOError), _held(fcntl.LOCK_EX | fcntl.LOCK_NB):
        _tidy(own)
    for kind in KINDS:
        _fill(own / f"{kind}_{_name(os.getpid(), server)}.db")
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(own)
    values.ValueClass = values.MultiProcessValue(lambda: _name(os.getpid(), server))


@contextmanager
def _held(how: int) -> Iterator[None]:
    """Lock the folder for the block. Raises `OSError` where there is none, `BlockingIOError` where
    somebody else has locked it and nobody is to wait.
    """
    descriptor = os.open(folder(), os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, how)
        yield
    finally:
        os.close(descriptor)


def _tidy(own: Path) -> None:
    left: dict[Path, list[Path]] = {}
    for path in own.glob("*.db"):
        server, process = _owners(path)
        if not _runs(server):
            path.unlink(missing_ok=True)
        elif process != PAST and not _runs(process):
            past = path.with_name(f"{path.stem.rpartition('-')[0]}-{PAST}.db")
            left.setdefault(past, []).append(path)
    for past, paths in left.items():
        if not past.name.startswith("gauge"):  # which nobody reads of a process that has ended
            _sum_up(past, [past, *paths])
        for path in paths:
            path.unlink(missing_ok=True)


def _sum_up(past: Path, paths: Iterable[Path]) -> None:
    """Write to the file `past` the sum of what is in `paths`. Raises `OSError`."""
    sums = Counter[str]()
    for path in paths:
        # One that is damaged, as of a process that died while it wrote, says nothing.
        with suppress(FileNotFoundError, RuntimeError, ValueError, struct.error):
            read = list(MmapedDict.read_all_values_from_file(str(path)))
            sums.update({key: value for key, value, *_more in read})
    draft = past.with_suffix(".draft")
    draft.unlink(missing_ok=True)
    _fill(draft)
    written = MmapedDict(str(draft))
    for key, value in sums.items():
        written.write_value(key, value, 0.0)
    written.close()
    draft.replace(past)


def _fill(path: Path) -> None:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        os.posix_fallocate(descriptor, 0, BYTES)
    except OSError:
        path.unlink()  # an empty one is none that prometheus-client can read
        raise
    finally:
        os.close(descriptor)


def at_rest() -> AbstractContextManager[None]:
    """Return a block in which no file is summed up and deleted: whoever reads them enters it. There
    is none to read without a folder.
    """
    return _held(fcntl.LOCK_SH) if folder().is_dir() else nullcontext()


def readable() -> Iterator[str]:
    """Yield the files that count: those of servers that run, and what is true of the moment only
    for processes that do. One that is empty found no room on a full disk.
    """
    for path in folder().glob("*.db"):
        server, process = _owners(path)
        if path.stat().st_size and _runs(process if path.name.startswith("gauge") else server):
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
