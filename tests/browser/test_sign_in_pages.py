"""The pages of signing in and leaving: one heading, few words in each language, no violation of
WCAG 2.2 AA, and nothing that is cut off.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import PASSWORD, PEOPLE, sign_in
from tests.http.test_admin_axe import RULES, violations
from tests.peers.site import Site, free_port

pytestmark = [pytest.mark.browser, pytest.mark.pages]
MOST_WORDS = 60
SOURCES = """
[sources.town]
provider = "oidc"
label = "The town"
[sources.town.settings]
issuer = "http://127.0.0.1:{port}"
client_id = "portal"
"""
HEADINGS = "[...document.querySelectorAll('h1')].filter((each) => each.checkVisibility()).length"
# What is read: hidden words are for screen readers, or for a script.
WORDS = (
    "document.querySelector('main').innerText.split(/\\s+/).filter((w) => /[\\p{L}\\d]/u.test(w))"
)
# A button that is filled is the page's one primary action.
PRIMARY = """[...document.querySelectorAll('main a.button, main button')].filter((each) =>
  each.checkVisibility() && !each.matches('.secondary, .plain, .way')).length"""
# Whether what has the focus lies wholly under the bar that tells of the end of the session.
COVERED = """() => {
  const each = document.activeElement, bar = document.querySelector("#session-end");
  const own = each.getBoundingClientRect(), its = bar.getBoundingClientRect();
  return !bar.contains(each) && own.top >= its.top && own.bottom <= its.bottom;
}"""
# The end of a session is moved, as time would.
SENT_AT_ONCE = """() => {
  const token = document.querySelector("[name=csrfmiddlewaretoken]"), form = token.form;
  const stop = (event) => { event.preventDefault(); window.sent = token.value; };
  form.addEventListener("submit", stop, {once: true});
  dispatchEvent(new Event("focus"));
  form.requestSubmit();
}"""
NEAR = """
from datetime import timedelta
from django.utils import timezone
from accounts.models import StoredSession
now = timezone.now()
StoredSession.objects.update(
    expire_date=now + timedelta(seconds={left}), last_seen_at=now - timedelta(minutes=2))
"""


@pytest.fixture(scope="module")
def house(site: Callable[..., Site]) -> Site:
    own = site({"VESTIBULE_HTTP_PLAIN": "true", "VESTIBULE_NAME": "Sommerby Bibliotek"})
    own.manage("shell", "--verbosity=0", stdin=PEOPLE)
    own.manage("sources", "apply", "-", stdin=SOURCES.format(port=free_port()))
    return own


def wrong(page: Page, house: Site) -> None:
    page.goto(f"{house.url}/auth/login/local")
    page.locator("#local-username").fill("alice")
    page.locator("#local-password").fill("wrong")
    page.locator("#local-password").press("Enter")
    expect(page.locator("#problem")).to_be_visible()


def at(path: str) -> Callable[[Page, Site], None]:
    return lambda page, house: page.goto(house.url + path) and None


def inside(path: str, *, shared: bool = False) -> Callable[[Page, Site], None]:
    def go(page: Page, house: Site) -> None:
        page.goto(f"{house.url}/auth/login/local")
        page.locator("#local-username").fill("alice")
        page.locator("#local-password").fill(PASSWORD)
        page.locator("#shared").set_checked(shared)
        page.locator("#local-password").press("Enter")
        page.wait_for_url(f"{house.url}/account/")
        page.goto(house.url + path)

    return go


def left(page: Page, house: Site) -> None:
    inside("/")(page, house)
    page.locator("main form[action='/auth/logout'] button").click()
    expect(page.get_by_role("status")).to_be_visible()


# Each state in which somebody may be, who signs in or leaves.
STATES: dict[str, Callable[[Page, Site], Any]] = {
    "choose": at("/login?choose=1"),
    "choose-shared": at("/login?choose=1&shared=1"),
    "choose-told-why": at("/login?choose=1&why=elsewhere"),
    "choose-new-password": at("/login?choose=1&done=password"),
    "form": at("/auth/login/local"),
    "form-wrong": wrong,
    "failed": at("/auth/login/town"),
    "forgotten": at("/login/forgotten"),
    "forgotten-sent": at("/login/forgotten/sent"),
    "front": at("/"),
    "front-signed-in": inside("/"),
    "shared": inside("/", shared=True),
    "again": inside("/auth/login/local?again=1"),
    "switch": inside("/auth/login/town"),
    "stay": inside("/account/stay"),
    "ask-to-leave": inside("/auth/logout"),
    "left": left,
    "ended": at("/auth/logout/ended"),
}


@pytest.fixture
def phone(chromium: Browser, language: str) -> Iterator[Page]:
    """Give the page of a small telephone, whose person reads `language`."""
    context = chromium.new_context(viewport={"width": 360, "height": 740}, locale=language)
    yield context.new_page()
    context.close()


@pytest.mark.parametrize("language", ["en", "da", "de"])
def test_each_page_is_short_and_has_no_violation(phone: Page, house: Site, language: str) -> None:
    found: list[str] = []
    for name in STATES:
        phone.goto("about:blank")  # or a script of the page before gets a token of its own
        phone.context.clear_cookies()
        STATES[name](phone, house)
        expect(phone.locator("html")).to_have_attribute("lang", language)
        words = phone.evaluate(WORDS)
        if len(words) > MOST_WORDS:
            found.append(f"{name}: {len(words)} words: {' '.join(words)}")
        if phone.evaluate(HEADINGS) != 1 or phone.evaluate(PRIMARY) > 1:
            found.append(f"{name}: not one heading and one primary action")
        if phone.evaluate("document.documentElement.scrollWidth > innerWidth"):
            found.append(f"{name}: wider than a phone")
        if language == "en":
            found += [f"{name}, {each}" for each in violations(phone)]
    assert not found, "\n".join(found)


def test_who_fills_in_a_form_is_told_before_the_end_and_stays(page: Page, house: Site) -> None:
    page.clock.install()
    sign_in(page, house)
    page.goto(f"{house.url}/account/password")
    page.get_by_label("Present password", exact=True).fill("what I have typed")
    bar = page.locator("#session-end")
    expect(bar.get_by_role("status")).to_have_text("")
    expect(bar.get_by_role("link")).to_be_hidden()
    # Another window uses the session: the clock alone says nothing
    page.clock.fast_forward("07:59:00")
    page.wait_for_timeout(300)
    expect(bar.get_by_role("status")).to_have_text("")
    house.manage("shell", "--verbosity=0", stdin=NEAR.format(left=100))
    page.clock.fast_forward("07:59:00")
    expect(bar.get_by_role("status")).to_have_text("You will be signed out soon.")
    assert not Axe().run(page, options=RULES).response["violations"]
    bar.get_by_role("link", name="Stay signed in").click()
    expect(bar.get_by_role("status")).to_have_text("")
    expect(page.get_by_label("Present password", exact=True)).to_have_value("what I have typed")


def test_in_a_low_window_the_end_of_the_session_lies_on_nothing(page: Page, house: Site) -> None:
    """As at 400 %: what is focused is seen (WCAG 2.2, 2.4.11)."""
    inside("/account/sign-ins", shared=True)(page, house)
    page.set_viewport_size({"width": 320, "height": 256})
    bar = page.locator("#session-end")
    bar.evaluate("each => each.classList.add('near')")
    covered = []
    for _ in range(20):
        page.keyboard.press("Tab")
        if page.evaluate(COVERED):
            covered.append(page.evaluate("document.activeElement.innerText"))
    assert covered == []
    page.set_viewport_size({"width": 360, "height": 740})
    expect(bar).to_have_css("position", "sticky")


def test_trouble_at_the_site_signs_nobody_out(page: Page, house: Site) -> None:
    page.clock.install()
    sign_in(page, house)
    page.goto(f"{house.url}/account/")
    answer = {"error": "temporarily_unavailable"}
    page.route("**/auth/ends", lambda route: route.fulfill(status=503, json=answer))
    with page.expect_response("**/auth/ends"):
        page.clock.fast_forward("07:59:00")
    bar = page.locator("#session-end")
    expect(bar.get_by_role("status")).to_have_text("You will be signed out soon.")
    page.route("**/account/stay", lambda route: route.fulfill(status=503, json=answer))
    with page.expect_response("**/account/stay"):
        bar.get_by_role("link", name="Stay signed in").click()
    page.clock.run_for(2000)
    expect(bar.get_by_role("status")).to_have_text("You will be signed out soon.")
    page.unroute("**/account/stay")
    bar.get_by_role("link", name="Stay signed in").click()
    expect(bar.get_by_role("status")).to_have_text("")


def test_when_it_is_over_the_form_can_still_be_sent(page: Page, house: Site) -> None:
    page.clock.install()
    sign_in(page, house)
    page.goto(f"{house.url}/account/sessions")
    token = page.locator("[name=csrfmiddlewaretoken]").first
    was = token.input_value()
    house.manage("shell", "--verbosity=0", stdin=NEAR.format(left=-1))
    page.clock.fast_forward("08:00:00")
    bar = page.locator("#session-end")
    expect(bar.get_by_role("status")).to_contain_text("what you have typed here stays")
    with page.context.expect_page() as opened:
        bar.get_by_role("link", name="Sign in again").click()
    other = opened.value
    other.locator("#local-username").fill("alice")
    other.locator("#local-password").fill(PASSWORD)
    other.locator("#local-password").press("Enter")
    expect(other.get_by_text("Close this tab, and go on where you were.")).to_be_visible()
    other.close()
    page.bring_to_front()
    # The click that brings the page back is that on its button: the form waits for its new token
    page.evaluate(SENT_AT_ONCE)
    page.wait_for_function("() => window.sent")  # an expression would be evaluated at each look
    expect(bar.get_by_role("status")).to_have_text("")
    assert page.evaluate("window.sent") == token.input_value() != was
    page.get_by_role("banner").get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("status")).to_contain_text("Your session here has ended")


def test_somebody_elses_form_is_not_sent(page: Page, house: Site) -> None:
    page.clock.install()
    sign_in(page, house)
    page.goto(f"{house.url}/account/#main")  # by the link that skips to the content
    house.manage("shell", "--verbosity=0", stdin=NEAR.format(left=-1))
    page.clock.fast_forward("08:00:00")
    expect(page.locator("#session-end").get_by_role("status")).to_contain_text("signed out")
    other = page.context.new_page()
    sign_in(other, house, "bob")
    expect(other).to_have_url(f"{house.url}/account/")
    page.evaluate("dispatchEvent(new Event('focus'))")
    expect(page.get_by_role("banner")).to_contain_text("Bob Berg")


def test_the_session_of_a_script_says_the_same(page: Page, house: Site) -> None:
    sign_in(page, house)
    told = page.context.request.get(f"{house.url}/auth/ends")
    assert json.loads(told.text())["left"] > 28_000
