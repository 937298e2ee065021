"""Chromium's virtual authenticator, and the steps of a person who has one."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import Page, expect

# For a browser that fills in no passkeys: they wait for the button.
NO_AUTOFILL = """if (window.PublicKeyCredential) {
  PublicKeyCredential.isConditionalMediationAvailable = async () => false;
}"""


class Device:
    """The authenticator of a page, which a person unlocks at once, or cannot."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.cdp = page.context.new_cdp_session(page)
        self.cdp.send("WebAuthn.enable")
        options = {"protocol": "ctap2", "transport": "internal", "hasResidentKey": True}
        options |= {"hasUserVerification": True, "isUserVerified": True}
        made = self.cdp.send("WebAuthn.addVirtualAuthenticator", {"options": options})
        self.id = made["authenticatorId"]
        self.is_at_hand(False)

    def send(self, name: str, **values: Any) -> Any:
        return self.cdp.send(f"WebAuthn.{name}", {"authenticatorId": self.id, **values})

    def is_at_hand(self, yes: bool) -> None:
        """Let its person touch it, or not: what waits for the autofill waits then."""
        self.send("setAutomaticPresenceSimulation", enabled=yes)

    def belongs_to_somebody_else(self) -> None:
        self.send("setUserVerified", isUserVerified=False)

    def forgets(self) -> None:
        """Wait until it has heard that its passkey counts no more."""
        while self.send("getCredentials")["credentials"]:
            self.page.wait_for_timeout(50)

    def credential(self) -> dict[str, Any]:
        found: list[dict[str, Any]] = self.send("getCredentials")["credentials"]
        return found[0]


def add(page: Page, url: str, device: Device) -> None:
    page.goto(f"{url}/account/passkeys")
    device.is_at_hand(True)
    page.get_by_role("button", name="Add a passkey").click()
    expect(page.get_by_text("From now on it signs you in")).to_be_visible()
    device.is_at_hand(False)


def press(page: Page, device: Device) -> None:
    button = page.get_by_role("button", name="Use a passkey")
    expect(button).to_be_visible()
    device.is_at_hand(True)
    button.click()


def leave(page: Page) -> None:
    page.get_by_role("banner").get_by_role("button", name="Sign out").click()
    expect(page.get_by_text("Your session here has ended")).to_be_visible()
