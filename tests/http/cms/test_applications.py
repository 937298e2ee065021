"""Applications behind the gateway, and a session that hangs on the CMS's cookie: row 8 of
docs/threats.md 2.8 where that cookie does not arrive (docs/gateway.md 6).
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.utils import timezone

from accounts.models import Source, StoredSession
from accounts.source import catalogue
from portal.door.cookies import named
from portal.gateway import check, known
from portal.gateway.hosts import HELD
from tests.http.cms.conftest import Visitor
from tests.http.conftest import stored
from tests.http.gateway.asking import ask, rule
from tests.http.gateway.browser import FILES, SITE, Browser
from tests.peers import fresh
from tests.peers.cms import Cms

pytestmark = pytest.mark.django_db(transaction=True)
PAGE = f"https://{FILES}/"
RIKKE, LARS = "Rikke L%C3%A6ser", "Lars L%C3%A5ner"


@pytest.fixture
def browser(visitor: Visitor) -> Browser:
    """Give a browser in which Rikke has signed in by the library, and is in the application."""
    rule("files", FILES, cookies=[{"name": "app"}])
    visitor.enter()
    found = Browser()
    found.site = visitor.carry()
    url, page = found.go(PAGE)
    assert (url, page["Remote-Name"]) == (PAGE, RIKKE)
    found.jars[FILES].cookies["app"] = "1"
    return found


def after(seconds: float) -> Any:
    return time_machine.travel(timezone.now() + timedelta(seconds=seconds), tick=False)


def poll(browser: Browser) -> Any:
    """Ask as a script of the application does."""
    return ask(browser.jars[FILES], accept="*/*", sec_fetch_mode="cors")


def test_row_8_who_leaves_p_has_left_an_application_too(visitor: Visitor, browser: Browser) -> None:
    visitor.at_cms.sign_out()
    visitor.carry()
    with after(66):
        assert poll(browser).status_code == 200
        url, _page = browser.go(PAGE)
        assert url.startswith(f"{SITE}/login?next=")
        refused = poll(browser)
        assert refused.status_code == 401
        assert "app=" in refused["Set-Cookie"]
    assert not StoredSession.objects.exists()


def test_row_8_whoever_comes_next_is_known_by_their_own_name(
    visitor: Visitor, browser: Browser
) -> None:
    visitor.at_cms.sign_out()
    visitor.at_cms.sign_in("lars", "/login?current-path=/")
    visitor.carry()
    with after(66):
        url, page = browser.go(PAGE)
        assert (url, page["Remote-Name"]) == (PAGE, LARS)
    assert browser.jars[FILES].cookies["app"]["max-age"] == 0


def test_the_silent_way_costs_who_is_still_there_nothing(
    visitor: Visitor, browser: Browser, library: Cms
) -> None:
    library.trouble()
    mine = stored(browser.site).uid
    for minutes in (1.1, 2.2):
        with after(60 * minutes):
            away = browser.get(PAGE)
            assert away["Location"] == f"https://{FILES}/.vestibule/start?rd=%2F"
            assert not away.cookies
            frame = ask(browser.jars[FILES], sec_fetch_mode="navigate", sec_fetch_dest="iframe")
            assert frame.status_code == 200
            url, page = browser.go(PAGE)
            assert (url, page["Remote-Name"]) == (PAGE, RIKKE)
            assert browser.jars[FILES].cookies["app"].value == "1"
            assert browser.get(PAGE).status_code == 200
    assert stored(browser.site).uid == mine
    assert not library.calls


def test_a_page_that_asks_by_itself_goes_on_for_ten_minutes(browser: Browser) -> None:
    for seconds, status in ((300, 200), (590, 200), (601, 401)):
        with after(seconds):
            assert poll(browser).status_code == status


def test_the_short_way_neither_keeps_nor_remembers_it(browser: Browser) -> None:
    mine = f"{named(HELD)}={browser.jars[FILES].cookies[named(HELD)].value}"
    about = {"method": "GET", "proto": "https", "host": FILES, "uri": "/"}
    headers = {f"x-forwarded-{name}": value for name, value in about.items()}
    question = check.Question("", {**headers, "cookie": mine, "accept": "text/html"})
    for seconds, status in ((1, 200), (66, 302)):
        with after(seconds):
            answer, keep = check.weighed(question, known.identify)
            assert (answer.status, keep) == (status, None)
            assert check.at_hand(question, known.at_hand) is None


def test_it_is_the_same_where_the_sites_own_cookie_arrives(
    visitor: Visitor, browser: Browser, settings: Any
) -> None:
    settings.SESSION_COOKIE_DOMAIN = "example.org"
    mine = f"vestibule={visitor.site.cookies['vestibule'].value}"
    assert ask(cookie=mine)["Remote-Name"] == RIKKE
    with after(66):
        away = ask(cookie=mine)["Location"]
        assert away.startswith(f"{SITE}/login?next=")
        assert visitor.carry().get(away)["Location"] == PAGE
        fresh.caches()
        assert ask(cookie=mine)["Remote-Name"] == RIKKE
    with after(66 + 601):
        assert ask(cookie=mine, accept="*/*", sec_fetch_mode="cors").status_code == 401


def test_where_the_cookie_must_arrive_its_absence_ends_the_session_at_once(
    visitor: Visitor, browser: Browser, settings: Any
) -> None:
    row = Source.objects.get(slug="library")
    row.settings = {**row.settings, "cms_url": "https://www.aabybib.example"}
    catalogue.save(row)
    fresh.sources()
    settings.VESTIBULE_SITE_URL = "https://go.aabybib.example"
    rule("desk", "desk.aabybib.example")
    mine = f"vestibule={visitor.site.cookies['vestibule'].value}"
    assert ask(cookie=mine).status_code == 200
    assert ask(cookie=mine, host="desk.aabybib.example").status_code == 302
    assert not StoredSession.objects.exists()
