"""Back, Forward and *Reload* after an answer to a form, as browsers do them."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import PASSWORD, sign_in
from tests.peers.site import Site

pytestmark = [pytest.mark.browser, pytest.mark.pages]


def wrong_password(page: Page, house: Site) -> str:
    page.goto(f"{house.url}/auth/login/local?next=/account/sessions")
    page.get_by_label("Username", exact=True).fill("alice")
    page.get_by_label("Password", exact=True).fill("wrong")
    page.get_by_role("button", name="Sign in").click()
    return "/auth/login/local?next=%2Faccount%2Fsessions"


def wrong_present_password(page: Page, house: Site) -> str:
    sign_in(page, house)
    expect(page.get_by_role("banner")).to_contain_text("Alice")
    page.goto(f"{house.url}/account/password")
    page.get_by_label("Present password", exact=True).fill("wrong")
    for label in ("New password", "New password again"):
        page.get_by_label(label, exact=True).fill("a staple that nobody guesses 71")
    page.get_by_role("button", name="Change the password").click()
    return "/account/password"


def no_device(page: Page, house: Site) -> str:
    page.goto(f"{house.url}/device")
    page.get_by_label("Code", exact=True).fill("none")
    page.get_by_role("button", name="Next").click()
    return "/device"


@pytest.mark.parametrize("fault", [wrong_password, wrong_present_password, no_device])
def test_reload_and_back_send_nothing_again(
    page: Page, house: Site, fault: Callable[[Page, Site], str]
) -> None:
    address = fault(page, house)
    expect(page).to_have_title(re.compile("^Error: "))
    loaded: list[str] = []
    page.on(
        "request", lambda sent: loaded.append(sent.method) if sent.is_navigation_request() else None
    )
    page.reload()
    expect(page).to_have_url(house.url + address)
    expect(page.locator("#problem")).to_have_count(0)
    page.goto(f"{house.url}/docs")
    page.go_back()
    expect(page).to_have_url(house.url + address)
    assert set(loaded) == {"GET"}


def test_back_after_the_second_try_leads_to_where_one_is(page: Page, house: Site) -> None:
    wrong_password(page, house)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/account/sessions")
    page.go_back()
    expect(page).to_have_url(f"{house.url}/account/sessions")


def test_a_form_without_cookies_is_filled_in_again(page: Page, house: Site) -> None:
    page.goto(f"{house.url}/auth/login/local?next=/account/sessions&shared=1")
    page.get_by_label("Username", exact=True).fill("alice")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.context.clear_cookies()
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("no cookies")
    page.reload()
    expect(page.get_by_label("Username", exact=True)).to_be_visible()
    page.go_back()
    page.get_by_label("Username", exact=True).fill("alice")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.context.clear_cookies()
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("link", name="Fill in the form again").click()
    expect(page.locator("#shared")).to_be_checked()
    page.get_by_label("Username", exact=True).fill("alice")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page).to_have_url(f"{house.url}/account/sessions")


def test_a_tab_from_before_another_sign_in_sends_its_form(page: Page, house: Site) -> None:
    """What was typed stays, and the tab learns the new token when its person comes back to it."""
    page.clock.install()
    sign_in(page, house)
    page.goto(f"{house.url}/account/password")
    page.get_by_label("Present password", exact=True).fill("what I have typed")
    token = page.locator("[name=csrfmiddlewaretoken]").first
    was = token.input_value()
    other = page.context.new_page()
    other.goto(f"{house.url}/auth/login/local?again=1")
    other.get_by_label("Password", exact=True).fill(PASSWORD)
    other.get_by_role("button", name="Sign in").click()
    expect(other).to_have_url(f"{house.url}/account/")
    page.clock.fast_forward(6000)
    with page.expect_response("**/auth/ends"):
        page.evaluate("dispatchEvent(new Event('focus'))")
    expect(token).not_to_have_value(was)
    expect(page.get_by_label("Present password", exact=True)).to_have_value("what I have typed")
    with other.expect_navigation():
        other.get_by_role("banner").get_by_role("button", name="Sign out").click()
    page.clock.fast_forward(6000)
    page.evaluate("dispatchEvent(new Event('focus'))")
    expect(page.locator("#session-end")).to_contain_text("You are signed out.")
