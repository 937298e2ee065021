"""An OpenID provider on another origin in Chromium: who links it, switches to it and leaves it
arrives, although a form began it (docs/findings.md).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.peers.certified import Certified, certified
from tests.peers.site import Site

pytestmark = [pytest.mark.browser, pytest.mark.pages]
PASSWORD = "correct horse battery staple"
PERSON = f"""
from accounts.models import User
User.objects.create_user("alice", {PASSWORD!r}).give_local_identity()
"""
SOURCES = """
[sources.town]
provider = "oidc"
label = "The town"
[sources.town.settings]
issuer = "{issuer}"
client_id = "portal-public"
strengths = {{ "urn:test:loa:low" = "low", "urn:test:loa:high" = "substantial" }}
[sources.guests]
provider = "oidc"
label = "The guests"
[sources.guests.settings]
issuer = "{issuer}"
client_id = "portal-public"
strengths = {{ "*" = "low" }}
"""


@pytest.fixture(scope="module")
def both(site: Callable[..., Site]) -> Iterator[tuple[Site, Certified]]:
    own = site({"VESTIBULE_HTTP_PLAIN": "true"})
    own.manage("shell", "--verbosity=0", stdin=PERSON)
    addresses = {
        "OP_REDIRECT_URIS": f"{own.url}/auth/callback/town {own.url}/auth/callback/guests",
        "OP_POST_LOGOUT_URIS": f"{own.url}/auth/logout/done",
    }
    with certified(OP_AUTO_CONSENT="1", **addresses) as provider:
        own.manage("sources", "apply", "-", stdin=SOURCES.format(issuer=provider.issuer))
        yield own, provider


@pytest.fixture
def without_scripts(chromium: Browser) -> Iterator[Page]:
    context = chromium.new_context(java_script_enabled=False, locale="en")
    yield context.new_page()
    context.close()


def session_type(page: Page, site: Site) -> str:
    return str(json.loads(page.context.request.get(f"{site.url}/auth/session").text())["type"])


def by_password(page: Page, site: Site) -> None:
    page.goto(f"{site.url}/auth/login/local")
    page.get_by_label("Username", exact=True).fill("alice")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("main").get_by_role("button", name="Sign in").click()
    page.wait_for_url(f"{site.url}/account/")


def at_the_provider(page: Page, who: str) -> None:
    expect(page.get_by_role("heading", name="Log in")).to_be_visible()
    page.get_by_label("User").fill(who)
    page.get_by_label("Password").fill("password")
    page.get_by_role("button", name="Log in").click()


@pytest.mark.parametrize("browser", ["page", "without_scripts"])
def test_who_switches_to_it_and_leaves_arrives_and_is_forgotten_there(
    browser: str, request: pytest.FixtureRequest, both: tuple[Site, Certified]
) -> None:
    page: Page = request.getfixturevalue(browser)
    site, _provider = both
    by_password(page, site)
    page.goto(f"{site.url}/auth/login/town")
    page.get_by_role("button", name="Sign out and go on").click()
    at_the_provider(page, "bob")
    page.wait_for_url(f"{site.url}/account/")
    assert session_type(page, site) == "oidc"
    page.goto(site.url)
    page.get_by_role("main").get_by_role("button", name="Sign out").click()
    page.get_by_role("button", name="Yes, sign me out").click()  # the provider asks
    page.wait_for_url(f"{site.url}/")
    assert session_type(page, site) == "anonymous"
    page.goto(f"{site.url}/auth/login/town")
    expect(page.get_by_role("heading", name="Log in")).to_be_visible()


def test_it_is_linked_from_the_account(page: Page, both: tuple[Site, Certified]) -> None:
    site, _provider = both
    by_password(page, site)
    page.goto(f"{site.url}/account/sign-ins")
    page.get_by_role("button", name="The town").click()
    at_the_provider(page, "alice")
    page.wait_for_url(f"{site.url}/account/sign-ins")
    expect(page.get_by_role("main")).to_contain_text("The town")
    expect(page.get_by_role("main").get_by_role("status")).to_contain_text("Added")
    assert session_type(page, site) == "local"


@pytest.mark.parametrize("browser", ["page", "without_scripts"])
def test_a_stronger_sign_in_is_asked_for_and_confirmed_or_not(
    browser: str, request: pytest.FixtureRequest, both: tuple[Site, Certified]
) -> None:
    """docs/strength.md 4, as a person sees it."""
    page: Page = request.getfixturevalue(browser)
    site, _provider = both
    wanted = f"{site.url}/login?next=/account/sessions&strength=substantial"

    def step_up(slug: str) -> None:
        page.goto(f"{site.url}/auth/login/{slug}?next=/account/")
        at_the_provider(page, "bob")
        page.wait_for_url(f"{site.url}/account/")
        page.goto(wanted)
        expect(page.get_by_role("main")).to_contain_text("needs a stronger sign-in than a password")
        page.get_by_role("link", name="Sign in").click()
        at_the_provider(page, "bob")

    step_up("town")
    page.wait_for_url(f"{site.url}/account/sessions")
    page.goto(wanted)
    page.wait_for_url(f"{site.url}/account/sessions")
    page.goto("about:blank")  # or a script of it gets a token of its own
    page.context.clear_cookies()
    step_up("guests")
    expect(page.get_by_role("heading", name="A stronger sign-in is needed")).to_be_visible()
    expect(page.get_by_role("main")).to_contain_text("The guests did not confirm")
    assert session_type(page, site) == "oidc", "who is signed in stays so"
    page.get_by_role("link", name="Other ways to sign in").click()
    expect(page.get_by_role("heading", name="Sign in").first).to_be_visible()
