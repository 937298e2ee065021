"""docs/examples/front-end.js as it is written, in Chromium: in, on past an expiry, and out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Page

from tests.browser.conftest import PASSWORD, PEOPLE
from tests.http.oidc.browser import PASSWORD as THERE
from tests.peers.certified import Certified, certified
from tests.peers.site import ROOT, Site

pytestmark = [pytest.mark.browser, pytest.mark.pages]
EXAMPLE = ROOT / "docs" / "examples" / "front-end.js"
# The page of an institution loads the example with a script of its own, which does this.
OWN = """
window.heard = [];
window.portal = vestibule((type, payload) => heard.push([type, payload]));
window.resumed = portal.resume();
"""
SOURCES = """
[sources.town]
provider = "oidc"
label = "Town"
[sources.town.settings]
issuer = "{issuer}"
client_id = "portal-public"
"""
LIFE = 8  # seconds of an access token: the example refreshes after four fifths of it


@pytest.fixture(scope="module")
def served(site: Callable[..., Site]) -> Site:
    own = site({"VESTIBULE_HTTP_PLAIN": "1", "VESTIBULE_ACCESS_LIFETIME": str(LIFE)})
    own.manage("shell", "--verbosity=0", stdin=PEOPLE)
    return own


@pytest.fixture(scope="module")
def upstream(served: Site) -> Iterator[Certified]:
    callback = f"{served.url}/openid/town/callback"
    with certified(OP_REDIRECT_URIS=callback, OP_AUTO_CONSENT="1") as running:
        served.manage("sources", "apply", "-", stdin=SOURCES.format(issuer=running.issuer))
        yield running


@pytest.fixture
def front_end(page: Page, served: Site) -> Page:
    page.add_init_script(f"{EXAMPLE.read_text()}\n{OWN}")
    page.goto(served.url)
    return page


# The first call comes with a token that has just ended.
WITH_A_DEAD_TOKEN = """
() => {
  const real = window.fetch;
  window.fetch = (path, how) => {
    window.fetch = real;
    return real(path, { ...how, headers: { ...how.headers, Authorization: "Bearer over" } });
  };
}
"""


def heard(page: Page, kind: str) -> Any:
    """Wait until the front end dispatches `kind`, and return what came with it."""
    page.wait_for_function("kind => heard.some(([type]) => type === kind)", arg=kind)
    return page.evaluate("kind => heard.filter(([type]) => type === kind).at(-1)[1]", kind)


def hand_over(page: Page, served: Site) -> None:
    page.evaluate("portal.handOver('town')")
    page.get_by_label("User").fill("alice")
    page.get_by_label("Password", exact=True).fill(THERE)
    page.get_by_role("button", name="Log in").click()
    page.wait_for_url(f"{served.url}/")


def test_the_example_is_forty_lines_at_most() -> None:
    assert EXAMPLE.read_text().count("\n") <= 40


def test_a_password_a_refresh_past_an_expiry_and_out(front_end: Page) -> None:
    front_end.evaluate("password => portal.login('alice', password)", PASSWORD)
    person = heard(front_end, "LOGIN_SUCCESS")
    assert person["name"] == "alice"
    first = front_end.evaluate("JSON.parse(sessionStorage.getItem('pair'))")
    assert heard(front_end, "REFRESH_SUCCESS") == LIFE
    front_end.wait_for_timeout(LIFE * 1000)
    dead = front_end.evaluate(
        "token => fetch('/users/user/details', {headers: {Authorization: `Bearer ${token}`}})"
        ".then(answer => answer.status)",
        first["access_token"],
    )
    assert dead == 401
    known = front_end.evaluate("portal.call('GET', '/users/user/details')")
    assert known["User"]["name"] == "alice"
    front_end.evaluate(WITH_A_DEAD_TOKEN)
    front_end.evaluate("portal.logout()")
    assert heard(front_end, "LOGOUT") == {"ended": True, "upstream": "none"}
    assert front_end.evaluate("sessionStorage.getItem('pair')") == "null"
    assert front_end.evaluate("heard.filter(([type]) => type === 'LOGOUT').length") == 1


def test_who_leaves_while_the_site_is_down_has_left_here(front_end: Page) -> None:
    front_end.evaluate("password => portal.login('alice', password)", PASSWORD)
    heard(front_end, "LOGIN_SUCCESS")
    front_end.context.set_offline(True)
    front_end.evaluate("portal.logout()")
    heard(front_end, "LOGOUT")
    assert front_end.evaluate("sessionStorage.getItem('pair')") == "null"


def test_a_wrong_password_says_so_and_a_reload_keeps_the_person_in(front_end: Page) -> None:
    said = front_end.evaluate("portal.login('alice', 'wrong').catch(error => error.error)")
    assert said == "invalid_grant"
    front_end.evaluate("password => portal.login('bob', password)", PASSWORD)
    heard(front_end, "LOGIN_SUCCESS")
    front_end.reload()
    front_end.evaluate("resumed")
    assert heard(front_end, "LOGIN_SUCCESS")["name"] == "bob"


def test_a_hand_over_and_out_by_the_upstream(
    front_end: Page, served: Site, upstream: Certified
) -> None:
    hand_over(front_end, served)
    assert heard(front_end, "LOGIN_SUCCESS")["role"] == "USER"
    left = {each["name"] for each in front_end.context.cookies(served.url)}
    assert not left & {"tokens_key", "authProvider"}
    heard(front_end, "REFRESH_SUCCESS")
    front_end.evaluate("void portal.logout()")
    front_end.wait_for_url(f"{upstream.issuer}/**")
    session = front_end.context.request.get(f"{served.url}/auth/session").json()
    assert session == {"isLoggedIn": False, "type": "anonymous"}


def test_who_leaves_by_a_pair_that_a_new_sign_in_has_ended_has_left(
    front_end: Page, served: Site, upstream: Certified
) -> None:
    """Another tab signs in anew: the session that goes on is the same person's, and ends too."""
    hand_over(front_end, served)
    heard(front_end, "LOGIN_SUCCESS")
    session = front_end.context.request
    session.get(f"{served.url}/auth/login/town")
    assert session.get(f"{served.url}/auth/session").json()["isLoggedIn"]
    front_end.evaluate("void portal.logout()")
    front_end.wait_for_url(f"{upstream.issuer}/**")
    assert not session.get(f"{served.url}/auth/session").json()["isLoggedIn"]


def test_whoever_is_ended_elsewhere_is_told_at_the_next_refresh(
    front_end: Page, served: Site
) -> None:
    front_end.evaluate("password => portal.login('alice', password)", PASSWORD)
    heard(front_end, "LOGIN_SUCCESS")
    end = "from accounts.session import people; from accounts.models import User\n"
    served.manage(
        "shell",
        "--verbosity=0",
        stdin=end + "people.end_all(User.objects.get(username='alice').pk, 'test')",
    )
    heard(front_end, "LOGOUT")


REFRESHES = """
async () => {
  let asked = 0;
  const real = window.fetch;
  window.fetch = (path, ...more) => { asked += /refresh/.test(path); return real(path, ...more); };
  await Promise.all([1, 2, 3, 4, 5].map(() => portal.refresh()));
  return asked;
}
"""


def test_callers_that_overlap_wait_for_one_refresh(front_end: Page) -> None:
    front_end.evaluate("password => portal.login('alice', password)", PASSWORD)
    heard(front_end, "LOGIN_SUCCESS")
    assert front_end.evaluate(REFRESHES) == 1
    assert front_end.evaluate(REFRESHES) == 1
    assert front_end.evaluate("heard.every(([type]) => type !== 'LOGOUT')")
    known = front_end.evaluate("portal.call('GET', '/users/user/details')")
    assert known["User"]["name"] == "alice"


SHARED = """
async () => {
  window.mine = await (await (await caches.open("pair")).match("/pair")).json();
  window.refresh = (pair) => portal.call("POST", "/session/refresh",
    { refresh_token: pair.refresh_token }).then((next) => { said.push(200); return next; });
  window.said = [];
}
"""
BEGUN = """
async password => {
  const pair = await portal.call("POST", "/session/login", { username: "alice", password });
  await (await caches.open("pair")).put("/pair", Response.json(pair));
}
"""


def test_tabs_that_share_a_pair_refresh_one_at_a_time(front_end: Page, served: Site) -> None:
    """The lines of docs/front-ends.md, in two tabs that hold the same pair."""
    text = (ROOT / "docs" / "front-ends.md").read_text()
    lines = text.partition("```js\n  const kept")[2].partition("```")[0]
    assert lines
    front_end.evaluate(BEGUN, PASSWORD)
    other = front_end.context.new_page()
    other.add_init_script(f"{EXAMPLE.read_text()}\n{OWN}")
    other.goto(served.url)
    tabs = (front_end, other)
    for turn in range(5):
        for tab in tabs:
            tab.evaluate(SHARED)
        for tab in tabs:
            tab.evaluate(f"() => {{ window.done = (async () => {{ const kept{lines} }})() }}")
        for tab in tabs:
            tab.evaluate("window.done")
        assert sum(len(tab.evaluate("said")) for tab in tabs) == 1, turn
