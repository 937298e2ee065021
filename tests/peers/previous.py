"""The release before this one, to run it on this one's tables.

Its code is taken out of the history, where a clone has it; what its tables were like stands in
`previous.json` beside this file, so that something is held wherever the tests run.

    python -m tests.peers.previous > tests/peers/previous.json    # after a release; needs the tag
"""

from __future__ import annotations

import contextlib
import json
import re
import sqlite3
import subprocess
import sys
import tarfile
import tempfile
from io import BytesIO
from pathlib import Path
from typing import Any

from tests.peers.site import ROOT, environment

VERSION = "0.3.0"
COMMIT = "1a6d9eda0fb98c22f26e086f1c6147c6efef890f"  # which the tag v0.3 names
PARTS = ("accounts", "portal", "providers", "templates", "manage.py")
# Where it reads its environment, and how.
READERS = ("portal/settings.py", "portal/configuration/env.py")
READ = re.compile(r"""\b(?:env(?:\.\w+)?|secret|origin)\(\s*f?["'](VESTIBULE_\w+|[A-Z]+_URL)["']""")
KEPT = Path(__file__).with_name("previous.json")


def is_here() -> bool:
    """Tell whether the history reaches back to it: a shallow clone's does not."""
    asked = ["git", "cat-file", "-e", f"{COMMIT}^{{commit}}"]
    return subprocess.run(asked, cwd=ROOT, capture_output=True).returncode == 0


def unpacked(folder: Path) -> Path:
    """Put its code into `folder`, and return that."""
    packed = subprocess.run(
        ["git", "archive", COMMIT, *PARTS], cwd=ROOT, capture_output=True, check=True
    )
    with tarfile.open(fileobj=BytesIO(packed.stdout)) as archive:
        archive.extraction_filter = getattr(tarfile, "tar_filter", None)  # Python 3.11.2 has none
        archive.extractall(folder)
    return folder


def kept() -> dict[str, Any]:
    """Return its `tables`, columns by name, the last of its `migrations` by app, the `names` of the
    variables that it reads, and its own `commands`.
    """
    found: dict[str, Any] = json.loads(KEPT.read_text())
    return found


def described() -> dict[str, Any]:
    """Migrate a database by its code, and return what is kept of it."""
    with tempfile.TemporaryDirectory() as folder:
        code, data = unpacked(Path(folder, "code")), Path(folder, "data")
        env = environment({"VESTIBULE_DATA": str(data)})
        migrate = [sys.executable, "manage.py", "migrate", "--verbosity=0"]
        subprocess.run(migrate, cwd=code, env=env, check=True)
        with contextlib.closing(sqlite3.connect(data / "vestibule.sqlite3")) as own:
            listed = own.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
            names = sorted(name for (name,) in listed if not name.startswith("sqlite_"))
            tables = {
                name: sorted(row[1] for row in own.execute(f"PRAGMA table_info({name})"))
                for name in names
            }
            applied = own.execute("SELECT app, max(name) FROM django_migrations GROUP BY app")
            last = dict(sorted(applied.fetchall()))
        names = {name for each in READERS for name in READ.findall((code / each).read_text())}
        files = (code / "portal").glob("*/management/commands/[!_]*.py")
        commands = sorted(each.stem for each in files)
        return {
            "tables": tables,
            "migrations": last,
            "names": sorted(names),
            "commands": commands,
        }


if __name__ == "__main__":
    print(json.dumps(described(), indent=1))
