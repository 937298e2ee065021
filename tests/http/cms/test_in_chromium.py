"""The two sites in Chromium: one sign-in for both, and one sign-out (docs/threats.md 2.8)."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.peers.cms import Cms, cms
from tests.peers.site import Site

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def both(site: Callable[..., Site]) -> Iterator[tuple[Site, Cms]]:
    own = site({"VESTIBULE_HTTP_PLAIN": "true"})
    with cms(own.url) as library:
        settings = json.dumps(library.settings())
        make = f"""
import json
from accounts.source import catalogue
from accounts.models import Source
settings = json.loads({settings!r})
row = Source(slug="library", provider="adgangsplatformen", label="The town's library")
row.settings = settings
catalogue.save(row)
"""
        own.manage("shell", "--verbosity=0", stdin=make)
        yield own, library


def session_type(page: Page, site: Site) -> str:
    return str(json.loads(page.context.request.get(f"{site.url}/auth/session").text())["type"])


def test_one_sign_in_and_one_sign_out_for_both(page: Page, both: tuple[Site, Cms]) -> None:
    site, library = both
    page.goto(f"{site.url}/account/sessions")
    page.get_by_role("link", name="The town's library").click()
    expect(page).to_have_url(f"{library.url}/login?current-path=/go-login")
    page.get_by_role("button", name="Rikke Læser").click()
    expect(page).to_have_url(f"{site.url}/account/sessions")
    assert session_type(page, site) == "adgangsplatformen"
    page.goto(library.url)
    expect(page.get_by_text("You are Rikke Læser here.")).to_be_visible()
    page.goto(site.url)
    page.get_by_role("main").get_by_role("button", name="Sign out").click()
    expect(page).to_have_url(f"{site.url}/")
    expect(page.get_by_role("status")).to_contain_text("Your session here has ended")
    page.goto(library.url)
    expect(page.get_by_role("heading", name="Nobody is signed in here")).to_be_visible()


def test_who_comes_from_the_library_is_signed_in_and_leaves_with_it(
    page: Page, both: tuple[Site, Cms]
) -> None:
    site, library = both
    page.goto(library.url)
    page.get_by_role("link", name="Sign in here").click()
    page.get_by_role("button", name="Lars Låner").click()
    page.goto(f"{site.url}/login")
    expect(page.get_by_role("link", name="Continue as patron")).to_be_visible()
    page.goto(f"{site.url}/account/")
    expect(page).to_have_url(f"{site.url}/account/")
    assert session_type(page, site) == "adgangsplatformen"
    page.goto(library.url)
    page.get_by_role("link", name="Sign out here").click()
    expect(page.get_by_role("heading", name="Nobody is signed in here")).to_be_visible()
    assert session_type(page, site) == "anonymous"
