"""A person's whole way in and out, in Chromium, without JavaScript of ours."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import press_twice, sign_in
from tests.peers.site import Site

pytestmark = [pytest.mark.browser, pytest.mark.pages]
# Of the values in lists and the name in the head: the narrowest, in pixels.
NARROWEST = """Math.min(360, ...[...document.querySelectorAll('.rows dd, .facts dd, .person .who')]
  .map(each => each.getBoundingClientRect().width))"""


def typed_session(page: Page, house: Site) -> dict[str, Any]:
    answer = page.context.request.get(f"{house.url}/auth/session")
    return dict(json.loads(answer.text()))


def test_in_around_and_out(page: Page, chromium: Browser, house: Site) -> None:
    # In
    sign_in(page, house)
    expect(page).to_have_url(f"{house.url}/account/")
    session = typed_session(page, house)
    assert session["isLoggedIn"] is True
    assert session["type"] == "local"
    assert session["user"]["name"] == "Alice Åberg"
    # In another language
    page.get_by_role("button", name="Dansk").click()
    expect(page.locator("html")).to_have_attribute("lang", "da")
    expect(page).to_have_url(f"{house.url}/account/")
    page.get_by_role("button", name="English").click()
    expect(page.locator("html")).to_have_attribute("lang", "en")
    # Another of their sessions ends, and is refused
    elsewhere = chromium.new_context(user_agent="Mozilla/5.0 (iPhone) Safari/604.1")
    other = elsewhere.new_page()
    sign_in(other, house)
    expect(other).to_have_url(f"{house.url}/account/")
    page.goto(f"{house.url}/account/sessions")
    expect(page.get_by_role("heading", name="Safari, iPhone")).to_be_visible()
    page.locator("li", has_text="Safari, iPhone").get_by_role("button").click()
    expect(page.get_by_role("heading", name="Safari, iPhone")).to_have_count(0)
    other.goto(f"{house.url}/account/")
    expect(other).to_have_url(f"{house.url}/login?next=%2Faccount%2F&why=elsewhere")
    expect(other.get_by_role("alert")).to_contain_text("from another of your devices")
    elsewhere.close()
    # Out, with a receipt that is shown once, also to who clicks twice on a slow line
    page.goto(house.url)
    posted = press_twice(page, page.get_by_role("main").get_by_role("button", name="Sign out"))
    expect(page.get_by_role("status")).to_contain_text("Your session here has ended")
    expect(page).to_have_url(f"{house.url}/")
    assert posted == [f"{house.url}/auth/logout"]
    assert typed_session(page, house) == {"isLoggedIn": False, "type": "anonymous"}
    page.reload()
    expect(page.get_by_role("status")).to_have_count(0)


def test_e15_back_after_leaving_shows_nothing(page: Page, house: Site) -> None:
    sign_in(page, house)
    page.goto(house.url)
    page.get_by_role("main").get_by_role("button", name="Sign out").click()
    page.goto(f"{house.url}/account/")
    expect(page).to_have_url(f"{house.url}/login?next=%2Faccount%2F")
    page.go_back()
    page.go_back()
    expect(page.get_by_text("Alice Åberg")).to_have_count(0)


def test_a_failed_sign_in_is_said_in_a_sentence(page: Page, house: Site) -> None:
    page.goto(f"{house.url}/login")
    page.get_by_label("Username", exact=True).fill("alice")
    page.get_by_label("Password", exact=True).fill("wrong")
    page.get_by_role("button", name="Sign in").click()
    alert = page.get_by_role("alert")
    expect(alert).to_contain_text("The username or the password is not right.")
    expect(page.get_by_label("Username", exact=True)).to_have_value("alice")
    expect(page.get_by_label("Password", exact=True)).to_have_value("")


def test_a_protected_page_is_reached_after_signing_in(page: Page, house: Site) -> None:
    page.goto(f"{house.url}/account/sessions")
    page.get_by_label("Username", exact=True).fill("alice")
    page.get_by_label("Password", exact=True).fill("correct horse battery staple")
    page.get_by_role("button", name="Sign in").click()
    expect(page).to_have_url(f"{house.url}/account/sessions")


@pytest.mark.parametrize("path", ["/", "/login", "/login/forgotten", "/nowhere"])
@pytest.mark.parametrize("width", [360, 1280])
def test_nothing_is_wider_than_the_window(page: Page, house: Site, path: str, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 740})
    page.goto(house.url + path)
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_the_keyboard_reaches_the_form_first(page: Page, house: Site) -> None:
    page.goto(f"{house.url}/login")
    page.keyboard.press("Tab")
    expect(page.locator(":focus")).to_have_attribute("href", "#main")


def test_a_password_can_be_shown_and_is_hidden_again(page: Page, house: Site) -> None:
    page.goto(f"{house.url}/auth/login/local")
    field = page.get_by_label("Password", exact=True)
    field.fill("a secret")
    page.get_by_role("button", name="Show: Password").click()
    expect(field).to_have_attribute("type", "text")
    page.get_by_role("button", name="Hide: Password").click()
    expect(field).to_have_attribute("type", "password")


# What is cut off by an ancestor counts as well; an ellipsis and what is hidden on purpose do not.
STICKING_OUT = """[...document.querySelectorAll("body *")]
  .filter((each) => !each.matches(".who, .visually-hidden, .skip, svg *"))
  .filter((each) => Math.max(each.getBoundingClientRect().right,
    each.getBoundingClientRect().left + each.scrollWidth) > innerWidth + 1)
  .map((each) => `${each.tagName} ${each.className}`)"""


@pytest.mark.parametrize("language", ["Dansk", "Deutsch", "English"])
def test_what_is_read_in_a_small_window_has_room_for_a_word(
    page: Page, house: Site, language: str
) -> None:
    sign_in(page, house, "long")
    page.get_by_role("button", name=language).click()
    page.set_viewport_size({"width": 360, "height": 720})
    tabs = page.locator("nav.tabs a").all()
    assert len({box["y"] for each in tabs if (box := each.bounding_box())}) == 1
    for path in ("/", "/account/", "/account/sessions", "/account/sign-ins"):
        page.goto(house.url + path)
        page.evaluate("document.documentElement.style.fontSize = '200%'")
        assert page.evaluate(NARROWEST) > 150, path
    page.goto(f"{house.url}/account/second-factor")
    page.evaluate("document.documentElement.style.fontSize = '200%'")
    expect(page.locator(".set-up")).to_be_visible()
    assert page.evaluate(STICKING_OUT) == []


def test_nothing_sticks_out_of_a_small_window_with_large_text(page: Page, house: Site) -> None:
    sign_in(page, house, "long")
    page.set_viewport_size({"width": 360, "height": 720})
    for path in ("/", "/account/", "/account/sessions", "/account/sign-ins"):
        page.goto(house.url + path)
        page.evaluate("document.documentElement.style.fontSize = '200%'")
        assert page.evaluate(STICKING_OUT) == [], path
    page.set_viewport_size({"width": 768, "height": 900})
    for path in ("/account/sessions", "/account/devices", "/account/data"):
        page.goto(house.url + path)
        page.evaluate("document.documentElement.style.fontSize = '200%'")
        assert page.evaluate(STICKING_OUT) == [], path
    page.set_viewport_size({"width": 360, "height": 720})
    page.goto(f"{house.url}/account/")  # in letters of their usual size
    tabs = page.get_by_role("navigation", name="Your account").get_by_role("link")
    tops = {box["y"] for each in tabs.all() if (box := each.bounding_box())}
    assert len(tops) == 1, "the tabs stand in one line"
    page.emulate_media(media="print")
    expect(page.get_by_role("button")).to_have_count(0)
    expect(page.get_by_role("link", name="Change your password")).to_have_count(0)


def test_what_is_folded_stands_on_paper(page: Page, house: Site) -> None:
    sign_in(page, house)
    page.goto("about:blank")  # or a script of it gets a token of its own
    page.context.clear_cookies()
    sign_in(page, house)
    page.goto(f"{house.url}/account/data")
    folded = page.locator("details dl").first
    expect(folded).to_be_hidden()
    page.emulate_media(media="print")
    expect(folded).to_be_visible()
    assert (box := folded.bounding_box())
    assert box["height"] > 20


def test_a_long_name_from_right_to_left_keeps_its_beginning(page: Page, house: Site) -> None:
    sign_in(page, house, "right")
    page.set_viewport_size({"width": 360, "height": 720})
    page.goto(f"{house.url}/account/")
    name = page.locator("header .who")
    assert name.evaluate("each => each.scrollWidth > each.clientWidth"), "too long for its place"
    expect(name).to_have_css("direction", "rtl")


def test_a_long_address_of_the_house_stays_in_the_window(
    page: Page, site: Callable[..., Site]
) -> None:
    support = "borgerservice.og.bibliotek@sommerby-kommune.example"
    name = "Stadtbibliothek und Bürgerdienste Hohenzollern-Sigmaringen"
    own = site({"VESTIBULE_SUPPORT": support, "VESTIBULE_NAME": name})
    page.set_viewport_size({"width": 360, "height": 720})
    page.goto(f"{own.url}/nowhere")
    expect(page.get_by_text("Support code")).to_be_visible()
    page.evaluate("document.documentElement.style.fontSize = '200%'")
    assert page.evaluate(STICKING_OUT) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= 360


def test_what_went_wrong_is_told_within_its_box(page: Page, house: Site) -> None:
    page.set_viewport_size({"width": 360, "height": 720})
    page.goto(f"{house.url}/auth/login/local")
    page.locator("#local-username").fill("alice")
    page.locator("#local-password").fill("wrong")
    page.locator("#local-password").press("Enter")
    box = page.locator(".problem")
    expect(box).to_be_visible()
    box.locator("p").last.evaluate(
        "each => { each.textContent = 'kontakt@kommune.example'.repeat(3) }"
    )
    assert box.evaluate("each => each.scrollWidth - each.clientWidth") == 0
