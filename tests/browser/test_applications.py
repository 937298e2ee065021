"""A person on the way to an application, in Chromium: a form's answer never redirects abroad, and
yet a password, Allow and Deny all reach the client (docs/contract.md, Always).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import LONG, PASSWORD, PEOPLE, sign_in
from tests.peers.site import ROOT, Site

pytestmark = [pytest.mark.browser, pytest.mark.pages, pytest.mark.slow]
OWN_SCHEME = "org.example.app:/callback"
# What a client would make of it is not looked at here.
CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[str]:
    """Give a client of another site: for Chromium 127.0.0.1 is another than localhost."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._arrived()

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self._arrived()

        def _arrived(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(f"<h1>Arrived by {self.command}</h1>".encode())

        def log_message(self, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def house(site: Callable[..., Site], elsewhere: str) -> Site:
    own = site()
    own.manage("shell", "--verbosity=0", stdin=PEOPLE)
    clients = f"""
[clients.page]
name = "The page"
redirect_uris = ["{elsewhere}/callback"]
[clients.ours]
name = "Ours"
kind = "server"
auth_method = "client_secret_basic"
first_party = true
redirect_uris = ["{elsewhere}/callback"]
[clients.native]
name = "The program"
kind = "native"
redirect_uris = ["http://127.0.0.1", "{OWN_SCHEME}"]
[clients.tv]
name = "The TV"
kind = "device"
"""
    own.manage("clients", "apply", "-", stdin=clients)
    return own


def asked(house: Site, client_id: str, redirect_uri: str, **more: str) -> str:
    fields = {
        "response_type": "code", "client_id": client_id, "redirect_uri": redirect_uri,
        "scope": "openid profile", "state": "st", "code_challenge": CHALLENGE,
        "code_challenge_method": "S256", **more,
    }  # fmt: skip
    return f"{house.url}/oauth/authorize?{urlencode(fields)}"


def landed(page: Page, where: str) -> dict[str, str]:
    expect(page.get_by_role("heading", name="Arrived")).to_be_visible()
    assert page.url.startswith(where), page.url
    return {name: values[0] for name, values in parse_qs(urlsplit(page.url).query).items()}


def test_a_password_within_a_request_reaches_another_origin(
    page: Page, house: Site, elsewhere: str
) -> None:
    page.goto(asked(house, "ours", f"{elsewhere}/callback"))
    page.get_by_label("Username", exact=True).fill("alice")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    answer = landed(page, f"{elsewhere}/callback")
    assert (answer["state"], answer["iss"]) == ("st", house.url)
    assert answer["code"]


@pytest.mark.parametrize(("button", "told"), [("Allow", "code"), ("Deny", "error")])
def test_allow_and_deny_reach_another_origin(
    page: Page, house: Site, elsewhere: str, button: str, told: str
) -> None:
    sign_in(page, house)
    page.goto(asked(house, "page", f"{elsewhere}/callback", prompt="consent"))
    expect(page.get_by_text("The page would like to:")).to_be_visible()
    page.get_by_role("button", name=button, exact=True).click()
    assert told in landed(page, f"{elsewhere}/callback")


@pytest.mark.parametrize("button", ["Allow", "Deny"])
def test_both_reach_loopback_at_any_port(
    page: Page, house: Site, elsewhere: str, button: str
) -> None:
    sign_in(page, house)
    page.goto(asked(house, "native", elsewhere, prompt="consent"))
    page.get_by_role("button", name=button, exact=True).click()
    assert landed(page, elsewhere)["state"] == "st"


@pytest.mark.parametrize(("button", "told"), [("Allow", "code="), ("Deny", "error=access_denied")])
def test_both_reach_a_scheme_of_ones_own(page: Page, house: Site, button: str, told: str) -> None:
    sign_in(page, house)
    asked_for: list[str] = []
    chromium = page.context.new_cdp_session(page)
    chromium.on("Page.frameScheduledNavigation", lambda event: asked_for.append(event["url"]))
    chromium.send("Page.enable")
    page.goto(asked(house, "native", OWN_SCHEME, prompt="consent"))
    page.get_by_role("button", name=button, exact=True).click()
    expect(page.get_by_role("heading", name="One moment")).to_be_visible()
    link = page.get_by_role("link", name="Continue").get_attribute("href") or ""
    assert link.startswith(f"{OWN_SCHEME}?")
    assert told in link
    for _attempt in range(600):
        if link in asked_for:
            break
        page.wait_for_timeout(50)
    assert link in asked_for, "the page goes there by itself"


def test_a_form_post_reaches_another_origin(page: Page, house: Site, elsewhere: str) -> None:
    sign_in(page, house)
    page.goto(asked(house, "ours", f"{elsewhere}/callback", response_mode="form_post"))
    expect(page.get_by_role("heading", name="Arrived by POST")).to_be_visible()


def test_allow_by_form_post_reaches_another_origin(page: Page, house: Site, elsewhere: str) -> None:
    sign_in(page, house)
    wanted = {"response_mode": "form_post", "prompt": "consent"}
    page.goto(asked(house, "page", f"{elsewhere}/callback", **wanted))
    page.get_by_role("button", name="Allow", exact=True).click()
    expect(page.get_by_role("heading", name="Arrived by POST")).to_be_visible()


def test_a_device_is_let_in_by_its_code(page: Page, house: Site) -> None:
    import requests

    started = requests.post(
        f"{house.url}/oauth/device_authorization", {"client_id": "tv", "scope": "openid"}
    ).json()
    page.goto(f"{house.url}/device")
    page.get_by_label("Code").fill(started["user_code"].lower().replace("-", " "))
    page.get_by_role("button", name="Next").click()
    page.get_by_label("Username", exact=True).fill("bob")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_text(started["user_code"])).to_be_visible()
    page.get_by_role("button", name="Allow", exact=True).click()
    expect(page.get_by_role("heading", name="The device is signed in")).to_be_visible()
    page.get_by_role("link", name="Where you are signed in").click()
    expect(page.get_by_role("heading", name="The TV")).to_be_visible()


def test_the_single_page_example_signs_in(page: Page, house: Site, elsewhere: str) -> None:
    """docs/examples/single-page.js as it is written, on a page of another site."""
    script = (ROOT / "docs" / "examples" / "single-page.js").read_text()
    own = f"""
window.app = signIn({house.url!r}, "page");
window.done = app.finish().then((tokens) => tokens && app.person(tokens));
"""
    page.add_init_script(f"if (location.origin === {elsewhere!r}) {{ {script}\n{own} }}")
    sign_in(page, house, "long")
    page.goto(f"{elsewhere}/callback")
    page.evaluate("() => { app.start(); }")
    page.get_by_role("button", name="Allow", exact=True).click()
    expect(page.get_by_role("heading", name="Arrived")).to_be_visible()
    assert page.evaluate("() => done")["name"] == LONG
    assert "code=" not in page.url
