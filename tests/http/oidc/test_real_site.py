"""The site as it is served: a provider that hangs, or is not there, disturbs nobody else."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest
import requests

from tests.http.oidc.browser import Answer, Browser
from tests.peers import dead_cache
from tests.peers.certified import Certified, certified
from tests.peers.site import Site
from tests.peers.tampering import encoded

pytestmark = pytest.mark.wire

HANGING = 50
THREADS = 16
# Were all threads taken, the site would answer one question after each time that all of them end.
ROUNDS = HANGING // THREADS + 1
SOURCES = """
[sources.town]
provider = "oidc"
label = "Town"
[sources.town.settings]
issuer = "{issuer}"
client_id = "portal-public"
"""


@pytest.fixture(scope="module")
def served(site: Callable[..., Site]) -> Site:
    """Give the site with sixteen threads, which may call loopback by http."""
    own = {"VESTIBULE_HTTP_PLAIN": "1", "VESTIBULE_HTTP_DEADLINE": "5"}  # while one hangs
    return site(own, threads=THREADS)


@pytest.fixture(scope="module")
def _upstream(served: Site) -> Iterator[Certified]:
    """Give a provider at which the site is registered, and its source."""
    with certified(
        OP_REDIRECT_URIS=f"{served.url}/auth/callback/town",
        OP_POST_LOGOUT_URIS=f"{served.url}/auth/logout/done",
        OP_BACKCHANNEL_URI=f"{served.url}/auth/backchannel/town",
        OP_AUTO_CONSENT="1",
    ) as running:
        served.manage("sources", "apply", "-", stdin=SOURCES.format(issuer=running.issuer))
        yield running


@pytest.fixture
def upstream(served: Site, _upstream: Certified) -> Iterator[Certified]:
    """Give the provider, as fresh as a new one. Its rest at the site ends with the test."""
    _upstream.clean()
    yield _upstream
    told = any(each["trouble"] for each in Visitor(served).get("/auth/sources").json())
    if told or dead_cache.whole_run():  # without a cache nobody is told
        served.stop()
        served.start()


@pytest.fixture
def unknown(served: Site, _upstream: Certified) -> Iterator[Certified]:
    """Give a provider of which the site, and the cache beside it, have never heard."""
    callback = f"{served.url}/auth/callback/town"
    with certified(OP_REDIRECT_URIS=callback, OP_AUTO_CONSENT="1") as running:
        served.manage("sources", "apply", "-", stdin=SOURCES.format(issuer=running.issuer))
        served.manage("sources", "migrate", "town", "--from", _upstream.issuer)
        yield running


class Visitor:
    """A browser of the real site."""

    def __init__(self, site: Site) -> None:
        self.site, self.session = site, requests.Session()
        self.away = Browser()

    def get(self, path: str) -> requests.Response:
        return self.session.get(self.site.url + path, allow_redirects=False, timeout=60)

    def answer(self) -> Answer:
        """Start, sign in at the provider, and return what it sends back."""
        started = self.get("/auth/login/town")
        assert started.status_code == 302, (started.status_code, started.headers)
        return self.away.go(started.headers["Location"])

    def finish(self, answer: Answer) -> requests.Response:
        """Bring the answer back; while there is no place, the site sends a browser there again."""
        done = self.session.get(answer.url, allow_redirects=False, timeout=60)
        while done.headers.get("Location", "").startswith("/auth/callback/"):
            done = self.get(done.headers["Location"])
        return done


def is_in(visitor: Visitor) -> bool:
    """Tell whether the visitor is signed in, once each worker has read the feed."""
    time.sleep(0.6)
    return visitor.get("/auth/session").json()["isLoggedIn"] is True


@pytest.fixture(autouse=True)
def _at_its_address(served: Site, settings: Any) -> None:
    """Let the browser know which address is the site's."""
    settings.VESTIBULE_SITE_URL = served.url


def test_a_person_signs_in(served: Site, upstream: Certified) -> None:
    visitor = Visitor(served)
    finished = visitor.finish(visitor.answer())
    assert (finished.status_code, finished.headers["Location"]) == (303, "/account/")
    assert visitor.get("/auth/session").json()["type"] == "oidc"


def test_the_provider_ends_a_session_and_every_session_of_somebody(
    served: Site, upstream: Certified
) -> None:
    first, second, third = (Visitor(served) for _ in range(3))
    for visitor in (first, second, third):
        assert visitor.finish(visitor.answer()).headers["Location"] == "/account/"
    first.away.go(
        f"{upstream.issuer}/session/end?client_id=portal-public&post_logout_redirect_uri="
        f"{served.url}/auth/logout/done"
    )
    (told,) = upstream.events("backchannel")
    assert (told["type"], told["sub"]) == ("backchannel.success", "alice")
    assert [is_in(each) for each in (first, second, third)] == [False, True, True]
    sent = upstream.ask("POST", "/_test/backchannel", client_id="portal-public", sub="alice")
    assert sent == {"sent": True}
    assert [is_in(each) for each in (second, third)] == [False, False]


def test_fifty_logins_that_hang_leave_everybody_else_alone(
    served: Site, upstream: Certified
) -> None:
    known = Visitor(served)
    known.finish(known.answer())
    visitors = [Visitor(served) for _ in range(HANGING)]
    answers = [visitor.answer() for visitor in visitors]
    upstream.trouble("/token", "hang")
    upstream.forget_requests()
    with ThreadPoolExecutor(HANGING + 1) as pool:
        logins = [pool.submit(v.finish, a) for v, a in zip(visitors, answers, strict=True)]
        said = _ask_while_it_hangs(known, upstream, logins)
    assert said["while hanging"] > ROUNDS
    assert said["signed in"] == said["asked"]
    for login in logins:
        assert login.result().status_code == 303
        assert login.result().headers["Location"].startswith("/login/failed/")
    assert 0 < len(upstream.requests("/token")) < THREADS
    assert known.get("/auth/session").json()["isLoggedIn"] is True


@pytest.mark.parametrize("upstream_is", ["well", pytest.param("slow", marks=pytest.mark.soak)])
def test_sixty_callbacks_at_once_are_all_let_in(
    served: Site, upstream: Certified, upstream_is: str
) -> None:
    known = Visitor(served)
    known.finish(known.answer())
    visitors = [Visitor(served) for _ in range(60)]
    answers = [visitor.answer() for visitor in visitors]
    together = threading.Barrier(60)
    if upstream_is == "slow":  # each code is redeemed in one second and a half
        upstream.trouble("/token", "slow")

    def finish(visitor: Visitor, answer: Answer) -> str:
        together.wait(120)
        return visitor.finish(answer).headers["Location"]

    longest, began = 0.0, time.monotonic()
    with ThreadPoolExecutor(60) as pool:
        logins = [pool.submit(finish, v, a) for v, a in zip(visitors, answers, strict=True)]
        while not all(login.done() for login in logins):
            asked = known.get("/auth/session")
            assert asked.status_code == 200
            longest = max(longest, asked.elapsed.total_seconds())
    # Who is behind all of them waits for as long as they take, which is long on a busy machine.
    assert longest < max(5, (time.monotonic() - began) / 2)
    assert {login.result() for login in logins} == {"/account/"}
    sources = {each["slug"]: each["trouble"] for each in known.get("/auth/sources").json()}
    assert sources["town"] is None


def test_for_want_of_a_place_a_flow_stays_usable(served: Site, upstream: Certified) -> None:
    visitors = [Visitor(served) for _ in range(30)]
    answers = [visitor.answer() for visitor in visitors]
    upstream.trouble("/token", "hang")
    with ThreadPoolExecutor(30) as pool:
        done = list(pool.map(Visitor.finish, visitors, answers))
    upstream.heal()
    pages = [v.get(each.headers["Location"]) for v, each in zip(visitors, done, strict=True)]
    busy = [n for n, page in enumerate(pages) if "Many people are signing in" in page.text]
    assert busy
    assert {pages[n].status_code for n in busy} == {503}
    assert all(int(pages[n].headers["Retry-After"]) > 0 for n in busy)
    served.stop()  # its rest after the failures ends
    served.start()
    finished = visitors[busy[0]].finish(answers[busy[0]])
    assert finished.headers["Location"] == "/account/"


def test_made_up_tokens_leave_everybody_else_alone_while_the_keys_hang(
    served: Site, upstream: Certified
) -> None:
    known = Visitor(served)
    known.finish(known.answer())
    upstream.trouble("/jwks", "hang")
    upstream.forget_requests()

    def tell(number: int) -> requests.Response:
        token = f"{encoded({'alg': 'RS256', 'kid': str(number)})}.{encoded({})}.AAAA"
        door = f"{served.url}/auth/backchannel/town"
        return requests.post(door, data={"logout_token": token}, timeout=60)

    with ThreadPoolExecutor(HANGING + 1) as pool:
        told = [pool.submit(tell, number) for number in range(HANGING)]
        said = _ask_while_it_hangs(known, upstream, told, "/jwks")
    assert said["while hanging"] > ROUNDS
    assert said["signed in"] == said["asked"]
    assert {each.result().status_code for each in told} == {503}
    assert len(upstream.requests("/jwks")) == 1


def _ask_while_it_hangs(
    known: Visitor,
    upstream: Certified,
    logins: list[Future[requests.Response]],
    where: str = "/token",
) -> dict[str, int]:
    """Ask for the session again and again until the last login is over. Returns the counts."""
    said = dict.fromkeys(("asked", "signed in", "while hanging"), 0)
    pause = threading.Event()
    hangs = False
    while not all(login.done() for login in logins):
        hangs = hangs or bool(upstream.requests(where))
        answer = known.get("/auth/session")
        said["asked"] += 1
        said["signed in"] += answer.status_code == 200 and answer.json()["isLoggedIn"]
        said["while hanging"] += hangs and not all(login.done() for login in logins)
        pause.wait(0.01)
    return said


def test_the_site_starts_without_its_provider(served: Site, unknown: Certified) -> None:
    unknown.stop()
    served.stop()
    served.start()
    visitor = Visitor(served)
    assert visitor.get("/login?choose=1").status_code == 200
    assert visitor.get("/auth/session").json() == {"isLoggedIn": False, "type": "anonymous"}
    failed = visitor.get("/auth/login/town")
    assert failed.headers["Location"].startswith("/login/failed/")
    page = visitor.get(failed.headers["Location"])
    assert page.status_code == 503
    unknown.start()
    served.stop()  # whatever rests after failures begins anew
    served.start()
    finished = visitor.finish(visitor.answer())
    assert finished.headers["Location"] == "/account/"
