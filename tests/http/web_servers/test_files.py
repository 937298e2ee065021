"""The seed of oCIS from end to end, through nginx and through Caddy (docs/seeds.md, oCIS)."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import jwt
import pytest

from tests.http.web_servers.town import LOOPBACK, PASSWORD, Desktop, Town, town
from tests.http.web_servers.wire import answer
from tests.peers.certificates import Certificates
from tests.peers.site import Site
from tests.peers.slapd import Directory, slapd
from tests.peers.webdav import Files, rclone, webdav

pytestmark = pytest.mark.wire

MEBIBYTE = 1024 * 1024
SERVERS = ("nginx", "Caddy")
# Who signs in by which source, with which password. Bob has never been here before.
PEOPLE = {"alice": ("local", PASSWORD), "bob": ("work", "ldap-bob")}


@pytest.fixture(scope="module")
def directory() -> Iterator[Directory]:
    with slapd() as running:
        yield running


@pytest.fixture(scope="module")
def files() -> Iterator[Files]:
    with webdav() as running:
        yield running


@pytest.fixture(scope="module")
def place(
    site: Callable[..., Site],
    certificates: Certificates,
    files: Files,
    directory: Directory,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Town]:
    rules = 'rule("files", path="/dav")'
    with town(
        site, certificates, files.port, SERVERS, rules, VESTIBULE_APP_PASSWORDS="true"
    ) as own:
        file = Path(tmp_path_factory.mktemp("sources"), "sources.toml")
        file.write_text(directory.file(mail_is_verified="true"))
        own.site.manage("sources", "apply", str(file))
        yield own


@pytest.fixture(scope="module", params=SERVERS)
def server(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def desktop_of(place: Town, server: str, name: str) -> Desktop:
    """Sign a client in that starts from the address of its files alone."""
    source, password = PEOPLE[name]
    person = place.person()
    person.sign_in(name, password, source)
    own = Desktop(place.browser(), place.places[server].files_url)
    own.redeem(person.visit(own.asks()))
    return own


def app_password(place: Town) -> str:
    """Let alice make one on her page, and return what it shows once."""
    person = place.person()
    person.sign_in("alice", PASSWORD)
    url = f"{place.login}/account/app-passwords"
    person.send(url, person.http.get(url), {"name": "Files", "days": "90", "place": ""})
    found = re.search(r"<code>([0-9a-z-]+)</code>", person.http.get(url).text)
    assert found
    return found[1]


def bearer(own: Desktop) -> str:
    return f"Authorization: Bearer {own.tokens['access_token']}"


def listed(place: Town, server: str, *lines: str) -> int:
    return place.wire(server).ask("PROPFIND /dav/", "Depth: 1", *lines).status


def test_a_stranger_is_challenged(place: Town, server: str, files: Files) -> None:
    files.asked()
    found = place.wire(server).ask("PROPFIND /dav/", "Depth: 1")
    assert found.status == 401
    metadata = f'resource_metadata="{place.login}/.well-known/oauth-protected-resource"'
    assert found.one("WWW-Authenticate").startswith("Bearer realm=")
    assert metadata in found.one("WWW-Authenticate")
    assert 'Basic realm="vestibule"' in ", ".join(found.all("WWW-Authenticate"))
    document = ElementTree.fromstring(found.body)
    assert document.tag == "{DAV:}error"
    assert found.one("Content-Type").startswith("application/xml")
    assert not files.asked()


@pytest.mark.parametrize("name", PEOPLE)
def test_a_client_finds_the_site_signs_in_and_lists(
    place: Town, server: str, name: str, files: Files
) -> None:
    own = desktop_of(place, server, name)
    assert own.known["issuer"] == place.login
    claims = jwt.decode(own.tokens["id_token"], options={"verify_signature": False})
    files.asked()
    found = place.wire(server).ask("PROPFIND /dav/", "Depth: 1", bearer(own))
    assert found.status == 207
    assert found.one("Content-Type").startswith("text/xml")
    assert b"/dav/hello.txt" in found.body
    (asked,) = files.asked(1)
    assert asked.headers["Remote-User"] == claims["sub"]
    assert asked.headers["Remote-Email"] == f"{name}@example.org"
    assert asked.headers["Authorization"] == "-"


def test_a_person_of_the_directory_is_one_person_the_second_time(place: Town) -> None:
    subjects = set()
    for server in SERVERS:
        tokens = desktop_of(place, server, "bob").tokens
        claims = jwt.decode(tokens["id_token"], options={"verify_signature": False})
        subjects.add(claims["sub"])
    assert len(subjects) == 1


@pytest.mark.parametrize("method", ["S25", "plain", ""])
def test_another_method_of_pkce_is_refused(place: Town, server: str, method: str) -> None:
    person = place.person()
    person.sign_in("alice", PASSWORD)
    own = Desktop(place.browser(), place.places[server].files_url)
    landed = person.visit(own.asks(code_challenge_method=method))
    assert landed.startswith(LOOPBACK)
    assert "error=invalid_request" in landed
    assert "code=" not in landed


def test_an_upload_streams_and_a_file_moves(place: Town, server: str, files: Files) -> None:
    """Most of the upload is on the other side before its last byte is sent."""
    own = desktop_of(place, server, "alice")
    wire, size = place.wire(server), 100 * MEBIBYTE
    head = [
        f"PUT /dav/{server}.bin HTTP/1.1", f"Host: {wire.host}", bearer(own),
        f"Content-Length: {size}", "", "",
    ]  # fmt: skip
    before = files.received()
    with closing(wire.connect()) as sent:
        sent.sendall("\r\n".join(head).encode())
        for _ in range(99):
            sent.sendall(bytes(MEBIBYTE))
        deadline = time.monotonic() + 60
        while files.received() - before < 90 * MEBIBYTE:
            assert time.monotonic() < deadline, "the web server keeps the upload to itself"
            time.sleep(0.05)
        sent.sendall(bytes(MEBIBYTE))
        assert answer(sent, "PUT").status == 201
    assert (files.root / f"{server}.bin").stat().st_size == size
    onward = f"Destination: https://{wire.host}/dav/{server}-moved.bin"
    assert wire.ask(f"MOVE /dav/{server}.bin", onward, bearer(own)).status == 201
    assert (files.root / f"{server}-moved.bin").stat().st_size == size
    assert wire.ask(f"DELETE /dav/{server}-moved.bin", bearer(own)).status == 204


def test_an_expired_token_is_refused_and_a_refreshed_one_is_not(place: Town, server: str) -> None:
    own = desktop_of(place, server, "bob")
    assert listed(place, server, bearer(own)) == 207
    place.site.manage("shell", "--verbosity=0", stdin=EXPIRED)
    time.sleep(1.0)  # within which every worker reads the feed
    refused = place.wire(server).ask("PROPFIND /dav/", "Depth: 1", bearer(own))
    assert refused.status == 401
    assert 'error="invalid_token"' in refused.one("WWW-Authenticate")
    own.refresh()
    assert listed(place, server, bearer(own)) == 207


# No clock of a running site is moved: so its copies, which expire by the clock, are made anew.
EXPIRED = """
from datetime import timedelta
from django.utils import timezone
from portal.authorization_server.models import AccessToken
from accounts import ended
AccessToken.objects.update(expires=timezone.now() - timedelta(seconds=1))
ended.announce(ended.RULE, ["files"])
"""


def test_rclone_lists_uploads_and_moves(
    place: Town, server: str, files: Files, tmp_path: Path
) -> None:
    own = desktop_of(place, server, "alice")
    url = f"{place.places[server].files_url}/dav"
    known: dict[str, Any] = {
        "token": own.tokens["access_token"],
        "authority": place.certificates.authority,
    }
    assert "hello.txt" in rclone(url, "lsf", ":webdav:", **known)
    (tmp_path / "report.txt").write_text("a report")
    rclone(url, "copyto", str(tmp_path / "report.txt"), f":webdav:{server}.txt", **known)
    rclone(url, "moveto", f":webdav:{server}.txt", f":webdav:folder/{server}.txt", **known)
    assert (files.root / "folder" / f"{server}.txt").read_text() == "a report"
    assert not (files.root / f"{server}.txt").exists()


def test_a_program_that_knows_basic_alone_comes_in_by_an_app_password(
    place: Town, server: str, files: Files
) -> None:
    url = f"{place.places[server].files_url}/dav"
    known: dict[str, Any] = {"authority": place.certificates.authority}
    files.asked()
    assert "hello.txt" in rclone(
        url, "lsf", ":webdav:", user=("alice", app_password(place)), **known
    )
    assert {each.headers["Remote-Email"] for each in files.asked(1)} == {"alice@example.org"}
    with pytest.raises(AssertionError, match="401"):
        rclone(url, "lsf", ":webdav:", user=("alice", PASSWORD), **known)
