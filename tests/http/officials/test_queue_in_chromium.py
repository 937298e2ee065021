"""The queue in Chromium: under the site's policy, which forbids inline code."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.peers.site import Site

pytestmark = [pytest.mark.browser, pytest.mark.pages]

PEOPLE = """
from django.contrib.auth.models import Group
from accounts.models import Identity, Source, User
User.objects.create_superuser('ada', 'a-password-of-ada', email='ada@example.org')
local = Source.objects.get(slug='local')
Group.objects.create(name='Registry')
for name in ('Alice', 'Bob'):
    one = User.objects.create_user(name.lower(), 'a-password-of-all', name=name,
                                   status='awaiting_access')
    Identity.objects.create(source=local, subject=one.uid, user=one, claimed_groups=['Registry'])
"""
SEND_BACK = """
from accounts.models import User
User.objects.filter(username='bob').update(status='awaiting_access')
"""


@pytest.fixture(scope="module")
def house(site: Callable[..., Site]) -> Site:
    own = site()
    own.manage("shell", "-c", PEOPLE)
    return own


def sign_in(page: Page, house: Site, username: str, password: str) -> None:
    page.goto(f"{house.url}/login")
    page.get_by_role("textbox", name="Username").fill(username)
    page.get_by_label("Password", exact=True).fill(password)
    page.get_by_role("button", name="Sign in").click()


def test_one_click_lets_a_waiting_person_in_whose_window_stays_open(
    house: Site, page: Page, chromium: Browser
) -> None:
    theirs = chromium.new_context(locale="en").new_page()
    sign_in(theirs, house, "alice", "a-password-of-all")
    expect(theirs.get_by_text("An administrator must first assign")).to_be_visible()
    sign_in(page, house, "ada", "a-password-of-ada")
    page.goto(f"{house.url}/admin/")
    page.get_by_role("link", name="Awaiting access (2)").first.click()
    page.get_by_role("button", name="Let in Alice with Registry").click()
    expect(page.get_by_text("Alice is let in.")).to_be_visible()
    theirs.goto(f"{house.url}/account/")
    expect(theirs).to_have_url(f"{house.url}/account/")
    theirs.context.close()


def test_the_form_works_without_scripts(house: Site, page: Page, chromium: Browser) -> None:
    plain = chromium.new_context(locale="en", java_script_enabled=False).new_page()
    sign_in(plain, house, "ada", "a-password-of-ada")
    plain.goto(f"{house.url}/admin/operations/awaitingperson/")
    plain.get_by_role("link", name="Bob").click()
    expect(plain.locator("select#id_groups option:checked")).to_have_text(["Registry"])
    plain.get_by_role("button", name="Let in with these groups").click()
    expect(plain.get_by_text("Bob is let in.")).to_be_visible()
    plain.context.close()


def test_the_form_opens_without_a_complaint(house: Site, page: Page) -> None:
    sign_in(page, house, "ada", "a-password-of-ada")
    house.manage("shell", "-c", SEND_BACK)
    page.goto(f"{house.url}/admin/operations/awaitingperson/")
    page.get_by_role("link", name="Bob").click()
    expect(page.locator("select#id_groups_to option")).to_have_text(["Registry"])
    page.get_by_role("button", name="Save and let wait").click()
    expect(page.get_by_text("Bob goes on waiting.")).to_be_visible()
