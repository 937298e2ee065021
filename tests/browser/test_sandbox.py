"""The demo in Chromium: a newcomer signs in by OpenID Connect with one click, and leaves."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.browser.authenticator import NO_AUTOFILL, Device, add, leave, press
from tests.peers.demo import Demo, running
from tests.peers.site import ROOT

pytestmark = pytest.mark.browser
# As if the sign-in were an hour old.
AN_HOUR_AGO = """
from dataclasses import replace
from accounts.models import StoredSession
from accounts.session.store import rewrite
mine = StoredSession.objects.filter(user__username='admin')
rewrite(mine, lambda session: replace(session, auth_time=session.auth_time - 3600))
"""


@pytest.fixture(scope="module")
def demo(migrated_file: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    with running(tmp_path_factory.mktemp("demo"), migrated=migrated_file) as own:
        yield own


def test_a_newcomer_signs_in_with_one_click_and_leaves(page: Page, demo: Demo) -> None:
    site, stand_in = demo.site, demo.stand_in
    page.goto(f"{site}/account/sessions")
    page.get_by_role("link", name="Citizen login").click()
    assert page.url.startswith(f"{stand_in}/openid/authorize")
    page.get_by_role("button", name="Clara Clausen").click()
    expect(page).to_have_url(f"{site}/account/sessions")
    session = json.loads(page.context.request.get(f"{site}/auth/session").text())
    assert session["isLoggedIn"] is True
    assert session["type"] == "oidc"
    assert session["user"]["name"] == "Clara Clausen"
    page.goto(site)
    page.get_by_role("main").get_by_role("button", name="Sign out").click()
    expect(page).to_have_url(f"{site}/")
    expect(page.get_by_role("status")).to_contain_text("Your session here has ended")
    page.goto(f"{site}/auth/login/citizen")
    expect(page.get_by_role("heading", name="Who do you want to be?")).to_be_visible()


def test_trouble_is_said_in_a_sentence_and_before_the_next_click(page: Page, demo: Demo) -> None:
    def trouble(name: str) -> None:
        page.goto(demo.stand_in)
        page.get_by_role("button", name=name).click()

    def sign_in() -> None:
        page.goto(f"{demo.site}/login?choose=1")
        page.get_by_role("link", name="Citizen login").click()

    trouble("Wrong key")
    sign_in()
    page.get_by_role("button", name="Liv Sørensen").click()
    expect(page.get_by_role("heading", name="We could not sign you in")).to_be_visible()
    trouble("Slow")
    sign_in()
    # The source knows her by now and sends her straight back.
    heading = page.get_by_role("heading", name="Signing in is not possible right now")
    expect(heading).to_be_visible()
    page.goto(f"{demo.site}/login?choose=1")
    expect(page.get_by_role("link", name="Citizen login")).to_contain_text("may not work")
    trouble("Normal")
    sign_in()
    expect(page).to_have_url(f"{demo.site}/account/")


@pytest.mark.pages
def test_an_administrator_is_asked_for_the_passkey_before_secrets_change(
    page: Page, demo: Demo
) -> None:
    page.add_init_script(NO_AUTOFILL)
    device = Device(page)
    page.goto(f"{demo.site}/auth/login/local")
    page.get_by_label("Username", exact=True).fill("admin")
    page.get_by_label("Password", exact=True).fill("admin-of-the-demo")
    page.get_by_role("button", name="Sign in").click()
    expect(page).to_have_url(f"{demo.site}/account/")
    add(page, demo.site, device)
    leave(page)
    page.goto(f"{demo.site}/auth/login/local?next=/admin/")
    press(page, device)
    expect(page.get_by_role("heading", name="Administration")).to_be_visible()
    device.is_at_hand(False)
    an_hour_passes(demo)
    page.goto(f"{demo.site}/admin/accounts/source/")
    page.locator("#result_list").get_by_role("link", name="citizen", exact=True).click()
    expect(page.get_by_text("needs a fresh sign-in")).to_be_visible()
    press(page, device)
    page.locator("input[type=password]").first.fill("another secret")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("was changed successfully")).to_be_visible()


def an_hour_passes(demo: Demo) -> None:
    command = [sys.executable, "manage.py", "shell", "--verbosity=0", "-c", AN_HOUR_AGO]
    subprocess.run(command, cwd=ROOT, env=demo.env, check=True, capture_output=True)
