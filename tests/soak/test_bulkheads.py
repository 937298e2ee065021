"""Trouble stays where it is: what the others feel of it, behind each proxy and without one.

Counted are those who were refused and those who failed, and both are none. How long the others
waited is told, and never asserted: it belongs to the machine (docs/soak.md).
"""

from __future__ import annotations

import socket
import ssl
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest

from tests.http.oidc.browser import Browser
from tests.peers import patience, proxies
from tests.peers.certified import Certified, certified
from tests.peers.site import Site
from tests.peers.soak import Told
from tests.soak.comers import OPENID
from tests.soak.felt import Others
from tests.soak.traffic import furnished, sign_in
from tests.soak.wire import Said, Wire

pytestmark = [pytest.mark.soak, pytest.mark.timeout(600)]
WAITING, CLASS, FLOODERS, UPLOADS, SLOW = 200, 60, 24, 40, 200
WORKERS = 2
CALM = 4.0  # seconds
# A call to the provider takes five seconds at most, and the wait for a place three of them.
ARRIVED = 1.25
BODY_DEADLINE = 10.0
MIB = 2**20


@dataclass(frozen=True)
class Way:
    """A way to the site: its name, its port, and whom a caller trusts over https."""

    name: str
    port: int
    trust: ssl.SSLContext | None = None

    @property
    def host(self) -> str:
        return f"localhost:{self.port}"

    def wire(self, keep: bool = True) -> Wire:
        scheme = "https" if self.trust else "http"
        return Wire(
            [self.port], self.host, keep, {"Origin": f"{scheme}://{self.host}"}, trust=self.trust
        )

    def connected(self) -> socket.socket:
        """Return a connection of its own."""
        own = socket.create_connection(("127.0.0.1", self.port), 60)
        return self.trust.wrap_socket(own, server_hostname="localhost") if self.trust else own


@pytest.fixture(scope="module")
def house(site: Callable[..., Site]) -> Site:
    """Give the site with two workers of sixteen threads, and a hash at its real price."""
    told = {
        **patience.USUAL,
        "VESTIBULE_TRUSTED_PROXIES": "127.0.0.1",
        "VESTIBULE_HTTP_PLAIN": "1",
        "VESTIBULE_ARGON2_MEMORY_KIB": "47104",
    }
    own = site(told, workers=WORKERS, threads=16)
    own.manage("shell", "--verbosity=0", stdin=furnished(2))
    return own


@pytest.fixture(scope="module")
def provider(house: Site) -> Iterator[Certified]:
    callback = f"{house.url}/auth/callback/town"
    with certified(OP_REDIRECT_URIS=callback, OP_AUTO_CONSENT="1") as running:
        house.manage("sources", "apply", "-", stdin=OPENID.format(issuer=running.issuer))
        yield running


@pytest.fixture(scope="module", params=["granian", "nginx", "Caddy"])
def way(request: pytest.FixtureRequest, house: Site) -> Iterator[Way]:
    """Give each way to the site."""
    port = int(house.url.rpartition(":")[2])
    with ExitStack() as stack:
        if request.param == "granian":
            yield Way("none", port)
        else:
            own, authority = stack.enter_context(proxies.before(request.param, port))
            yield Way(request.param, own, ssl.create_default_context(cafile=str(authority)))


@pytest.fixture
def others(way: Way) -> Iterator[Others]:
    """Give people who are signed in and have asked for a while."""
    wire = way.wire()
    assert sign_in(wire, "person0").status == 303
    with Others(way.wire, wire.cookies["vestibule"]) as asking:
        time.sleep(CALM)
        yield asking


@pytest.fixture(autouse=True)
def _at_its_address(house: Site, settings: Any) -> None:
    """Let the browser know which address is the site's."""
    settings.VESTIBULE_SITE_URL = house.url


def felt(told: Told, way: Way, others: Others, before: float, trouble: str, ours: object) -> None:
    """Tell what the others felt of a trouble. None of them may have noticed."""
    asked, failed = others.asked, others.failed
    during = others.begin()
    told(
        "bulkheads",
        trouble=trouble,
        proxy=way.name,
        outcome=ours,
        **{"others asked": asked, "failed": failed},
        **{"p99 before, ms": f"{before:.0f}", "p99 during, ms": f"{during:.0f}"},
    )
    assert asked
    assert failed == 0, others.reasons


def started(way: Way) -> tuple[Wire, str]:
    """Start a sign-in, go to the provider and come back: a browser, and where it goes next."""
    wire = way.wire()
    answer = wire.get("/auth/login/town")
    where = answer.headers.get("Location", "")
    if where.startswith("/"):  # the source is in trouble
        return wire, where
    back = Browser().go(where)
    return wire, f"{urlsplit(back.url).path}?{urlencode(back.values)}"


def finish(flow: tuple[Wire, str]) -> str:
    """Bring the provider's answer back. Returns where the site leads."""
    wire, where = flow
    for _ in range(40):
        if not where.startswith("/auth/callback/"):
            break
        said = wire.get(where)
        where = said.headers.get("Location", f"{said.status} {said.body[:60]}")
    wire.close()
    return where


def made(way: Way, count: int) -> list[tuple[Wire, str]]:
    with ThreadPoolExecutor(8) as pool:
        return [*pool.map(lambda _: started(way), range(count))]


def told_of(led: Counter[str]) -> str:
    return ", ".join(f"{count} {where}" for where, count in led.items())


def test_a_class_signs_in_at_the_same_second(
    house: Site, way: Way, provider: Certified, others: Others, told: Told
) -> None:
    _until_it_answers(Way("none", int(house.url.rpartition(":")[2])))
    flows = made(way, CLASS)
    time.sleep(CALM)
    before = others.begin()
    with ThreadPoolExecutor(CLASS) as pool:
        led = Counter(pool.map(finish, flows))
    felt(told, way, others, before, f"{CLASS} pupils sign in at once", told_of(led))
    assert led == {"/account/": CLASS}


def _until_it_answers(way: Way) -> None:
    """Return once every worker asks a source again that was in trouble. By the way without a proxy
    each new connection may get another worker; a proxy keeps to one.
    """
    deadline, came = time.monotonic() + 120, 0
    while came < 8 * WORKERS:
        led = finish(started(way))
        came = came + 1 if led == "/account/" else 0
        assert time.monotonic() < deadline, led
        time.sleep(0.2)


def test_logins_wait_for_a_provider_that_hangs(
    house: Site, way: Way, provider: Certified, others: Others, told: Told
) -> None:
    _until_it_answers(Way("none", int(house.url.rpartition(":")[2])))
    flows = made(way, WAITING)
    time.sleep(CALM)
    others.begin()
    time.sleep(CALM)
    before = others.begin()
    provider.trouble("/token", "hang")
    try:
        with ThreadPoolExecutor(WAITING) as pool:
            coming = [pool.submit(finish, flow) for flow in flows]
            time.sleep(ARRIVED)
            others.begin()
            time.sleep(ARRIVED)
            waiting = sum(not each.done() for each in coming)
            trouble, ours = f"{WAITING} logins wait for a provider", f"{waiting} wait all the while"
            felt(told, way, others, before, trouble, ours)
            led = Counter(each.result()[:14] for each in coming)
    finally:
        provider.heal()
    felt(told, way, others, before, f"{WAITING} are told that it hangs", told_of(led))
    assert set(led) == {"/login/failed/"}, led


def test_passwords_are_guessed(way: Way, others: Others, told: Told) -> None:
    owner = way.wire()
    assert sign_in(owner, "person1").status == 303
    before, until = others.begin(), time.monotonic() + 8
    with ThreadPoolExecutor(FLOODERS) as pool:
        guesses = [pool.submit(_guess, way, number, until) for number in range(FLOODERS)]
        came = Counter[int]()
        while time.monotonic() < until:
            owner.cookies.pop("vestibule", None)
            came[sign_in(owner, "person1").status] += 1
        said = sum((each.result() for each in guesses), Counter[int]())
    ours = f"{sum(said.values())} guesses; their owner came in {came[303]} times of {came.total()}"
    felt(told, way, others, before, f"{FLOODERS} guess passwords", ours)
    assert set(came) == {303}
    assert set(said) <= {401, 429, 503}, said


def _guess(way: Way, guesser: int, until: float) -> Counter[int]:
    wire, said, number = way.wire(), Counter[int](), 0
    while time.monotonic() < until:
        number += 1
        form = {"username": f"nobody{guesser}-{number}", "password": "a wrong password"}
        said[wire.post("/session/login", form).status] += 1
    return said


def test_bodies_are_as_large_as_uploads(way: Way, others: Others, told: Told) -> None:
    before = others.begin()
    with ThreadPoolExecutor(UPLOADS) as pool:
        said = Counter(each.status for each in pool.map(lambda _: _upload(way), range(UPLOADS)))
    ours = ", ".join(
        f"{count} answered {status or 'by a closed connection'}" for status, count in said.items()
    )
    felt(told, way, others, before, f"{UPLOADS} bodies of 20 MiB", ours)
    # nginx refuses it unread, and who does not read while they send may miss its answer.
    assert set(said) <= ({0, 413} if way.name == "nginx" else {413}), said


def _upload(way: Way) -> Said:
    wire = way.wire()
    assert wire.get("/auth/login/local").status == 200  # with the cookie that a form needs
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    return wire.ask("POST", "/auth/login/local", b"x" * (20 * MIB), kind)


def test_bodies_never_end(way: Way, others: Others, told: Told) -> None:
    before = others.begin()
    with ExitStack() as stack:
        held = [stack.enter_context(closing(_unfinished(way))) for _ in range(SLOW)]
        time.sleep(BODY_DEADLINE / 2)
        fresh = way.wire()
        entered = Counter(sign_in(fresh, "person1").status for _ in range(3))
        said = Counter(each.recv(12).partition(b" ")[2][:3].decode() or "closed" for each in held)
    ours = ", ".join(f"{count} answered {status}" for status, count in said.items())
    felt(told, way, others, before, f"{SLOW} bodies that never end", ours)
    assert set(entered) == {303}


def _unfinished(way: Way) -> socket.socket:
    own = way.connected()
    head = f"POST /auth/login/local HTTP/1.1\r\nHost: {way.host}\r\nContent-Length: 500\r\n"
    form = "Content-Type: application/x-www-form-urlencoded\r\n\r\nusername="
    own.sendall((head + form).encode())
    return own
