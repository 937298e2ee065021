"""The peers of this folder do what the tests take for granted."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import requests

from tests.peers.webdav import Files, rclone, webdav

pytestmark = pytest.mark.wire


@pytest.fixture(scope="module")
def files() -> Iterator[Files]:
    with webdav() as running:
        yield running


def test_webdav_lists_takes_and_moves(files: Files) -> None:
    url = f"http://127.0.0.1:{files.port}/dav"
    listed = requests.request("PROPFIND", f"{url}/", headers={"Depth": "1"}, timeout=60)
    assert listed.status_code == 207
    assert "/dav/hello.txt" in listed.text
    assert requests.put(f"{url}/new.txt", b"new", timeout=60).status_code == 201
    onward = {"Destination": "https://files.example.org/dav/moved.txt"}
    moved = requests.request("MOVE", f"{url}/new.txt", headers=onward, timeout=60)
    assert moved.status_code == 201
    assert (files.root / "moved.txt").read_bytes() == b"new"
    told = {(each.method, each.path, each.status) for each in files.asked(3)}
    assert told == {
        ("PROPFIND", "/dav/", 207),
        ("PUT", "/dav/new.txt", 201),
        ("MOVE", "/dav/new.txt", 201),
    }


def test_rclone_is_a_client_of_it(files: Files) -> None:
    url = f"http://127.0.0.1:{files.port}/dav"
    assert "hello.txt" in rclone(url, "lsf", ":webdav:", token="a-token")
    assert {each.headers["Authorization"] for each in files.asked(1)} == {"Bearer a-token"}
