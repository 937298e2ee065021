"""Bodies that never end, at the real site: the others do not notice."""

from __future__ import annotations

import re
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest
import requests

from tests.peers import proxies
from tests.peers.site import Site

pytestmark = pytest.mark.wire
# Straight more than all the connections that granian takes by itself.
UNFINISHED, STRAIGHT, THREADS = 200, 1100, 16
AT_ONCE = 2.0  # seconds
DEADLINE = 10.0
PASSWORD = "correct horse battery staple"
PERSON = f"""
from accounts.models import User
User.objects.create_user("alice", {PASSWORD!r}).give_local_identity()
"""


@dataclass(frozen=True)
class Door:
    """The site's origin as its visitors see it, and the authority that they trust."""

    url: str
    port: int
    authority: Path | None = None

    def visitor(self) -> requests.Session:
        session = requests.Session()
        session.trust_env = False
        if self.authority is not None:
            session.verify = str(self.authority)
        return session

    def connected(self) -> socket.socket:
        """Return a connection that has said nothing yet."""
        wire = socket.create_connection(("127.0.0.1", self.port), 30)
        if self.authority is None:
            return wire
        return _trusting(self.authority).wrap_socket(wire, server_hostname="localhost")

    def connected_often(self, count: int) -> list[socket.socket]:
        """Return so many, opened at once: the proxies end one that says nothing for ten seconds."""
        with ThreadPoolExecutor(32) as many:
            return list(many.map(lambda _: self.connected(), range(count)))

    @staticmethod
    def begin(wire: socket.socket, host: str) -> None:
        """Begin a sign-in whose body does not go on."""
        form = "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 500"
        head = f"POST /auth/login/local HTTP/1.1\r\nHost: {host}\r\n{form}\r\n\r\n"
        wire.sendall(head.encode() + b"username=")


@cache
def _trusting(authority: Path) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=authority)


@pytest.fixture(scope="module")
def house(site: Callable[..., Site]) -> Site:
    """Give the site with sixteen threads, and a person."""
    house = site({"VESTIBULE_TRUSTED_PROXIES": "127.0.0.1"}, threads=THREADS)
    house.manage("shell", "--verbosity=0", stdin=PERSON)
    return house


@pytest.fixture(scope="module", params=["straight", *proxies.NAMES])
def door(request: pytest.FixtureRequest, house: Site) -> Iterator[Door]:
    """Give each way to it."""
    port = int(house.url.rpartition(":")[2])
    with ExitStack() as stack:
        if request.param == "straight":
            yield Door(house.url, port)
        else:
            own, authority = stack.enter_context(proxies.before(request.param, port))
            yield Door(f"https://localhost:{own}", own, authority)


def within(call: Callable[[], requests.Response]) -> requests.Response:
    """Return the answer, which must come at once."""
    began = time.monotonic()
    given = call()
    assert time.monotonic() - began < AT_ONCE, given.url
    return given


def sign_in(door: Door, site_url: str) -> None:
    browser = door.visitor()
    page = within(lambda: browser.get(f"{door.url}/login")).text
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)
    assert token
    form = {"csrfmiddlewaretoken": token[1], "username": "alice", "password": PASSWORD}
    headers = {"Origin": door.url, "Referer": f"{door.url}/login"}
    send = f"{door.url}/auth/login/local"
    answer = within(lambda: browser.post(send, form, headers=headers, allow_redirects=False))
    assert answer.status_code == 303


def test_unfinished_bodies_hold_nobody_up(door: Door, house: Site) -> None:
    host = f"localhost:{door.port}"
    sign_in(door, house.url)  # once before, so that only the bodies make a difference
    with ExitStack() as stack:
        waiting = door.connected_often(UNFINISHED if door.authority else STRAIGHT)
        for wire in waiting:
            stack.enter_context(closing(wire))
        began = time.monotonic()
        for wire in waiting:
            door.begin(wire, host)
        opened = time.monotonic() - began
        visitor = door.visitor()
        for path in ("/healthz", "/auth/session"):
            assert within(lambda path=path: visitor.get(door.url + path)).status_code == 200
        sign_in(door, house.url)
        assert time.monotonic() - began < DEADLINE, f"none has been cut off; {opened} to begin"
        for wire in waiting:
            wire.settimeout(3 * DEADLINE)
            assert wire.recv(65536).startswith(b"HTTP/1.1 408 ")
        assert time.monotonic() - began > DEADLINE - 1
    assert time.monotonic() - began < 4 * DEADLINE
