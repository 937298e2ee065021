"""Brings the catalogs up to the sources: python -m tests.architecture.catalogs

New sentences come last, to be translated; those that nothing says any more go. All else stays as it
stands, which makemessages alone would put in another order.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import polib

from tests.architecture.tree import FLOORS, ROOT, SANDBOX, files
from tests.peers.site import environment

TRANSLATED = ("da", "de")

Key = tuple[str | None, str]


def catalogs() -> list[Path]:
    """Return the catalogs, relative to the root."""
    return [path for path in files() if path.suffix == ".po"]


def read(path: Path) -> polib.POFile:
    """Return a catalog, whose lines are as long as they are."""
    return polib.pofile(os.fspath(path), wrapwidth=0)


def keys(entries: polib.POFile | polib.MOFile) -> set[Key]:
    """Return what the sentences of a catalog are known by."""
    return {key(entry) for entry in entries if not entry.obsolete}


def key(entry: polib.POEntry | polib.MOEntry) -> Key:
    return entry.msgctxt, entry.msgid


def make(where: Path) -> None:
    """Copy the sources to `where`, and let makemessages write its catalogs there."""
    for path in files():
        if path.parts[0] in {*FLOORS, "templates", "manage.py"} or path.is_relative_to(SANDBOX):
            (where / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / path, where / path)
    options = [option for language in TRANSLATED for option in ("--locale", language)]
    done = subprocess.run(
        [sys.executable, "manage.py", "makemessages", "--no-obsolete", "--no-location", *options],
        cwd=where,
        env={**environment({}), "VESTIBULE_DATA": os.fspath(where / "var")},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr


def follow(held: polib.POFile, wanted: polib.POFile) -> bool:
    """Make `held` say what `wanted` says. Returns False when it does already."""
    known, needed = keys(held), keys(wanted)
    gone = [entry for entry in held if key(entry) not in needed]
    new = [entry for entry in wanted if not entry.obsolete and key(entry) not in known]
    for entry in gone:
        held.remove(entry)
    for entry in new:
        if entry.fuzzy:  # a guess, by a sentence that is like it
            entry.flags.remove("fuzzy")
            entry.previous_msgid = entry.previous_msgctxt = None
            entry.msgstr, entry.msgstr_plural = "", dict.fromkeys(entry.msgstr_plural, "")
        held.append(entry)
    return bool(gone or new)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        make(Path(folder))
        for path in catalogs():
            held = read(ROOT / path)
            if follow(held, read(Path(folder) / path)):
                held.save(os.fspath(ROOT / path))


if __name__ == "__main__":
    main()
