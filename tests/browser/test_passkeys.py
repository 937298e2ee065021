"""Passkeys in Chromium, with its virtual authenticator: added, used, refused."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, Route, expect

from tests.browser.authenticator import NO_AUTOFILL, Device, add, leave, press
from tests.browser.conftest import PASSWORD, PEOPLE, sign_in
from tests.peers.site import Site

pytestmark = [pytest.mark.browser, pytest.mark.pages]

# An assertion as another page of the machine would ask for it: the same host, another port.
ELSEWHERE = """async (challenge) => {
  const bytes = Uint8Array.from(atob(challenge.replace(/-/g, '+').replace(/_/g, '/')),
    (each) => each.charCodeAt(0));
  const made = await navigator.credentials.get(
    {publicKey: {challenge: bytes, rpId: 'localhost', userVerification: 'required'}});
  return JSON.stringify(made);
}"""


@pytest.fixture(scope="module")
def house(site: Callable[..., Site]) -> Site:
    own = site({"VESTIBULE_ALLOWED_HOSTS": "127.0.0.1"})
    people = PEOPLE.replace(
        '("bob",', '("carl", "Carl"), ("dora", "Dora"), ("erik", "Erik"), ("finn", "Finn"), ("bob",'
    )
    own.manage("shell", "--verbosity=0", stdin=people)  # one for each test: a passkey stays
    return own


@pytest.fixture
def device(page: Page) -> Device:
    """Give the device of a browser that fills in no passkeys: they wait for the button."""
    page.add_init_script(NO_AUTOFILL)
    return Device(page)


def test_added_used_and_removed(page: Page, house: Site, device: Device) -> None:
    sign_in(page, house)
    add(page, house.url, device)
    assert Axe().run(page).violations_count == 0
    leave(page)
    page.goto(f"{house.url}/login?next=/account/sessions")
    expect(page.get_by_role("button", name="Use a passkey")).to_be_visible()
    assert Axe().run(page).violations_count == 0
    press(page, device)
    expect(page).to_have_url(f"{house.url}/account/sessions")
    told = page.context.request.get(f"{house.url}/account/data/export").json()["data"]
    values = [each["value"] for each in told if each["name"] in {"acr", "amr"}]
    assert values == ["substantial", ["hwk", "user"]]
    # Removed, it is offered no more, and opens nothing on a device that has kept it.
    kept = device.credential()
    page.goto(f"{house.url}/account/passkeys")
    # The same device makes no second one.
    device.is_at_hand(True)
    page.get_by_role("button", name="Add a passkey").click()
    expect(page.get_by_role("alert")).to_contain_text("has a passkey for your account already")
    device.is_at_hand(False)
    page.get_by_role("button", name="Remove").click()
    expect(page.get_by_text("It signs nobody in any more")).to_be_visible()
    device.forgets()
    device.send("addCredential", credential=kept)
    device.is_at_hand(False)
    leave(page)
    page.goto(f"{house.url}/login")
    press(page, device)
    expect(page.get_by_role("main")).to_contain_text("This passkey does not open an account here")
    expect(page.get_by_text("Support code")).to_be_visible()
    assert Axe().run(page).violations_count == 0


def test_it_is_used_in_a_tab_from_before_another_sign_in(
    page: Page, house: Site, device: Device
) -> None:
    sign_in(page, house, "finn")
    add(page, house.url, device)
    leave(page)
    page.goto(f"{house.url}/login?next=/account/sessions")
    other = page.context.new_page()
    sign_in(other, house, "finn")
    other.wait_for_url("**/account/")
    leave(other)
    press(page, device)
    expect(page).to_have_url(f"{house.url}/account/sessions")


def test_who_cannot_unlock_the_device_is_not_let_in(
    page: Page, house: Site, device: Device
) -> None:
    sign_in(page, house, "carl")
    add(page, house.url, device)
    leave(page)
    page.goto(f"{house.url}/login")
    device.belongs_to_somebody_else()
    press(page, device)
    expect(page.get_by_role("alert")).to_contain_text("No passkey was used")
    expect(page.get_by_role("button", name="Use a passkey")).to_be_focused()
    page.get_by_label("Username", exact=True).fill("carl")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page).to_have_url(f"{house.url}/account/")


def test_a_copy_is_found_by_its_counter(page: Page, house: Site, device: Device) -> None:
    sign_in(page, house, "bob")
    add(page, house.url, device)
    copy = device.credential()
    leave(page)
    page.goto(f"{house.url}/login")
    press(page, device)
    expect(page).to_have_url(f"{house.url}/account/")
    device.is_at_hand(False)
    leave(page)
    device.send("removeCredential", credentialId=copy["credentialId"])
    device.send("addCredential", credential={**copy, "signCount": 0})
    page.goto(f"{house.url}/login")
    press(page, device)
    expect(page.get_by_role("heading", level=1)).to_have_text("This passkey is blocked")


def test_another_origin_gets_nothing(page: Page, house: Site, device: Device) -> None:
    sign_in(page, house, "dora")
    add(page, house.url, device)
    leave(page)
    port = house.url.rpartition(":")[2]
    page.goto(f"http://127.0.0.1:{port}/login")
    expect(page.get_by_label("Username", exact=True)).to_be_visible()
    expect(page.get_by_role("button", name="Use a passkey")).to_be_hidden()
    # A page at another port has the same host, and so the same relying party.
    page.goto(f"{house.url}/login")
    token = page.locator("[name=csrfmiddlewaretoken]").first.get_attribute("value") or ""
    asks = page.context.request
    form = {"csrfmiddlewaretoken": token}
    options = asks.post(f"{house.url}/login/passkey/options", form=form).json()
    page.route("http://localhost:1/", _page)
    page.goto("http://localhost:1/")
    device.is_at_hand(True)
    answer = page.evaluate(ELSEWHERE, options["challenge"])
    assert json.loads(answer)["type"] == "public-key"
    sent = {**form, "credential": answer}
    told = asks.post(f"{house.url}/login/passkey", form=sent)
    assert told.url.startswith(f"{house.url}/login/failed/")
    assert asks.get(f"{house.url}/auth/session").json()["isLoggedIn"] is False


def _page(route: Route) -> None:
    route.fulfill(content_type="text/html", body="<title>Elsewhere</title>")


@pytest.fixture
def plain(chromium: Browser) -> Iterator[Page]:
    """Give a page of a browser that runs no script."""
    context = chromium.new_context(java_script_enabled=False, locale="en")
    yield context.new_page()
    context.close()


def test_without_a_script_the_password_is_whole(plain: Page, house: Site) -> None:
    plain.goto(f"{house.url}/login")
    expect(plain.get_by_role("button", name="Use a passkey")).to_be_hidden()
    sign_in(plain, house, "long")
    plain.goto(f"{house.url}/account/passkeys")
    expect(plain.get_by_text("Your browser cannot add one here")).to_be_visible()
    expect(plain.get_by_role("button", name="Add a passkey")).to_be_hidden()


def test_the_browser_offers_it_where_the_username_is_typed(page: Page, house: Site) -> None:
    device = Device(page)
    sign_in(page, house, "erik")
    add(page, house.url, device)
    leave(page)
    device.is_at_hand(True)
    page.goto(f"{house.url}/login?next=/account/sessions&shared=1")
    expect(page).to_have_url(f"{house.url}/account/sessions")
    # What was ticked counts, and a computer that many share keeps no passkey.
    page.goto(f"{house.url}/account/passkeys")
    expect(page.get_by_text("None is added at a shared computer")).to_be_visible()
    expect(page.get_by_role("button", name="Add a passkey")).to_have_count(0)
