"""The API as people read it and try it, in Chromium, within the content security policy."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, expect

from tests.peers.site import Site

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.pages]


@pytest.fixture(scope="module")
def house(site: Callable[..., Site]) -> Site:
    return site()


def test_a_call_is_tried_and_no_other_host_is_asked(page: Page, house: Site) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(urlsplit(request.url).netloc))
    page.goto(f"{house.url}/docs")
    page.get_by_role("link", name="Try the calls in the browser").click()
    page.locator(".opblock-summary-control", has_text="/auth/session").click()
    page.get_by_role("button", name="Try it out").click()
    page.get_by_role("button", name="Execute").click()
    expect(page.locator(".live-responses-table").get_by_text('"isLoggedIn"')).to_be_visible()
    assert set(asked) == {urlsplit(house.url).netloc}


def test_an_address_brings_no_other_description(page: Page, house: Site) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"{house.url}/docs/try?url=/evil.json&configUrl=/evil.json#/auth")
    expect(page.get_by_role("heading", name="Vestibule")).to_be_visible()
    assert not [url for url in asked if urlsplit(url).path == "/evil.json"]
