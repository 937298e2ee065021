"""`/auth/session` and `/gateway/check` with the fast path and without: the same bytes and ends
(docs/decisions/0009-short-ways.md, Kept answers). The real site, twice over the same data.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.http.test_workers import PERSON, signed_in
from tests.peers.site import Site, free_port

pytestmark = pytest.mark.wire

ORIGIN = "https://front.example"
RULES = """
from portal.gateway.models import AccessRule
AccessRule.objects.create(slug="files", host="files.example.org")
AccessRule.objects.create(
    slug="open", host="files.example.org", path="/open", access="public", order=1)
"""
Heard = tuple[int, list[tuple[str, str]], bytes]


@pytest.fixture(scope="module")
def on(site: Callable[..., Site]) -> Site:
    # The content policy has its directives in the order of a set, which each process shuffles.
    given = {"VESTIBULE_FRONTEND_ORIGINS": ORIGIN, "VESTIBULE_TRUSTED_PROXIES": "127.0.0.1"}
    house = site({**given, "PYTHONHASHSEED": "0"})
    house.manage("shell", "--verbosity=0", stdin=PERSON + RULES)
    return house


@pytest.fixture(scope="module")
def off(on: Site, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Give the same site without the fast path: another process on the same data."""
    own = replace(
        on,
        url=f"http://localhost:{free_port()}",
        env={**on.env, "VESTIBULE_FAST_PATH": "0"},
        log=Path(tmp_path_factory.mktemp("off"), "output"),
    )
    own.start()
    yield own
    own.stop()


@pytest.fixture
def cookies(on: Site) -> dict[str, str]:
    """Give the cookies of a browser that has just signed in."""
    browser = signed_in(on.url)
    return {cookie.name: str(cookie.value) for cookie in browser.cookies}


def ask(site: Site, headers: dict[str, str], method: str = "GET", path: str = "") -> Heard:
    """Ask on a connection of its own; the moment of the answer is left out."""
    connection = HTTPConnection(urlsplit(site.url).netloc, timeout=60)
    connection.request(method, path or "/auth/session", headers={"Host": "localhost", **headers})
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    heard = [pair for pair in answer.getheaders() if pair[0] != "date"]
    if "html" in answer.headers.get("Content-Type", ""):  # a page hides its token anew each time
        heard, body = [], b"a page"
    return answer.status, heard, body


def line(cookies: dict[str, str]) -> str:
    return "; ".join(f"{name}={value}" for name, value in cookies.items())


def is_in(heard: Heard) -> bool:
    return b'"isLoggedIn":true' in heard[2]


HEADERS: dict[str, dict[str, str]] = {
    "a browser": {"User-Agent": "x", "Accept": "*/*", "Accept-Encoding": "gzip, br"},
    "another page": {"Referer": "http://localhost/other"},
    "in Danish": {"Accept-Language": "da"},
    "a front end": {"Origin": ORIGIN},
    "a stranger's page": {"Origin": "https://evil.example"},
    "a word on forwarding": {"X-Forwarded-Proto": "https", "X-Forwarded-For": "203.0.113.9"},
    "underscores": {"X_Forwarded_For": "203.0.113.9"},
    "another host": {"Host": "evil.example"},
    "a token that is none": {"Authorization": "Bearer x"},
    "Basic": {"Authorization": "Basic eDp5"},
    "known already": {"If-None-Match": '"x"'},
    "a script": {"X-Requested-With": "XMLHttpRequest"},
}


@pytest.mark.parametrize("case", HEADERS)
def test_the_answer_is_the_same_byte_for_byte(
    on: Site, off: Site, cookies: dict[str, str], case: str
) -> None:
    for known in (cookies, {"csrftoken": cookies["csrftoken"]}):
        headers = {"Cookie": line(known), **HEADERS[case]}
        first, again, plain = ask(on, headers), ask(on, headers), ask(off, headers)
        assert first == again == plain
        if case not in {"another host", "a token that is none"}:
            assert is_in(plain) == (known is cookies)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("HEAD", ""), ("POST", ""), ("OPTIONS", ""), ("TRACE", ""), ("GET", "/auth/session?x=1"),
        ("GET", "/auth/session?x=%00"), ("GET", "/auth/session/"), ("GET", "//auth/session"),
        ("GET", "/auth/session%0A"), ("GET", "/auth%2Fsession"), ("GET", "/auth/../auth/session"),
    ],
)  # fmt: skip
def test_other_requests_are_answered_the_same(
    on: Site, off: Site, cookies: dict[str, str], method: str, path: str
) -> None:
    headers = {"Cookie": line(cookies)}
    assert is_in(ask(on, headers)), "and is kept"
    assert ask(on, headers, method, path) == ask(off, headers, method, path)


def test_what_is_known_is_not_sent_again(on: Site, off: Site, cookies: dict[str, str]) -> None:
    headers = {"Cookie": line(cookies)}
    tag = dict(ask(on, headers)[1])["etag"]
    known = {**headers, "If-None-Match": tag}
    first, again, plain = ask(on, known), ask(on, known), ask(off, known)
    assert first == again == plain
    assert (plain[0], plain[2]) == (304, b"")


def test_a_cookie_more_or_less_is_another_question(
    on: Site, off: Site, cookies: dict[str, str]
) -> None:
    assert is_in(ask(on, {"Cookie": line(cookies)}))
    for other in ({**cookies, "csrftoken": "not ours"}, {"vestibule": cookies["vestibule"]}):
        heard, plain = ask(on, {"Cookie": line(other)}), ask(off, {"Cookie": line(other)})
        assert (heard[0], heard[2]) == (plain[0], plain[2])
        assert "csrftoken" in dict(heard[1])["set-cookie"]
    swapped = {**cookies, "vestibule": "a" * 43}
    assert not is_in(ask(on, {"Cookie": line(swapped)}))


ABOUT = {"X-Forwarded-Method": "GET", "X-Forwarded-Proto": "https",
         "X-Forwarded-Host": "files.example.org"}  # fmt: skip


@pytest.mark.parametrize("path", ["/a", "/open/b", "/a%2e%2e/", "x"])
@pytest.mark.parametrize("accept", ["text/html", "*/*"])
@pytest.mark.parametrize("method", ["GET", "PROPFIND"])
def test_a_web_server_gets_the_same_answers(
    on: Site, off: Site, cookies: dict[str, str], path: str, accept: str, method: str
) -> None:
    for known in (cookies, {}, {"vestibule": "a" * 43}):
        headers = {**ABOUT, "X-Forwarded-Uri": path, "Accept": accept, "Cookie": line(known)}
        first, again, plain = (ask(site, headers, method, CHECK) for site in (on, on, off))
        assert first == again == plain


def test_an_ended_session_is_nobodys_behind_the_gateway(on: Site, cookies: dict[str, str]) -> None:
    headers = {**ABOUT, "X-Forwarded-Uri": "/a", "Cookie": line(cookies)}
    assert [ask(on, headers, path=CHECK)[0] for _ in range(3)] == [200] * 3
    on.manage("shell", "--verbosity=0", stdin=ALL_ENDED)
    time.sleep(1.0)
    assert ask(on, headers, path=CHECK)[0] == 401
    assert ask(on, {**headers, "X-Forwarded-Uri": "/b"}, path=CHECK)[0] == 401


ALL_ENDED = """
from accounts.models import StoredSession
from accounts.session.ending import end
end(StoredSession.objects.all())
"""
CHECK = "/gateway/check"
UNANNOUNCED = """
from accounts.models import StoredSession
StoredSession.objects.all().delete()
"""
ENDED = """
from accounts.models import User
from accounts.session import people
people.disable(User.objects.get())
"""


def test_an_answer_is_kept_until_the_feed_says_that_it_ended(
    on: Site, off: Site, cookies: dict[str, str]
) -> None:
    headers = {"Cookie": line(cookies)}
    assert is_in(ask(on, headers))
    on.manage("shell", "--verbosity=0", stdin=ENDED)
    time.sleep(1.0)
    assert not is_in(ask(on, headers))
    assert not is_in(ask(off, headers))


def test_who_leaves_is_out_at_once_in_their_own_worker(on: Site) -> None:
    on.manage("shell", "--verbosity=0", stdin="from accounts.models import User\n"
              "User.objects.update(status='active')\n")  # fmt: skip
    browser = signed_in(on.url)
    headers = {"Cookie": line({each.name: str(each.value) for each in browser.cookies})}
    assert all(is_in(ask(on, headers)) for _ in range(3))
    token = browser.get(f"{on.url}/auth/session").headers["X-CSRFToken"]
    browser.post(f"{on.url}/auth/logout", {"csrfmiddlewaretoken": token}, allow_redirects=False)
    assert not is_in(ask(on, headers))


def test_django_was_not_asked(on: Site, off: Site) -> None:
    """What no way of ours does: the rows are gone, and nobody was told."""
    browser = signed_in(on.url)
    headers = {"Cookie": line({each.name: str(each.value) for each in browser.cookies})}
    assert is_in(ask(on, headers))
    if "REDIS_URL" in on.env:
        return  # which holds a copy as well
    on.manage("shell", "--verbosity=0", stdin=UNANNOUNCED)
    assert is_in(ask(on, headers))
    assert not is_in(ask(off, headers))
