"""Applications of three domains, in Chromium: one sign-in, one sign-out (docs/gateway.md 10)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.browser.conftest import PASSWORD, PEOPLE
from tests.peers import neighbours
from tests.peers.behind import Application
from tests.peers.neighbours import HOSTS, LOGIN
from tests.peers.site import Site, free_port

pytestmark = pytest.mark.wire


@dataclass(frozen=True)
class Place:
    """The town at one port."""

    port: int
    app: Application

    def at(self, host: str, path: str = "/page.html") -> str:
        return f"https://{host}:{self.port}{path}"


@pytest.fixture(scope="module", params=neighbours.NAMES)
def place(
    request: pytest.FixtureRequest, site: Callable[..., Site], app: Application
) -> Iterator[Place]:
    inside = free_port()
    with neighbours.town(str(request.param), inside, app.port) as port:
        known = {
            "VESTIBULE_SITE_URL": f"https://{LOGIN}:{port}",
            "VESTIBULE_TRUSTED_PROXIES": "127.0.0.1",
        }
        own = site(known, port=inside)
        own.manage("shell", "--verbosity=0", stdin=PEOPLE + neighbours.rules())
        yield Place(port, app)
        own.stop()


@pytest.fixture
def context(chromium: Browser) -> Iterator[BrowserContext]:
    own = chromium.new_context(ignore_https_errors=True, locale="en")
    yield own
    own.close()


def sign_in(page: Page) -> None:
    page.get_by_label("Username", exact=True).fill("alice")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()


def test_one_sign_in_opens_three_domains_and_one_sign_out_closes_them(
    context: BrowserContext, place: Place
) -> None:
    page, seen = context.new_page(), list[str]()
    page.on("framenavigated", lambda frame: seen.append(frame.url))
    first, *others = HOSTS
    there = place.at(first, "/folder/page.html?a=b&c=%C3%A6")
    page.goto(there)
    assert page.url.startswith(place.at(LOGIN, "/login?next="))
    sign_in(page)
    expect(page).to_have_url(there)
    assert any("/onward/" in each for each in seen), "a form leads abroad by a page of ours"
    for host in others:
        there = place.at(host, f"/page.html?{'layer=a,' * 350}")  # as of a map
        page.goto(there)
        expect(page).to_have_url(there)
    held = {each["domain"]: each for each in context.cookies() if "vestibule-host" in each["name"]}
    assert set(held) == set(HOSTS)
    assert all(each["name"] == "__Host-vestibule-host" for each in held.values())
    assert not any("vestibule" in "".join(each.all("Cookie")) for each in place.app.seen)
    assert not any("code=" in each.target or ".vestibule" in each.target for each in place.app.seen)

    page.goto(place.at(LOGIN, "/account/"))
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_text("You are signed out")).to_be_visible()
    place.app.seen.clear()
    for host in HOSTS:
        page.goto(place.at(host))
        assert page.url.startswith(place.at(LOGIN, "/login?")), page.url
    assert not place.app.seen


def test_a_copied_link_of_the_way_signs_nobody_in(
    chromium: Browser, context: BrowserContext, place: Place
) -> None:
    """Whoever catches the code, or is sent it, has not the cookie that it needs."""
    page, codes = context.new_page(), list[str]()
    page.on("request", lambda asked: "/accept?code=" in asked.url and codes.append(asked.url))
    page.goto(place.at(HOSTS[1]))
    sign_in(page)
    expect(page).to_have_url(place.at(HOSTS[1]))
    (code,) = codes
    other = chromium.new_context(ignore_https_errors=True)
    thief = other.new_page()
    thief.goto(code)
    assert thief.url.startswith(place.at(LOGIN, "/login?"))
    other.close()


def test_a_browser_that_keeps_no_cookies_there_is_told(
    context: BrowserContext, place: Place
) -> None:
    page = context.new_page()
    page.goto(place.at(HOSTS[2]))
    context.clear_cookies(domain=HOSTS[2])
    sign_in(page)
    expect(page.get_by_role("heading", name="You could not be signed in there")).to_be_visible()
    page.get_by_role("link", name="Try again").click()
    expect(page).to_have_url(place.at(HOSTS[2], "/"))
