"""Go's two ways in and out, in Chromium, by the demo's library and school
(tests/chart/data/go.md).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.peers.demo import running

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def demo(
    migrated_file: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, str, str]]:
    """Give the origins of the site, of the schools' broker and of the library's CMS."""
    data: Path = tmp_path_factory.mktemp("demo")
    with running(data, migrated=migrated_file) as own:
        yield own.site, own.stand_in, own.library


def session(page: Page, site: str) -> dict[str, Any]:
    return dict(json.loads(page.context.request.get(f"{site}/auth/session").text()))


def walked(page: Page) -> list[str]:
    """Collect the addresses of all pages that the browser is sent to."""
    seen: list[str] = []
    page.on("request", lambda r: r.is_navigation_request() and seen.append(r.url.split("?")[0]))
    return seen


def leave(page: Page, site: str) -> None:
    page.goto(site)
    page.get_by_role("main").get_by_role("button", name="Sign out").click()


def test_a_patron_by_the_librarys_cms(page: Page, demo: tuple[str, str, str]) -> None:
    site, _broker, cms = demo
    seen = walked(page)
    page.goto(f"{site}/account/sessions")
    page.get_by_role("link", name="Library login").click()
    page.get_by_role("button", name="Rikke Læser").click()
    expect(page).to_have_url(f"{site}/account/sessions")
    way_in = [f"{cms}/login", f"{cms}/go-login", f"{site}/auth/callback/adgangsplatformen"]
    assert [url for url in dict.fromkeys(seen) if url in way_in] == way_in
    assert session(page, site)["type"] == "adgangsplatformen"
    seen.clear()
    leave(page, site)
    expect(page).to_have_url(f"{site}/")
    expect(page.get_by_role("status")).to_be_visible()
    way_out = [f"{site}/auth/logout", f"{cms}/logout", f"{cms}/go-logout", f"{site}/"]
    seen.remove(f"{site}/")  # where the button was
    assert [url for url in dict.fromkeys(seen) if url in way_out] == way_out
    assert session(page, site) == {"isLoggedIn": False, "type": "anonymous"}
    page.goto(f"{site}/account/")
    expect(page.get_by_role("link", name="Library login")).to_be_visible()


def test_a_teacher_by_unilogin(page: Page, demo: tuple[str, str, str]) -> None:
    site, broker, _cms = demo
    seen = walked(page)
    page.goto(f"{site}/login")
    page.get_by_role("link", name="Unilogin").click()
    page.get_by_role("button", name="Tove").click()
    expect(page).to_have_url(f"{site}/account/")
    known = session(page, site)
    assert known["type"] == "unilogin"
    assert known["uniLoginUserInfo"]["institutionIds"] == ["A14701", "A10101"]
    assert any(url.startswith(f"{broker}/auth/realms/broker/") for url in seen)
    assert f"{site}/auth/callback/unilogin" in seen
    seen.clear()
    leave(page, site)
    expect(page).to_have_url(f"{site}/")
    assert not [url for url in seen if url.startswith(broker)]  # the site calls, nobody visits
    assert session(page, site) == {"isLoggedIn": False, "type": "anonymous"}


def test_a_pupil_of_another_municipality_is_told_whom_to_ask(
    page: Page, demo: tuple[str, str, str]
) -> None:
    site, _broker, _cms = demo
    page.goto(f"{site}/login")
    page.get_by_role("link", name="Unilogin").click()
    page.get_by_role("button", name="Bo A pupil").click()
    expect(page.get_by_role("heading", name="You do not have access")).to_be_visible()
    assert session(page, site)["isLoggedIn"] is False
