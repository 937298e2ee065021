"""Logout in a frame of the provider (OIDC Front-Channel Logout 1.0), over the whole site."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import pytest
from django.test import Client

from accounts.models import Event, StoredSession
from portal.authorization_server.models import AccessToken
from tests.http.conftest import sign_in
from tests.http.oauth.application import Application, register
from tests.http.oidc.conftest import Make
from tests.http.oidc.test_backchannel import ANONYMOUS, Town
from tests.peers import fresh, tampering
from tests.peers.site import Site
from tests.peers.tampering import OpenIdProvider, tampering_provider

if TYPE_CHECKING:
    from playwright.sync_api import Page

HERE = "/auth/frontchannel/town"


@pytest.fixture
def op() -> Iterator[OpenIdProvider]:
    with tampering_provider() as running:
        yield running
    assert running.complaints == []


@pytest.fixture
def town(op: OpenIdProvider, source: Make, transactional_db: None) -> Town:
    return Town(op, source)


def framed(town: Town, **changes: Any) -> Any:
    """Open the address in a frame, to which the browser brings no cookie."""
    asked = {"iss": town.op.issuer, "sid": "sid-1", **changes}
    return Client().get(HERE, {name: each for name, each in asked.items() if each is not None})


def ancestors(response: Any) -> str:
    """Return who may frame a page."""
    policy = response["Content-Security-Policy"]
    (found,) = [each for each in policy.split("; ") if each.startswith("frame-ancestors")]
    return str(found.removeprefix("frame-ancestors "))


@pytest.mark.parametrize("module", ["oidcc-client-test-rp-frontchannel-opinitlogout"])
def test_it_ends_that_session_of_a_browser(town: Town, module: str) -> None:
    browser, other = town.enter(), town.enter("sid-2")
    answer = framed(town)
    assert answer.status_code == 200
    assert (answer["Cache-Control"], answer["Pragma"]) == ("no-store", "no-cache")
    fresh.feed()
    assert browser.session() == ANONYMOUS
    assert other.session()["isLoggedIn"] is True
    (line,) = Event.objects.filter(name="session.ended")
    assert (line.detail, line.source) == ("by the source", "town")


@pytest.mark.parametrize("module", ["oidcc-client-test-rp-frontchannel-rpinitlogout"])
def test_who_leaves_here_is_framed_by_the_provider_afterwards(town: Town, module: str) -> None:
    browser = town.enter()
    assert browser.leave()["Location"].startswith(town.op.url("end_session"))
    assert framed(town).status_code == 200
    assert browser.session() == ANONYMOUS
    assert not Event.objects.filter(name="session.ended").exists(), "it had ended before"


def test_b18_the_page_is_framed_by_its_provider_alone(town: Town) -> None:
    for answer in (framed(town), framed(town, sid=None), framed(town, iss="https://evil.example")):
        assert ancestors(answer) == town.op.origin
        assert "X-Frame-Options" not in answer
    assert ancestors(Client().get("/login?choose=1")) == "'none'"
    assert ancestors(Client().get("/auth/frontchannel/nowhere")) == "'none'"


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"iss": "https://evil.example"}, 400),
        ({"iss": None}, 400),
        ({"sid": None}, 400),
        ({"iss": None, "sid": None}, 400),
        ({"sid": ""}, 400),
        ({"sid": "x" * 300}, 400),
        ({"sid": ["sid-1", "sid-2"]}, 400),
        ({"sid": "sid-of-nobody"}, 200),
    ],
)
def test_b18_a_wrong_issuer_or_session_ends_nothing(
    town: Town, changes: dict[str, Any], status: int
) -> None:
    browser = town.enter()
    assert framed(town, **changes).status_code == status
    fresh.feed()
    assert browser.session()["isLoggedIn"] is True


def test_what_is_here_and_what_is_not_are_answered_alike(town: Town) -> None:
    town.enter()
    assert framed(town).content == framed(town).content


def test_an_unsigned_request_ends_no_device_and_none_of_its_tokens(town: Town) -> None:
    browser = town.enter()
    app = Application(register(), browser.site)
    app.sign_in(scope="openid offline_access")
    framed(town)
    assert StoredSession.objects.get().kind == "client"
    assert AccessToken.objects.count() == 1
    assert app.userinfo().status_code == 200


def test_a_source_may_turn_it_off(town: Town) -> None:
    browser = town.enter()
    town.change(frontchannel_logout=False)
    answer = framed(town)
    assert (answer.status_code, ancestors(answer)) == (400, "'none'")
    assert browser.session()["isLoggedIn"] is True


def test_a_source_without_an_issuer_is_told_of_nothing(town: Town) -> None:
    answer = Client().get("/auth/frontchannel/local", {"iss": "", "sid": ""})
    assert (answer.status_code, ancestors(answer)) == (400, "'none'")


def test_who_sends_much_that_is_wrong_is_not_listened_to(town: Town) -> None:
    assert [framed(town, iss="x").status_code for _ in range(61)] == [*[400] * 60, 429]
    assert framed(town).status_code == 200


def test_operators_find_the_addresses_to_register(town: Town, client: Client) -> None:
    from accounts.models import Source, User

    User.objects.create_superuser("root", "correct horse battery staple")
    sign_in(client, "root")
    row = Source.objects.get(slug="town")
    page = client.get(f"/admin/accounts/source/{row.pk}/change/").content.decode()
    for path in ("/auth/logout/done", "/auth/backchannel/town", "/auth/frontchannel/town"):
        assert f"http://localhost:8000{path}" in page


# --- In a browser ---------------------------------------------------------------------------------

SOURCES = """
[sources.town]
provider = "oidc"
label = "Town"
[sources.town.settings]
issuer = "{issuer}"
client_id = "{client_id}"
client_secret = "{client_secret}"
"""


@pytest.fixture(scope="module")
def served(site: Callable[..., Site]) -> Site:
    return site({"VESTIBULE_HTTP_PLAIN": "1"})


@pytest.mark.browser
@pytest.mark.pages
def test_a_browser_lets_the_provider_frame_it_and_nobody_else(served: Site, chromium: Any) -> None:
    known = {"client_id": tampering.CLIENT_ID, "client_secret": tampering.CLIENT_SECRET}
    with tampering_provider() as op, tampering_provider() as stranger:
        served.manage("sources", "apply", "-", stdin=SOURCES.format(issuer=op.issuer, **known))
        query = urlencode({"iss": op.issuer, "sid": "sid-1"})
        frame = f'<iframe src="{served.url}{HERE}?{query}"></iframe>'.encode()
        op.answers["bye"] = stranger.answers["bye"] = tampering.page(200, frame)
        context = chromium.new_context(locale="en")
        page: Page = context.new_page()
        page.goto(f"{served.url}/auth/login/town")
        page.wait_for_url(f"{served.url}/account/")
        page.goto(stranger.url("bye"))
        assert "signed out" not in page.frames[1].content()
        page.goto(op.url("bye"))
        assert "You are signed out here." in page.frames[1].content()
        page.goto(f"{served.url}/account/")
        page.wait_for_url(f"{served.url}/login?*")
        context.close()
