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
AT_ONCE = 2.0  # seconds, or a few times what it took before there were any bodies
DEADLINE = 10.0
TRIES = 4  # a busy machine may cut the first body off before the visitors have come and gone
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

    def begun_often(self, count: int) -> list[socket.socket]:
        """Return so many on which a sign-in has begun whose body does not go on, opened at once."""
        form = "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 500"
        host = f"Host: localhost:{self.port}"
        head = f"POST /auth/login/local HTTP/1.1\r\n{host}\r\n{form}\r\n\r\n"

        def begun(_number: int) -> socket.socket:
            wire = self.connected()
            wire.sendall(head.encode() + b"username=")
            return wire

        with ThreadPoolExecutor(32) as many:
            return list(many.map(begun, range(count)))


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


def sign_in(door: Door) -> None:
    browser = door.visitor()
    page = browser.get(f"{door.url}/login").text
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)
    assert token
    form = {"csrfmiddlewaretoken": token[1], "username": "alice", "password": PASSWORD}
    headers = {"Origin": door.url, "Referer": f"{door.url}/login"}
    send = f"{door.url}/auth/login/local"
    answer = browser.post(send, form, headers=headers, allow_redirects=False)
    assert answer.status_code == 303


def come_and_go(door: Door) -> float:
    """Ask, and sign in. Returns for how many seconds somebody waited who waited longest."""
    waited = []

    def timed(call: Callable[[], None]) -> None:
        began = time.monotonic()
        call()
        waited.append(time.monotonic() - began)

    visitor = door.visitor()
    for path in ("/healthz", "/auth/session"):
        timed(lambda path=path: visitor.get(door.url + path).raise_for_status())  # type: ignore[misc]
    timed(lambda: sign_in(door))
    return max(waited)


def test_unfinished_bodies_hold_nobody_up(door: Door) -> None:
    sign_in(door)
    usual = come_and_go(door)  # once before, so that only the bodies make a difference
    found = []
    for _try in range(TRIES):
        with ExitStack() as stack:
            began = time.monotonic()
            waiting = door.begun_often(UNFINISHED if door.authority else STRAIGHT)
            for wire in waiting:
                stack.enter_context(closing(wire))
            opened = time.monotonic() - began
            waited = come_and_go(door)
            over = time.monotonic() - began
            for wire in waiting:
                wire.settimeout(12 * DEADLINE)
                assert wire.recv(65536).startswith(b"HTTP/1.1 408 ")
            assert DEADLINE - 1 < time.monotonic() - began < 12 * DEADLINE
        found.append((opened, waited, over))
        if waited < AT_ONCE + 4 * usual and over < DEADLINE:  # none has been cut off by then
            return
    pytest.fail(f"to begin, to wait, in all: {found}; before {usual}")
