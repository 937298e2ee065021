"""Two people at one browser of a shared computer, one after the other: nothing of the first is left
(docs/shared-computers.md). U30 and U31 of docs/threats.md.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.browser.conftest import PASSWORD, PEOPLE
from tests.peers.certified import Certified, certified
from tests.peers.site import Site

pytestmark = [pytest.mark.browser, pytest.mark.pages]
SOURCES = """
[sources.town]
provider = "oidc"
label = "The town"
[sources.town.settings]
issuer = "{issuer}"
client_id = "portal-public"
"""
# What a front end may have left in our origin.
LEAVE = "localStorage.setItem('of', 'alice'); sessionStorage.setItem('of', 'alice')"
LEFT = "Object.keys(localStorage).length + Object.keys(sessionStorage).length"
LIFE = {"VESTIBULE_SHARED_IDLE": "14", "VESTIBULE_SHARED_ABSOLUTE": "3600"}


@pytest.fixture(scope="module")
def library(site: Callable[..., Site]) -> Iterator[tuple[Site, Certified]]:
    own = site({"VESTIBULE_HTTP_PLAIN": "true"})
    own.manage("shell", "--verbosity=0", stdin=PEOPLE)
    addresses = {
        "OP_REDIRECT_URIS": f"{own.url}/auth/callback/town",
        "OP_POST_LOGOUT_URIS": f"{own.url}/auth/logout/done",
    }
    with certified(OP_AUTO_CONSENT="1", **addresses) as provider:
        own.manage("sources", "apply", "-", stdin=SOURCES.format(issuer=provider.issuer))
        yield own, provider


@pytest.fixture(scope="module")
def hasty(site: Callable[..., Site]) -> Site:
    """Give a site at which a shared session ends soon."""
    own = site(LIFE)
    own.manage("shell", "--verbosity=0", stdin=PEOPLE)
    return own


def sign_in(page: Page, house: Site, name: str, *, tick: bool = True) -> None:
    page.goto(f"{house.url}/auth/login/local")
    page.get_by_label("Username", exact=True).fill(name)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    if tick:
        page.get_by_label("This is a shared computer").check()
    page.get_by_role("main").get_by_role("button", name="Sign in").click()
    page.wait_for_url(f"{house.url}/account/")


def leave(page: Page) -> None:
    page.get_by_role("banner").get_by_role("button", name="Sign out").click()


def remaining(context: BrowserContext) -> set[str]:
    return {str(cookie["name"]) for cookie in context.cookies()}


def test_two_people_follow_each_other(page: Page, library: tuple[Site, Certified]) -> None:
    house, _provider = library
    sign_in(page, house, "alice")
    expect(page.locator("#session-end")).to_contain_text("Shared computer: you are signed out at")
    assert {cookie["expires"] for cookie in page.context.cookies()} == {-1}
    page.goto(f"{house.url}/account/sessions")
    page.evaluate(LEAVE)
    leave(page)
    expect(page).to_have_url(f"{house.url}/auth/logout/ended")
    expect(page.get_by_role("heading", name="You are signed out")).to_be_visible()
    assert page.evaluate(LEFT) == 0
    assert remaining(page.context) <= {"vestibule-shared", "vestibule-left", "csrftoken"}
    # The back button finds nobody
    for _step in range(4):
        page.go_back()
        expect(page.get_by_text("Alice Åberg")).to_have_count(0)
        assert "alice" not in page.content()
    # The next person sees what is asked of everybody, with the box ticked
    page.goto(f"{house.url}/login?choose=1")
    expect(page.get_by_label("This is a shared computer")).to_be_checked()
    expect(page.get_by_label("Username", exact=True)).to_have_value("")
    sign_in(page, house, "bob")
    expect(page.get_by_role("banner")).to_contain_text("Bob Berg")
    leave(page)
    expect(page).to_have_url(f"{house.url}/auth/logout/ended")


def test_the_upstream_keeps_nobody(page: Page, library: tuple[Site, Certified]) -> None:
    house, provider = library
    page.goto(f"{house.url}/login?choose=1")
    page.get_by_label("This is a shared computer").check()
    page.get_by_role("link", name="The town").click()
    at_the_town(page, "alice")
    page.wait_for_url(f"{house.url}/account/")
    expect(page.locator("#session-end")).to_contain_text("Shared computer")
    assert provider.signed_in() == ["alice"]
    leave(page)
    page.get_by_role("button", name="Yes, sign me out").click()
    expect(page).to_have_url(f"{house.url}/auth/logout/ended")
    assert provider.signed_in() == []
    page.goto(f"{house.url}/login?choose=1")
    page.get_by_role("link", name="The town").click()
    at_the_town(page, "bob")
    page.wait_for_url(f"{house.url}/account/")
    assert provider.signed_in() == ["bob"]


def test_a_session_that_was_left_upstream_lets_nobody_in(
    page: Page, library: tuple[Site, Certified]
) -> None:
    house, provider = library
    page.goto(f"{house.url}/auth/login/town?shared=1")
    at_the_town(page, "alice")
    page.wait_for_url(f"{house.url}/account/")
    page.context.clear_cookies(name="vestibule")  # as if it had ended by itself
    assert "alice" in provider.signed_in()
    page.goto(f"{house.url}/login?choose=1")
    page.get_by_role("link", name="The town").click()
    expect(page.get_by_role("heading", name="Log in")).to_be_visible()


def at_the_town(page: Page, who: str) -> None:
    expect(page.get_by_role("heading", name="Log in")).to_be_visible()
    page.get_by_label("User").fill(who)
    page.get_by_label("Password").fill("password")
    page.get_by_role("button", name="Log in").click()


def test_who_walks_away_is_signed_out(chromium: Browser, hasty: Site) -> None:
    contexts = [
        chromium.new_context(java_script_enabled=each, locale="en") for each in (True, False)
    ]
    pages = [context.new_page() for context in contexts]
    for page in pages:
        sign_in(page, hasty, "alice")
    for page in pages:
        expect(page).to_have_url(f"{hasty.url}/auth/logout/ended", timeout=60_000)
        expect(page.get_by_text("Alice Åberg")).to_have_count(0)
        assert remaining(page.context) <= {"vestibule-shared", "vestibule-left", "csrftoken"}
        page.context.close()


@pytest.mark.parametrize("path", ["/login?choose=1", "/auth/login/local"])
def test_the_browser_is_told_to_keep_no_history_of_forms(
    page: Page, library: tuple[Site, Certified], path: str
) -> None:
    house, _provider = library
    page.goto(house.url + path)
    name = page.get_by_role("textbox", name="Username")
    box = page.get_by_label("This is a shared computer")
    expect(name).to_have_attribute("autocomplete", re.compile("^username"))
    box.check()
    expect(name).to_have_attribute("autocomplete", "off")
    expect(page.locator("main form.form")).to_have_attribute("autocomplete", "off")
    box.uncheck()
    expect(name).to_have_attribute("autocomplete", re.compile("^username"))
