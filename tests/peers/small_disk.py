"""A disk that is small, and that a test fills: a tmpfs, which only root may mount."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Disk:
    """A file system of so many bytes, at `folder`."""

    folder: Path

    @contextmanager
    def full(self, left: int = 0) -> Iterator[None]:
        """Leave no byte free for the block, or `left` of them, a multiple of 4096."""
        filler = self.folder / "filler"
        with filler.open("wb", buffering=0) as file, suppress(OSError):
            while file.write(bytes(4096)):
                pass  # until there is no space left
        os.truncate(filler, filler.stat().st_size - left)
        try:
            yield
        finally:
            filler.unlink()


@contextmanager
def small_disk(mebibytes: int) -> Iterator[Disk]:
    """Mount a disk for the block."""
    assert os.geteuid() == 0, "a small disk is mounted by root alone"
    folder = Path(tempfile.mkdtemp(prefix="disk-"))
    size = f"size={mebibytes}m,mode=0777"
    subprocess.run(["mount", "-t", "tmpfs", "-o", size, "tmpfs", str(folder)], check=True)
    try:
        yield Disk(folder)
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)
        folder.rmdir()
