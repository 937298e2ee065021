"""docs/moving.md 3: what is wrong with an archive, and what with the disk that it goes to."""

from __future__ import annotations

import errno
import io
import json
import resource
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from portal.operations import archive


@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    """Have nobody in this process write a larger file: a limit that needs no disk of its own."""
    before, most = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, most))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (before, most))


@pytest.mark.parametrize("size", [200, 200_000])
def test_a_good_archive_that_finds_no_room_is_not_called_damaged(tmp_path: Path, size: int) -> None:
    content, file, folder = tmp_path / "content", io.BytesIO(), tmp_path / "folder"
    content.write_bytes(b"x" * size)
    archive.write(file, {}, {archive.DATABASE: content})
    file.seek(0)
    folder.mkdir()
    with files_of_at_most(size // 2), pytest.raises(OSError, match=str(folder)) as said:
        archive.read(file, folder)
    assert said.value.errno == errno.EFBIG


def test_a_member_that_comes_twice_is_refused(tmp_path: Path) -> None:
    content, file = tmp_path / "content", io.BytesIO()
    content.touch()
    told = {"format": archive.FORMAT, "sha256": {archive.DATABASE: archive.digest(content)}}
    manifest = tmp_path / archive.MANIFEST
    manifest.write_text(json.dumps(told))
    with tarfile.open(fileobj=file, mode="w:gz") as own:
        own.add(manifest, archive.MANIFEST)
        own.add(content, archive.DATABASE)
        own.add(content, archive.DATABASE)
    file.seek(0)
    (tmp_path / "folder").mkdir()
    with pytest.raises(archive.Refused):
        archive.read(file, tmp_path / "folder")
