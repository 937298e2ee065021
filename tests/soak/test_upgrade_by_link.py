"""docs/moving.md 4: a version is installed beside the one that is served, and a link is moved."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import sysconfig
from collections.abc import Callable
from pathlib import Path

import pytest
import requests

from tests.architecture.tree import ROOT
from tests.peers import patience
from tests.peers.site import Site
from tests.soak.test_reloads import REPLACED, until

pytestmark = [pytest.mark.soak, pytest.mark.timeout(600)]
LATE = "/device/qr/none.svg"  # imports what draws it


def installed(folder: Path, version: str, told: Path) -> None:
    """Install the product in a folder of its own; it says which version is loaded late."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    own = next((folder / "lib").glob("python*")) / "site-packages"
    (own / "shared.pth").write_text(sysconfig.get_path("purelib") + "\n")
    for name in ("portal", "accounts", "providers"):
        shutil.copytree(ROOT / name, own / name)
    (own / "segno.py").write_text(f"with open({str(told)!r}, 'a') as own: own.write({version!r})\n")


def test_old_workers_stay_of_their_version_and_a_reload_serves_the_new_one(
    site: Callable[..., Site], tmp_path: Path
) -> None:
    told = tmp_path / "told"
    told.write_text("")
    for version in ("one ", "two "):
        installed(tmp_path / version.strip(), version, told)
    link = tmp_path / "link"
    link.symlink_to("one")
    own = site(patience.USUAL)
    own.stop()
    (tmp_path / "nowhere").mkdir()
    own.python, own.folder, own.respawn = str(link / "bin/python"), tmp_path / "nowhere", 1
    own.start()
    assert own.process is not None
    (tmp_path / "next").symlink_to("two")
    (tmp_path / "next").replace(link)
    assert told.read_text() == ""
    assert requests.get(own.url + LATE).status_code == 404
    assert told.read_text() == "one "

    before = own.output().count(REPLACED)
    os.kill(own.process.pid, signal.SIGHUP)
    until(own, REPLACED, before + 1)
    assert requests.get(own.url + LATE).status_code == 404
    assert told.read_text() == "one two "
