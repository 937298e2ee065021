"""A house with people in it, and the steps of a person who uses it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, Page

from tests.peers.site import Site

PASSWORD = "correct horse battery staple"
LONG = "Donaudampfschifffahrtsgesellschaftskapitän von Hohenzollern-Sigmaringen"
RIGHT_TO_LEFT = "محمد عبد الرحمن بن علي بن عبد الله بن محمد بن أحمد"
PEOPLE = f"""
from accounts.models import User
for name, title in (("alice", "Alice Åberg"), ("bob", "Bob Berg"), ("long", {LONG!r}),
                    ("right", {RIGHT_TO_LEFT!r})):
    user = User.objects.create_user(name, {PASSWORD!r}, name=title, email=f"{{name}}@example.org")
    user.give_local_identity()
"""


@pytest.fixture(scope="module")
def house(site: Callable[..., Site]) -> Site:
    """Give a running site with two people in it."""
    own = site(threads=8)
    own.manage("shell", "--verbosity=0", stdin=PEOPLE)
    return own


def sign_in(page: Page, house: Site, name: str = "alice") -> None:
    """Sign in through the form, as a person does."""
    page.goto(f"{house.url}/login")
    page.get_by_label("Username", exact=True).fill(name)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()


def press_twice(page: Page, button: Locator) -> list[str]:
    """Press a button twice on a slow line. Returns what is posted, as it is posted."""
    posted: list[str] = []
    slow = {"offline": False, "latency": 700, "downloadThroughput": -1, "uploadThroughput": -1}
    page.context.new_cdp_session(page).send("Network.emulateNetworkConditions", slow)
    page.on("request", lambda sent: posted.append(sent.url) if sent.method == "POST" else None)
    button.evaluate("button => { button.click(); setTimeout(() => button.click(), 250); }")
    return posted
