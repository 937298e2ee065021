"""S09: tabs of one browser that come back from an upstream at once. The browser keeps the cookie of
whichever answer came last; its person leaves what all of them have made.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import Event, Source, StoredSession, User
from tests.http.conftest import begin, sign_in, stored
from tests.http.oauth.application import Application, register
from tests.http.oidc.conftest import parallel

pytestmark = pytest.mark.django_db(transaction=True)
Tenant = Callable[..., Source]


def tabs(count: int, slug: str = "town", browser: Client | None = None) -> list[tuple[Client, str]]:
    """Start a sign-in in so many tabs of one browser. Returns each with the state of its flow: none
    of them has seen what the others are answered.
    """
    browser = browser or Client()
    states = [begin(browser, slug)["state"] for _ in range(count)]
    return [(tab_of(browser), state) for state in states]


def tab_of(browser: Client) -> Client:
    tab = Client()
    for name, cookie in browser.cookies.items():
        tab.cookies[name] = cookie.value
    return tab


def come_back(tab: Client, state: str, who: str = "bob", slug: str = "town") -> Any:
    answer = tab.get(f"/auth/callback/{slug}", {"code": who, "state": state})
    assert answer["Location"] == "/account/"
    return answer


def beside_an_application() -> tuple[Application, Client]:
    """Come back in two tabs. Returns an application that was signed in by the first one, and the
    other tab.
    """
    (first, one), (second, two) = tabs(2)
    come_back(first, one)
    app = Application(register(), first)
    app.sign_in()
    come_back(second, two)
    return app, second


@pytest.mark.parametrize("last", range(3))
def test_s09_whoever_leaves_leaves_what_each_tab_has_made(tenant: Tenant, last: int) -> None:
    tenant()
    mine = tabs(3)
    for tab, state in mine:
        come_back(tab, state)
    other = Client()
    come_back(other, begin(other, "town")["state"])
    elsewhere = stored(other)
    assert StoredSession.objects.count() == 4

    mine[last][0].post("/auth/logout")
    assert StoredSession.objects.get() == elsewhere
    for tab, _state in mine:
        assert not tab.get("/auth/session").json()["isLoggedIn"]
    assert Event.objects.filter(name="logout").count() == 1


def test_s09_tabs_that_come_back_in_one_moment_are_left_together(tenant: Tenant) -> None:
    tenant()
    mine = tabs(4)
    left = iter(mine)
    parallel(4, lambda: come_back(*next(left)))
    assert StoredSession.objects.count() == 4
    mine[2][0].post("/auth/logout")
    assert not StoredSession.objects.exists()


def test_s09_an_application_of_another_tab_hears_of_it(tenant: Tenant) -> None:
    tenant()
    app, second = beside_an_application()
    assert app.userinfo().status_code == 200
    second.post("/auth/logout")
    assert app.userinfo().status_code == 401


def test_s09_whoever_signs_in_anew_takes_all_of_it_along(tenant: Tenant) -> None:
    tenant()
    app, second = beside_an_application()
    again = second.get("/auth/login/town?again=1")["Location"].split("state=")[1].split("&")[0]
    come_back(second, again)
    assert StoredSession.objects.get() == stored(second)
    assert app.userinfo().status_code == 200
    second.post("/auth/logout")
    assert app.userinfo().status_code == 401


def test_s09_from_another_device_they_end_together(tenant: Tenant) -> None:
    tenant()
    mine = tabs(2)
    for tab, state in mine:
        come_back(tab, state)
    other = Client()
    come_back(other, begin(other, "town")["state"])
    ended = stored(mine[1][0]).uid
    assert other.post("/account/sessions", {"end": ended}).status_code == 303
    assert StoredSession.objects.get() == stored(other)


def test_s09_somebody_else_in_another_tab_is_somebody_else(tenant: Tenant) -> None:
    tenant()
    (first, one), (second, two) = tabs(2)
    come_back(first, one)
    come_back(second, two, "carol")
    second.post("/auth/logout")
    assert StoredSession.objects.get() == stored(first)


def test_s09_the_flows_of_others_bring_nobody_together(tenant: Tenant, person: User) -> None:
    """A stranger who plants the cookie of a flow of their own ends nobody's session by it."""
    tenant()
    stranger, victim = Client(), Client()
    state = begin(stranger, "town")["state"]
    planted = {name: c.value for name, c in stranger.cookies.items() if name.startswith("vf-")}
    come_back(stranger, state, "mallory")
    ((tab, own),) = tabs(1, browser=victim)
    assert all(planted.values())
    tab.cookies.load(planted)
    come_back(tab, own)
    tab.post("/auth/logout")
    assert StoredSession.objects.get() == stored(stranger)


def test_s09_who_has_one_tab_pays_nothing_for_it(tenant: Tenant, person: User) -> None:
    tenant()
    ((tab, state),) = tabs(1)
    with CaptureQueriesContext(connection) as asked:
        come_back(tab, state)
    sign_in(Client())
    assert not [each for each in asked if 'state_digest" IN' in each["sql"]]
    assert not StoredSession.objects.exclude(parent_uid="").exists()
