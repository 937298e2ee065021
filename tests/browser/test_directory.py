"""A person of a directory in Chromium: in and out, first time and second time."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.peers.site import Site
from tests.peers.slapd import Directory, dn, slapd

pytestmark = [pytest.mark.browser, pytest.mark.pages]

RULES = {"recheck_minutes": "1", "disabled_when": '{employeeType = "left"}'}


@pytest.fixture(scope="module")
def directory() -> Iterator[Directory]:
    with slapd() as running:
        yield running


@pytest.fixture(scope="module")
def house(
    site: Callable[..., Site], directory: Directory, tmp_path_factory: pytest.TempPathFactory
) -> Site:
    own = site()
    file = Path(tmp_path_factory.mktemp("sources"), "sources.toml")
    file.write_text(directory.file(**RULES))
    own.manage("sources", "apply", str(file))
    return own


def sign_in(page: Page, house: Site, name: str, password: str = "") -> None:
    page.goto(f"{house.url}/login")
    form = page.get_by_role("region", name="Your work account")
    form.get_by_label("Username", exact=True).fill(name)
    form.get_by_label("Password", exact=True).fill(password or f"ldap-{name}")
    form.get_by_role("button", name="Sign in").click()


def test_in_and_out_first_time_and_second_time(page: Page, house: Site) -> None:
    people = set()
    for _ in range(2):
        sign_in(page, house, "alice")
        expect(page).to_have_url(f"{house.url}/account/")
        told = json.loads(page.context.request.get(f"{house.url}/auth/session").text())
        assert (told["type"], told["source"]) == ("ldap", "work")
        people.add((told["user"]["name"], told["user"]["username"]))
        page.goto(house.url)
        page.get_by_role("main").get_by_role("button", name="Sign out").click()
        expect(page).to_have_url(f"{house.url}/")
        expect(page.get_by_role("status")).to_contain_text("Your session here has ended")
    assert len(people) == 1


def test_what_is_wrong_is_said_of_the_work_account(page: Page, house: Site) -> None:
    sign_in(page, house, "alice", "wrong")
    alert = page.get_by_role("alert")
    expect(alert).to_contain_text("Your work account did not accept what you typed.")
    sign_in(page, house, "expired")
    expect(alert).to_contain_text("Your password has expired.")
    sign_in(page, house, "soon")
    expect(page.get_by_text("Your password expires within 5 days.")).to_be_visible()


def test_whoever_left_is_cut_off_and_told_why(
    page: Page, house: Site, directory: Directory
) -> None:
    sign_in(page, house, "bob")
    expect(page).to_have_url(f"{house.url}/account/")
    directory.modify(dn("bob"), employeeType="left")
    house.manage("deliver_outbox")
    page.wait_for_timeout(1000)  # until the worker has read the feed
    page.goto(f"{house.url}/account/")
    expect(page.get_by_role("alert")).to_contain_text("your account was closed")
