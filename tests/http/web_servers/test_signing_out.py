"""Whoever signs out is out of the applications too, in Chromium over https, through nginx and Caddy
(docs/gateway.md 6).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.http.web_servers.town import PASSWORD, Town, town
from tests.peers.behind import Application
from tests.peers.certificates import Certificates
from tests.peers.site import Site

pytestmark = [pytest.mark.browser, pytest.mark.pages]

SERVERS = ("nginx", "Caddy")
RULES = f"""
user = User.objects.create_user("bob", {PASSWORD!r}, name="Bob", email="bob@example.org")
user.give_local_identity()
rule("files", cookies=[{{"name": "own"}}])
rule("closed", path="/closed", access="nobody", order=1)
"""
UNTIL_REFUSED = """async () => {
  while ((await fetch("/api", {redirect: "manual"})).status !== 401)
    await new Promise((soon) => setTimeout(soon, 100));
}"""


@pytest.fixture(scope="module")
def place(
    site: Callable[..., Site], certificates: Certificates, app: Application
) -> Iterator[Town]:
    with town(site, certificates, app.port, SERVERS, RULES) as running:
        yield running


@pytest.fixture
def secure(chromium: Browser) -> Iterator[Page]:
    """Give a page that trusts the town's certificates."""
    context = chromium.new_context(ignore_https_errors=True, locale="en")
    yield context.new_page()
    context.close()


def sign_in(page: Page, name: str) -> None:
    page.get_by_label("Username", exact=True).fill(name)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()


def kept(page: Page, url: str) -> dict[str, str]:
    return {each["name"]: each["value"] for each in page.context.cookies(url)}


@pytest.mark.parametrize("server", SERVERS)
def test_signing_out_ends_the_applications_own_session(
    place: Town, server: str, secure: Page
) -> None:
    files = place.places[server].files_url
    desk = f"{files}/desk.html"
    secure.context.add_cookies([{"name": "theme", "value": "dark", "url": files}])
    secure.goto(desk)
    assert secure.url.startswith(f"{place.login}/login?next=")
    sign_in(secure, "alice")
    expect(secure).to_have_url(desk)
    expect(secure.get_by_role("heading")).to_have_text("A new session")
    expect(secure.get_by_text("Alice")).to_be_visible()
    own = kept(secure, files)["own"]
    secure.reload()
    expect(secure.get_by_role("heading")).to_have_text("An old session")
    secure.goto(place.login)
    secure.get_by_role("main").get_by_role("button", name="Sign out").click()
    expect(secure.get_by_role("status")).to_contain_text("Your session here has ended")
    assert kept(secure, files)["own"] == own
    secure.goto(desk)
    assert secure.url.startswith(f"{place.login}/login?next=")
    assert "own" not in kept(secure, files)
    assert kept(secure, files)["theme"] == "dark"
    assert "__Host-csrftoken" in kept(secure, place.login)
    sign_in(secure, "bob")
    expect(secure).to_have_url(desk)
    expect(secure.get_by_role("heading")).to_have_text("A new session")
    expect(secure.get_by_text("Bob")).to_be_visible()
    assert kept(secure, files)["own"] != own


@pytest.mark.parametrize("server", SERVERS)
def test_a_script_of_the_application_is_told_by_a_401(
    place: Town, server: str, secure: Page
) -> None:
    files = place.places[server].files_url
    secure.goto(f"{files}/desk.html")
    sign_in(secure, "alice")
    expect(secure).to_have_url(f"{files}/desk.html")
    ask = "async () => (await fetch('/api', {redirect: 'manual'})).status"
    assert secure.evaluate(ask) == 200
    other = secure.context.new_page()
    other.goto(place.login)
    other.get_by_role("main").get_by_role("button", name="Sign out").click()
    expect(other.get_by_role("status")).to_contain_text("Your session here has ended")
    assert "own" in kept(secure, files)
    secure.evaluate(UNTIL_REFUSED)
    assert "own" not in kept(secure, files)


@pytest.mark.parametrize("server", SERVERS)
def test_a_refusal_is_a_page_with_its_style(place: Town, server: str, secure: Page) -> None:
    files, said = place.places[server].files_url, []
    secure.on("console", lambda line: said.append(line.text))
    secure.goto(f"{files}/desk.html")
    sign_in(secure, "alice")
    expect(secure).to_have_url(f"{files}/desk.html")
    answer = secure.goto(f"{files}/closed")
    assert answer
    assert answer.status == 403
    expect(secure.get_by_role("heading")).to_have_text("You may not see this page")
    assert secure.evaluate("document.styleSheets.length") >= 1
    assert secure.evaluate("getComputedStyle(document.querySelector('.house')).display") != "inline"
    assert not [line for line in said if "Content Security Policy" in line]
