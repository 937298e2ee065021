"""The chart with a real CMS: up, down and hanging, each held to the edges that the seed draws."""

from __future__ import annotations

from itertools import pairwise

import pytest

from accounts.logout import chart
from accounts.models import StoredSession, StoredTokens
from accounts.provider import Visit
from accounts.session.store import SessionStore
from tests.chart.mermaid import edges
from tests.chart.test_chart import BY_THE_BROWSER
from tests.http.cms.conftest import Make, Visitor
from tests.peers.cms import SITE, Cms

pytestmark = pytest.mark.django_db(transaction=True)
WAY = [
    *("UserClicksLogout", "RedirectToLogoutEndpoint", "SessionExist", "CheckType"),
    *("IsAdgangsplatformen", "DestroySessionBeforeRedirect", "RedirectToAdgangsplatformenLogout"),
]


def departure_of(visitor: Visitor) -> chart.Departure:
    typed = SessionStore(visitor.site.cookies["vestibule"].value).typed
    cookies = dict(visitor.at_cms.cookies.items())
    departure = chart.leave(typed, Visit(), cookies, f"{SITE}/auth/logout/done")
    assert set(pairwise(departure.nodes)) <= edges()
    assert not StoredSession.objects.exists()
    assert not StoredTokens.objects.exists()
    return departure


def test_the_browser_walks_on_at_the_cms_and_comes_back_to_the_front_page(
    source: Make, library: Cms
) -> None:
    source()
    visitor = Visitor(library)
    visitor.enter()
    departure = departure_of(visitor)
    assert list(departure.nodes) == WAY
    assert ("RedirectToAdgangsplatformenLogout", "LogoutRemoteAdgangsplatformen") in BY_THE_BROWSER
    assert departure.visit == f"{library.url}/logout?current-path=/go-logout"
    assert visitor.at_cms.get(departure.visit).headers["Location"] == f"{SITE}/"


@pytest.mark.parametrize("kind", ["down", "slow"])
def test_a_cms_in_trouble_strands_nobody_and_keeps_nobody_signed_in(
    source: Make, library: Cms, kind: str
) -> None:
    source()
    visitor = Visitor(library)
    visitor.enter()
    library.trouble(kind)
    departure = departure_of(visitor)
    assert departure.visit == ""
    assert departure.nodes[-3:] == ("IsUnknown", "DestroySession", "RedirectToFrontpage")
