"""An operator's day in Chromium: a source registered and tested, a support code read, a department
assigned, a session ended.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import PASSWORD, press_twice
from tests.peers.certified import SECRET, Certified, certified
from tests.peers.site import Site

pytestmark = [pytest.mark.browser, pytest.mark.pages]

SEED = f"""
from django.contrib.auth.models import Group
from accounts import events
from accounts.models import Source, User
User.objects.create_superuser('ada', {PASSWORD!r}, name='Ada', email='ada@example.org')
local = Source.objects.get(slug='local')
wanda = User.objects.create_user('wanda', {PASSWORD!r}, name='Wanda Wartend',
                                 status='awaiting_access')
wanda.give_local_identity()
wanda.identities.update(claimed_groups=['Registry'])
Group.objects.create(name='Registry')
alice = User.objects.create_user('alice', {PASSWORD!r}, name='Alice Åberg')
alice.give_local_identity()
"""


@pytest.fixture(scope="module")
def house(site: Callable[..., Site]) -> Site:
    """Give a site that may call upstreams without TLS, with an administrator and two people."""
    own = site({"VESTIBULE_HTTP_PLAIN": "1", "VESTIBULE_NAME": "Sommerby Bibliotek"})
    own.manage("shell", "--verbosity=0", stdin=SEED)
    return own


@pytest.fixture(scope="module")
def provider(house: Site) -> Iterator[Certified]:
    with certified(
        OP_REDIRECT_URIS=f"{house.url}/auth/callback/town", OP_AUTO_CONSENT="1"
    ) as running:
        yield running


@pytest.fixture
def stranger(chromium: Browser) -> Iterator[Page]:
    """Give a page of another browser."""
    context = chromium.new_context(locale="en")
    yield context.new_page()
    context.close()


def sign_in(page: Page, house: Site, name: str, onward: str = "/account/") -> None:
    page.goto(f"{house.url}/login?next={onward}")
    page.get_by_label("Username", exact=True).fill(name)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(f"**{onward}")


def test_a_source_is_registered_and_its_test_finds_a_wrong_secret(
    page: Page, house: Site, provider: Certified
) -> None:
    sign_in(page, house, "ada", "/admin/")
    page.get_by_role("row", name="Sources").get_by_role("link", name="Add").click()
    expect(page.get_by_text("Step 1 of 3")).to_be_visible()
    page.get_by_label("OpenID Connect").check()
    page.get_by_label("Word in addresses").fill("town")
    page.get_by_role("button", name="Go on").click()
    expect(page.get_by_text(f"{house.url}/auth/callback/town")).to_be_visible()
    page.get_by_label("Issuer").fill(provider.issuer)
    page.get_by_role("button", name="Fill in the rest from the provider").click()
    expect(page.get_by_text("Filled in from what the provider publishes")).to_be_visible()
    page.get_by_label("Client id").fill("portal")
    page.get_by_label("Client secret").fill("not-the-secret")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("Step 3 of 3")).to_be_visible()
    wrong = page.locator("li.error", has_text="client_secret")
    expect(wrong).to_be_visible()
    page.get_by_role("link", name="Change the settings").click()
    page.get_by_label("Client secret").first.fill(SECRET)
    page.get_by_role("button", name="Save and continue editing").click()
    page.get_by_role("button", name="Test now").click()
    expect(page.get_by_text("Leaving here ends the session at the provider too.")).to_be_visible()
    expect(wrong).to_be_hidden()
    page.goto(f"{house.url}/login?choose=1")
    expect(page.get_by_role("link", name="OpenID Connect")).to_be_visible()


def test_the_code_of_a_lost_page_leads_to_its_diagram(
    page: Page, stranger: Page, house: Site
) -> None:
    stranger.goto(f"{house.url}/no/such/page")
    code = stranger.locator(".support-code code").inner_text()
    sign_in(page, house, "ada", "/admin/")
    page.get_by_role("link", name="Events", exact=True).click()
    page.locator("#searchbar").fill(code.lower().replace("-", " "))
    page.get_by_role("button", name="Search").click()
    page.get_by_role("link", name=re.compile("Page refused")).click()
    expect(page.get_by_role("heading", name=f"Support code {code}")).to_be_visible()
    expect(page.get_by_text("It failed here:")).to_be_visible()
    diagram = page.get_by_role("img", name="What happened, as a sequence diagram")
    expect(diagram).to_be_visible()
    expect(diagram.get_by_text("Asks for a page", exact=True)).to_be_visible()
    rows = page.get_by_role("row", name=re.compile("There is no such page"))
    expect(rows).to_contain_text("Failed:")
    page.set_viewport_size({"width": 360, "height": 740})
    verdict = page.locator(".verdict")
    verdict.evaluate("each => { each.lastElementChild.textContent = 'town'.repeat(40) }")
    assert verdict.evaluate("each => each.scrollWidth - each.clientWidth") == 0


def test_a_department_is_assigned_in_three_clicks(page: Page, stranger: Page, house: Site) -> None:
    stranger.goto(f"{house.url}/login")
    stranger.get_by_label("Username", exact=True).fill("wanda")
    stranger.get_by_label("Password", exact=True).fill(PASSWORD)
    stranger.get_by_role("button", name="Sign in").click()
    stranger.wait_for_url(f"{house.url}/")
    sign_in(page, house, "ada", "/account/")
    page.get_by_role("link", name="Administration").click()
    page.get_by_role("link", name="Awaiting access (1)").click()
    page.get_by_role("button", name="Let in Wanda Wartend with Registry").click()
    expect(page.get_by_text("Wanda Wartend is let in.")).to_be_visible()
    stranger.goto(f"{house.url}/account/")
    expect(stranger.get_by_role("heading", name="Your account")).to_be_visible()


def test_a_session_that_is_ended_is_refused_in_the_other_browser(
    page: Page, stranger: Page, house: Site
) -> None:
    sign_in(stranger, house, "alice")
    expect(stranger.get_by_role("heading", name="Your account")).to_be_visible()
    sign_in(page, house, "ada", "/admin/accounts/user/")
    page.get_by_role("link", name="Alice Åberg").click()
    expect(page.get_by_role("row", name=re.compile("Chrome"))).to_be_visible()
    posted = press_twice(page, page.get_by_role("button", name=re.compile("End the session on")))
    expect(page.get_by_text("1 session has ended.")).to_be_visible()
    assert len(posted) == 1
    expect(page.get_by_text("Not signed in anywhere.")).to_be_visible()
    stranger.reload()
    expect(stranger.get_by_label("Username", exact=True)).to_be_visible()
    page.get_by_role("link", name="Session ended").first.click()
    expect(page.get_by_text("Ada (an administrator)")).to_be_visible()
