"""The file that a backup is: a compressed tar of a manifest and what it names (docs/moving.md).

The manifest comes first. It has a digest of each other member, so that nothing is taken out of an
archive that is not as it was written.
"""

import hashlib
import io
import json
import os
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

from django.utils.translation import gettext as _

FORMAT = 1
MANIFEST, DATABASE, KEYS = "manifest.json", "database", "keys.json"
_MEMBERS = (DATABASE, KEYS)
_AT_ONCE = 1 << 20
_LARGEST_MANIFEST = 1 << 20


class Refused(ValueError):
    """Why there is no backup, or why one was not restored: a sentence for the operator."""


def write(file: IO[bytes], manifest: Mapping[str, Any], members: Mapping[str, Path]) -> None:
    """Write an archive of `members`, files by their names, with the digest of each."""
    digests = {name: digest(path) for name, path in members.items()}
    told = json.dumps({**manifest, "format": FORMAT, "sha256": digests}, indent=2).encode()
    with tarfile.open(fileobj=file, mode="w|gz") as archive:
        own = tarfile.TarInfo(MANIFEST)
        own.size, own.mode = len(told), 0o600
        archive.addfile(own, io.BytesIO(told))
        for name, path in members.items():
            entry = archive.gettarinfo(path, name)
            entry.uid = entry.gid = 0
            entry.uname = entry.gname = ""
            with path.open("rb") as content:
                archive.addfile(entry, content)


def read(file: IO[bytes], folder: Path) -> dict[str, Any]:
    """Unpack an archive into `folder`, and return its manifest. Raises `Refused` unless it is
    whole, and each member is what the manifest says, and `OSError` when the disk takes no more.
    """
    try:
        with tarfile.open(fileobj=file, mode="r|gz") as archive:
            manifest = _manifest(archive)
            found = {}
            while entry := archive.next():
                strange = entry.name not in manifest["sha256"] or entry.name in found
                if strange or not entry.isreg():
                    raise Refused(_("The archive holds what is not part of a backup."))
                found[entry.name] = _unpack(archive, entry, folder)
    except (tarfile.TarError, EOFError, OSError, ValueError, TypeError, KeyError) as error:
        # The system numbers its errors; gzip, which has an OSError of its own, does not.
        if isinstance(error, Refused) or getattr(error, "errno", None):
            raise
        raise Refused(_("This is no backup, or it is damaged.")) from None
    if found != manifest["sha256"]:
        raise Refused(_("The archive is damaged: it is not as it was written."))
    return manifest


def digest(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal."""
    with path.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def _manifest(archive: tarfile.TarFile) -> dict[str, Any]:
    entry = archive.next()
    if entry is None or entry.name != MANIFEST or entry.size > _LARGEST_MANIFEST:
        raise Refused(_("This is no backup, or it is damaged."))
    text = archive.extractfile(entry)
    manifest: dict[str, Any] = json.loads(text.read() if text else b"")
    if manifest["format"] != FORMAT:
        said = _("The archive was written by another version, %s, in a form unknown here.")
        raise Refused(said % manifest.get("version", "?"))
    if not {*manifest["sha256"]} <= {*_MEMBERS} or DATABASE not in manifest["sha256"]:
        raise Refused(_("The archive holds what is not part of a backup."))
    return manifest


def _unpack(archive: tarfile.TarFile, entry: tarfile.TarInfo, folder: Path) -> str:
    """Write a member for nobody else to read. Returns its digest."""
    content, seen = archive.extractfile(entry), hashlib.sha256()
    descriptor = os.open(folder / entry.name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb", buffering=0) as own:
        while content and (part := content.read(_AT_ONCE)):
            seen.update(part)
            _keep(part, own, folder)
    return seen.hexdigest()


def _keep(part: bytes, own: io.FileIO, folder: Path) -> None:
    """Write all of it at once, so that it is told where there was no room."""
    rest = memoryview(part)
    try:
        while rest:
            rest = rest[own.write(rest) :]
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(folder)) from None
