"""The examples of docs/applications.md as they are written: a command line, a server."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urljoin

import pytest

from tests.http.oauth.test_peers import PASSWORD, PEOPLE, SECRET
from tests.peers.applications import FOLDER, Person
from tests.peers.site import ROOT, Site, free_port

pytestmark = [pytest.mark.slow, pytest.mark.wire]
EXAMPLES = ROOT / "docs" / "examples"


@pytest.fixture(scope="module")
def house(site: Callable[..., Site]) -> Site:
    own = site()
    own.manage("shell", "--verbosity=0", stdin=PEOPLE)
    return own


@pytest.fixture
def alice(house: Site) -> Person:
    own = Person(house.url)
    own.sign_in("alice", PASSWORD)
    return own


def test_the_command_line_signs_in_and_is_remembered(
    house: Site, alice: Person, tmp_path: Path
) -> None:
    client = (
        '[clients.library-cli]\nname = "CLI"\nkind = "native"\nredirect_uris = ["http://127.0.0.1"]'
    )
    house.manage("clients", "apply", "-", stdin=client)
    line = [sys.executable, "-I", str(EXAMPLES / "device.py"), house.url, "library-cli"]
    env = {**os.environ, "HOME": str(tmp_path)}
    first = subprocess.Popen(line, env=env, text=True, stdout=subprocess.PIPE)
    assert first.stdout
    told = first.stdout.readline(), first.stdout.readline().strip()
    assert f"Open {house.url}/device and type " in told[0]
    assert alice.visit(told[1]).endswith("/device/allowed")
    said, _ = first.communicate(timeout=300)
    assert said == "You are alice\n"
    kept = tmp_path / ".local" / "state" / "library-cli.json"
    assert kept.stat().st_mode & 0o777 == 0o600
    held = json.loads(kept.read_text())
    for changed, runs in (
        ({}, 1),
        ({"due": 0}, 2),
        ({"access_token": "over"}, 1),
    ):
        kept.write_text(json.dumps({**json.loads(kept.read_text()), **changed}))
        again = [
            subprocess.Popen(line, env=env, text=True, stdout=subprocess.PIPE) for _ in range(runs)
        ]
        assert [each.communicate(timeout=300)[0] for each in again] == ["You are alice\n"] * runs
        now = json.loads(kept.read_text())
        assert (now == held) == (not changed), "renewed when it is due, once"
        held = now
    kept.write_text(json.dumps({**held, "of": ["http://elsewhere.example", "library-cli"]}))
    other = subprocess.Popen(line, env=env, text=True, stdout=subprocess.PIPE)
    assert other.stdout
    assert other.stdout.readline().startswith("Open "), "no token is shown to another server"
    other.kill()
    other.communicate()


def test_the_command_line_is_seventy_lines_of_the_standard_library() -> None:
    lines = (EXAMPLES / "device.py").read_text().splitlines()
    assert len([each for each in lines if each.strip()]) <= 70


def test_the_site_on_a_server_signs_in(house: Site, alice: Person, tmp_path: Path) -> None:
    port = free_port()
    client = f"""
[clients.site]
name = "Site"
kind = "server"
auth_method = "client_secret_basic"
client_secret = "{SECRET}"
redirect_uris = ["http://127.0.0.1:{port}/callback"]
"""
    house.manage("clients", "apply", "-", stdin=client)
    shutil.copy(EXAMPLES / "server.mjs", tmp_path)
    (tmp_path / "node_modules").symlink_to(FOLDER / "node_modules")
    known = {"SITE": house.url, "CLIENT_ID": "site", "CLIENT_SECRET": SECRET, "PORT": str(port)}
    line = ["node", "--import", str(FOLDER / "web-crypto.mjs"), "server.mjs"]
    served = subprocess.Popen(
        line, cwd=tmp_path, env={**os.environ, **known}, text=True, stdout=subprocess.PIPE
    )
    try:
        assert served.stdout
        assert served.stdout.readline().startswith("Open ")
        here = f"http://127.0.0.1:{port}"
        start = alice.http.get(f"{here}/login", allow_redirects=False)
        landed = alice.visit(urljoin(here, start.headers["Location"]))
        assert alice.http.get(landed).text == "You are Alice"
        assert alice.http.get(f"{here}/callback?code=x&state=y").status_code == 400
    finally:
        served.kill()
        served.communicate()
