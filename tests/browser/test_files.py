"""The demo's application behind the gateway, as a newcomer walks through it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.peers.demo import Demo, running

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def demo(migrated_file: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    with running(tmp_path_factory.mktemp("demo"), migrated=migrated_file) as own:
        yield own


def be(page: Page, name: str) -> None:
    """Sign in as one of the five people, from the site's sign-in page."""
    page.wait_for_load_state()  # its style sheet shows one of the two lists of sources
    page.get_by_role("link", name="Citizen login").click()
    page.get_by_role("button", name=name).click()


def sign_out(page: Page, demo: Demo) -> None:
    page.get_by_role("link", name="Sign out at the site").click()
    expect(page).to_have_url(f"{demo.site}/")
    expect(page.get_by_role("status")).to_contain_text("Your session here has ended")


def test_a_caseworker_comes_back_to_the_desk_and_leaves_everywhere(page: Page, demo: Demo) -> None:
    page.goto(demo.stand_in)
    page.get_by_role("link", name="An application behind the site: files").click()
    expect(page.get_by_role("heading", name="Nobody is known here")).to_be_visible()
    expect(page.get_by_text("Not a real application")).to_be_visible()
    page.get_by_role("link", name="Opening hours").click()
    expect(page.get_by_text("Monday to Friday")).to_be_visible()
    page.get_by_role("link", name="All files").click()
    page.get_by_role("link", name="Cases of today").click()
    assert page.url.startswith(f"{demo.site}/login?next=")
    be(page, "Cem Öztürk")
    expect(page).to_have_url(f"{demo.files}/desk/")
    expect(page.get_by_text("2026-117")).to_be_visible()
    expect(page.get_by_text("Cem Öztürk")).to_be_visible()
    began = page.get_by_text("Its own session began").inner_text()
    page.reload()
    assert page.get_by_text("Its own session began").inner_text() == began
    sign_out(page, demo)
    page.goto(f"{demo.files}/desk/")
    assert page.url.startswith(f"{demo.site}/login?")
    held = {each["name"] for each in page.context.cookies()}
    assert "files-session" not in held, "the application's own session is over as well"


def test_who_is_no_caseworker_reads_so(page: Page, demo: Demo) -> None:
    page.goto(f"{demo.files}/desk/")
    be(page, "Clara Clausen")
    expect(page).to_have_url(f"{demo.files}/desk/")
    expect(page.get_by_role("heading", name="Not for you")).to_be_visible()
    page.goto(demo.files)
    expect(page.get_by_text("Clara Clausen")).to_be_visible()
    page.goto(f"{demo.files}/desk/")
    sign_out(page, demo)
    page.goto(demo.files)
    expect(page.get_by_role("heading", name="Nobody is known here")).to_be_visible()
