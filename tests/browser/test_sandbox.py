"""The demo in Chromium: a newcomer signs in by OpenID Connect with one click, and leaves."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.peers.demo import Demo, running

pytestmark = pytest.mark.browser


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
    expect(heading).to_be_visible(timeout=15_000)
    page.goto(f"{demo.site}/login?choose=1")
    expect(page.get_by_role("link", name="Citizen login")).to_contain_text("may not work")
    trouble("Normal")
    sign_in()
    expect(page).to_have_url(f"{demo.site}/account/")
