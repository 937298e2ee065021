"""portal/server/pinned.py: a process stays of one version while a link is moved to another."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.architecture.tree import ROOT

WORKER = f"""
import sys
sys.path.insert(0, {str(ROOT)!r})
sys.path.insert(0, sys.argv[1])
import product
from portal.server.pinned import pin
pin()
sys.stdout.write("ready\\n"); sys.stdout.flush(); sys.stdin.readline()
from product import late
import beside
print(product.version, late.version, beside.version)
"""


def installed(folder: Path, version: str) -> None:
    (folder / "product").mkdir(parents=True)
    for name in ("product/__init__.py", "product/late.py", "beside.py"):
        (folder / name).write_text(f"version = {version!r}\n")


def test_what_is_imported_late_is_of_the_version_that_was_served_at_the_start(
    tmp_path: Path,
) -> None:
    for version in ("one", "two"):
        installed(tmp_path / version, version)
    link = tmp_path / "link"
    link.symlink_to("one")
    with subprocess.Popen(
        [sys.executable, "-c", WORKER, str(link)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as worker:  # fmt: skip
        assert worker.stdout
        assert worker.stdout.readline() == "ready\n"
        (tmp_path / "next").symlink_to("two")
        (tmp_path / "next").replace(link)
        said, _ = worker.communicate("\n")
    assert said == "one one one\n"
