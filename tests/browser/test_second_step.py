"""A person sets up a second step because they must, and signs in by it, in Chromium."""

from __future__ import annotations

import time

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

from accounts.factors import totp
from tests.browser.conftest import PASSWORD
from tests.peers.site import Site

pytestmark = [pytest.mark.browser, pytest.mark.pages]
RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
MUST = """
from accounts.factors import duty
from accounts.models import User
duty.set_for({"user": User.objects.get(username="bob")}, 0)
"""


def accessible(page: Page) -> None:
    wider = page.evaluate("document.documentElement.scrollWidth - innerWidth")
    assert wider <= 0, f"{page.url} is {wider} px too wide"
    found = Axe().run(page, options=RULES).response["violations"]
    assert not [(each["id"], each["nodes"][0]["html"][:120]) for each in found], page.url


def password(page: Page, house: Site) -> None:
    page.goto(f"{house.url}/login?next=/account/sessions")
    page.get_by_label("Username", exact=True).fill("bob")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/login/second")


def test_a_person_who_must_sets_it_up_and_signs_in_by_it(page: Page, house: Site) -> None:
    house.manage("shell", "--verbosity=0", stdin=MUST)
    page.set_viewport_size({"width": 360, "height": 740})
    password(page, house)
    accessible(page)
    page.get_by_text("Or type the secret yourself").click()
    secret = page.locator("code.secret").inner_text().replace(" ", "")
    page.get_by_label("Code", exact=True).fill("000000")
    page.get_by_role("button", name="Confirm").click()
    page.get_by_role("alert").wait_for()
    accessible(page)
    page.get_by_label("Code", exact=True).fill(totp.code_of(secret, int(time.time()) // 30))
    page.get_by_role("button", name="Confirm").click()
    page.wait_for_url("**/account/second-factor/codes")
    accessible(page)
    codes = page.locator(".codes code").all_inner_texts()
    assert len(codes) == 10
    page.get_by_role("button", name="I have kept them").click()
    page.wait_for_url("**/account/sessions")
    page.goto(f"{house.url}/account/second-factor")
    accessible(page)
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url(f"{house.url}/")
    password(page, house)
    accessible(page)
    assert page.evaluate("document.activeElement.name") == "code"
    page.get_by_role("link", name="Use a recovery code").click()
    accessible(page)
    page.get_by_label("Recovery code").fill(codes[0])
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/account/sessions")
