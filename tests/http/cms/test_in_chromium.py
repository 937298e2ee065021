"""The two sites in Chromium: one sign-in for both, and one sign-out (docs/threats.md 2.8)."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.peers.cms import Cms, cms
from tests.peers.site import Site

pytestmark = [pytest.mark.browser, pytest.mark.pages]


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
from accounts.models import User
for name in ("alice", "bertha"):
    User.objects.create_user(name, "correct horse battery staple").give_local_identity()
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


def bibdk(page: Page, library: Cms) -> list[str]:
    """Return the cookies of bib.dk, which knows a patron beside the CMS, by another origin."""
    return [str(each["name"]) for each in page.context.cookies(library.bibdk)]


@pytest.fixture
def without_scripts(chromium: Browser) -> Iterator[Page]:
    context = chromium.new_context(java_script_enabled=False, locale="en")
    yield context.new_page()
    context.close()


def enter(page: Page, site: Site) -> None:
    page.goto(f"{site.url}/account/sessions")
    page.get_by_role("link", name="The town's library").click()
    page.get_by_role("button", name="Rikke Læser").click()
    page.wait_for_url(f"{site.url}/account/sessions")


@pytest.mark.parametrize("browser", ["page", "without_scripts"])
def test_who_signs_out_leaves_bibdk_as_well(
    browser: str, request: pytest.FixtureRequest, both: tuple[Site, Cms]
) -> None:
    page: Page = request.getfixturevalue(browser)
    site, library = both
    enter(page, site)
    assert bibdk(page, library)
    page.goto(site.url)
    page.get_by_role("main").get_by_role("button", name="Sign out").click()
    page.wait_for_url(f"{site.url}/")
    assert not bibdk(page, library)
    assert session_type(page, site) == "anonymous"


def test_a_fresh_proof_goes_over_bibdks_logout_to_the_card(
    without_scripts: Page, both: tuple[Site, Cms]
) -> None:
    page, (site, library) = without_scripts, both
    enter(page, site)
    page.goto(f"{site.url}/login?again=1&next=/account/sessions")
    page.get_by_role("button", name="Sign out and go on").click()
    page.wait_for_url(f"{library.url}/login?current-path=/go-login")
    assert not bibdk(page, library)
    assert session_type(page, site) == "anonymous"
    page.get_by_role("button", name="Rikke Læser").click()
    page.wait_for_url(f"{site.url}/account/sessions")
    assert session_type(page, site) == "adgangsplatformen"


def test_who_leaves_while_the_library_is_down_tries_again_and_has_left(
    page: Page, both: tuple[Site, Cms]
) -> None:
    site, library = both
    enter(page, site)
    page.goto(site.url)
    library.trouble("down")
    page.get_by_role("main").get_by_role("button", name="Sign out").click()
    expect(page).to_have_url(f"{site.url}/")
    expect(page.get_by_role("status")).to_contain_text("You may still be signed in there")
    page.get_by_role("button", name="Try again").click()
    expect(page.get_by_role("status")).to_contain_text("You may still be signed in there")
    library.trouble()
    page.get_by_role("button", name="Try again").click()
    expect(page.get_by_role("status")).to_contain_text("We also sent you there")
    assert not bibdk(page, library)


def test_a_switch_to_the_library_and_away_from_it_arrives(
    page: Page, both: tuple[Site, Cms]
) -> None:
    site, library = both
    enter(page, site)
    page.goto(f"{site.url}/auth/login/local?switch=1")
    page.get_by_role("main").get_by_role("button").first.click()
    page.wait_for_url(f"{site.url}/auth/login/local*")
    assert not bibdk(page, library)
    page.get_by_label("Username").fill("alice")
    page.get_by_label("Password", exact=True).fill("correct horse battery staple")
    page.get_by_role("main").get_by_role("button", name="Sign in").click()
    page.wait_for_url(f"{site.url}/account/")
    page.goto(f"{site.url}/auth/login/library")
    page.get_by_role("main").get_by_role("button").first.click()
    page.get_by_role("button", name="Rikke Læser").click()
    page.wait_for_url(f"{site.url}/account/")
    assert session_type(page, site) == "adgangsplatformen"


def test_the_library_is_linked_from_the_account(page: Page, both: tuple[Site, Cms]) -> None:
    site, _library = both
    page.goto(f"{site.url}/auth/login/local")
    page.get_by_label("Username").fill("bertha")
    page.get_by_label("Password", exact=True).fill("correct horse battery staple")
    page.get_by_role("main").get_by_role("button", name="Sign in").click()
    page.goto(f"{site.url}/account/sign-ins")
    page.get_by_role("button", name="The town's library").click()
    page.get_by_role("button", name="Lone Låner").or_(
        page.get_by_role("button", name="Lars Låner")
    ).click()
    page.wait_for_url(f"{site.url}/account/sign-ins")
    expect(page.get_by_role("main")).to_contain_text("The town's library")
    assert session_type(page, site) == "local"


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
