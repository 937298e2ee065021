"""The figures on the first page of the administration."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any
from xml.etree import ElementTree

import pytest
from django.core.cache import caches
from django.test import Client
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from accounts import events
from accounts.models import Event, Source, User
from accounts.trail import HERE, Step, note, walk
from portal.operations.charts import bars, figures
from tests.http.conftest import PASSWORD, at_most, enter, sign_in
from tests.peers.upstream import Upstream

pytestmark = pytest.mark.desk


@pytest.fixture
def admin(house: None) -> Client:
    User.objects.create_superuser("ada", PASSWORD, name="Ada").give_local_identity()
    client = Client()
    sign_in(client, "ada")
    return client


def charts(html: str) -> list[ElementTree.Element]:
    """Return the SVG of the page, each of which must be well-formed and hold no style."""
    found = re.findall(r'<svg class="bars.*?</svg>', html, re.S)
    assert not any("style=" in each for each in found)
    return [ElementTree.fromstring(each) for each in found]


def test_sign_ins_are_counted_by_type_and_outcome(
    admin: Client, person: User, tenant: Callable[..., Source]
) -> None:
    tenant()
    enter(Client(), "town", "bob")
    for number in range(3):
        sign_in(Client(), password=f"wrong-{number}")
    at = timezone.now()
    Event.objects.update(at=at)  # in one hour, though it may have turned since the first
    html = admin.get("/admin/").content.decode()
    assert "5 in the last 24 hours" in html
    titles = {each.text for each in charts(html)[0].iter("title")}
    hour = f"{timezone.localtime(at):%H}"
    assert {f"{hour} local: 1", f"{hour} tenant: 1", f"{hour} refused: 3"} <= titles
    table = html.split("As a table")[1].split("</table>")[0]
    assert re.findall(r"<td>(\d+)</td>", table) == ["1", "1", "3"]


@pytest.mark.remembers
def test_a_source_in_trouble_stands_out(
    admin: Client, tenant: Callable[..., Source], peer: Upstream
) -> None:
    tenant()
    assert "In trouble now" not in admin.get("/admin/").content.decode()
    peer.mood = "failing"
    browser = Client()
    browser.get("/auth/login/town")
    found = browser.get("/auth/login/town")
    browser.get(
        "/auth/callback/town",
        {"code": "bob", "state": re.search(r"state=([^&]+)", found["Location"])[1]},  # type: ignore[index]
    )
    html = admin.get("/admin/").content.decode()
    assert "In trouble now" in html


def test_the_95th_percentile_of_calls_is_told_by_source(
    admin: Client, tenant: Callable[..., Source]
) -> None:
    tenant()
    for milliseconds in range(1, 101):
        with walk():
            note(Step(HERE, "source:town", "call", "GET https://x.example", milliseconds))
            events.record(events.event("login.failed", source="town", detail=str(milliseconds)))
    html = admin.get("/admin/").content.decode()
    assert "Town: 95 ms" in html
    assert "1 source was called" in html


@given(st.lists(st.integers(0, 10_000), max_size=200))
def test_the_percentile_is_a_value_that_most_do_not_exceed(values: list[int]) -> None:
    found = figures.percentile(values)
    assert found in values or (found == 0 and not values)
    assert sum(each <= found for each in values) >= 0.95 * len(values)


def test_the_first_page_costs_the_same_for_few_and_for_many(admin: Client, person: User) -> None:
    rows = [events.event("login.succeeded", source="local", session_type="local", user=person)
            for _ in range(300)]  # fmt: skip
    events.record(*rows)
    admin.get("/admin/")
    with at_most(12):
        admin.get("/admin/")


@pytest.mark.remembers
@pytest.mark.parametrize(("calls", "kept"), [(900, False), (1100, True)])
def test_where_they_are_many_they_are_counted_once_a_minute(
    tenant: Callable[..., Source], calls: int, kept: bool
) -> None:
    tenant()
    step = [HERE, "source:town", "call", "", 7]
    Event.objects.bulk_create(Event(name="login.succeeded", steps=[step]) for _ in range(calls))
    first = figures.counted()
    (town,) = (each for each in first.sources if each.slug == "town")
    assert (town.calls, town.p95) == (calls, 7)
    assert sum(map(sum, first.sign_ins.values())) == calls
    Event.objects.update(steps=[], session_type="late")
    again = figures.counted()
    (town,) = (each for each in again.sources if each.slug == "town")
    assert (town.calls, town.p95) == ((calls, 7) if kept else (0, 0))
    assert again.sign_ins == ({"": first.sign_ins[""]} if kept else {"late": first.sign_ins[""]})


@pytest.mark.remembers
@pytest.mark.parametrize("held", [5, [1], "x", {}, ["ab"], [[None] * 6], [["x", "y"]]])
def test_what_lies_in_the_cache_and_is_no_figure_is_counted_anew(person: User, held: Any) -> None:
    events.record(events.event("login.succeeded", session_type="local", user=person))
    first = figures.counted()
    for what in ("sessions", "calls", f"{first.hours[0]:%d-%H}"):
        caches["default"].set(f"figures:{what}", held)
    assert replace(figures.counted(), at=first.at) == first


def test_what_is_older_than_a_day_is_not_counted(admin: Client, person: User) -> None:
    events.record(events.event("login.succeeded", session_type="old", user=person))
    Event.objects.filter(session_type="old").update(at=timezone.now() - timedelta(hours=25))
    found = figures.counted()
    assert "old" not in found.sign_ins
    assert sum(map(sum, found.sign_ins.values())) == 1


def test_whoever_may_not_see_events_sees_no_figures(house: None) -> None:
    clerk: Any = User.objects.create_user("carl", PASSWORD, is_staff=True)
    clerk.give_local_identity()
    client = Client()
    sign_in(client, "carl")
    assert "The last 24 hours" not in client.get("/admin/").content.decode()


def test_a_chart_of_nothing_says_so(db: None) -> None:
    chart = bars.by_hour(figures.counted())
    assert not chart.rows
    assert chart.marks
