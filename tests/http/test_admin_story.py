"""What happened under a support code, as the administration tells it: step by step, in pictures."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from xml.etree import ElementTree

import pytest
import time_machine
from django.contrib.auth.models import Permission
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone

from accounts import events
from accounts.models import Event, Source, User
from portal.operations.story import flowchart
from tests.chart import mermaid
from tests.http.conftest import PASSWORD, begin, enter, sign_in, stored
from tests.peers.upstream import Upstream

pytestmark = pytest.mark.desk

Tenant = Callable[..., Source]
TRAIL = "/admin/accounts/event/"


@pytest.fixture
def admin(house: None) -> Client:
    ada = User.objects.create_superuser("ada", PASSWORD, name="Ada Operator")
    ada.give_local_identity()
    client = Client()
    sign_in(client, "ada")
    return client


def page(admin: Client, event: Event) -> str:
    answer = admin.get(f"{TRAIL}{event.pk}/change/")
    assert answer.status_code == 200
    return str(answer.content.decode())


def picture(html: str, kind: str) -> ElementTree.Element:
    """Return an SVG of the page, which must be well-formed and hold no style of its own."""
    found = re.search(rf'<svg class="{kind}".*?</svg>', html, re.S)
    assert found, html
    assert "style" not in found[0]
    return ElementTree.fromstring(found[0])


def words(svg: ElementTree.Element) -> str:
    return " | ".join(each.text or "" for each in svg.iter("text"))


def test_a_sign_in_is_told_step_by_step(admin: Client, tenant: Tenant) -> None:
    tenant()
    enter(Client(), "town", "bob")
    event = Event.objects.get(name="login.succeeded", source="town")
    html = page(admin, event)
    said = words(picture(html, "sequence"))
    for part in ("Chooses this way to sign in", "Sends the person there", "Calls the source"):
        assert part in said
    assert re.search(r"Calls the source · \d+ ms", said)
    assert "Town" in said
    # The newcomer's enrolment and sign-in are one story, whose steps are told once.
    assert said.count("Chooses this way") == 1
    assert "Came for the first time" in said
    assert "The same steps as a table" in html


def test_the_step_that_failed_is_pointed_out(admin: Client, tenant: Tenant, peer: Upstream) -> None:
    tenant()
    person = Client()
    asked = begin(person, "town")
    peer.mood = "failing"
    person.get("/auth/callback/town", {"code": "bob", "state": asked["state"]})
    html = page(admin, Event.objects.get(name="login.failed"))
    assert "It failed here:" in html
    svg = picture(html, "sequence")
    failed = [each for each in svg.iter("g") if each.get("class") == "step failed"]
    assert len(failed) == 2  # the call, and what the person was told
    assert all(any(part.get("class") == "cross" for part in each) for each in failed)


def test_no_step_holds_what_is_secret(admin: Client, tenant: Tenant) -> None:
    tenant()
    asked = begin(browser := Client(), "town")
    browser.get("/auth/callback/town", {"code": "hush-hush", "state": asked["state"]})
    kept = json.dumps(list(Event.objects.values_list("steps", "detail")))
    assert "call" in kept
    for secret in ("hush-hush", asked["state"], "?", "Bearer"):
        assert secret not in kept


@pytest.mark.parametrize(
    ("way", "lit"),
    [
        ("nothing", ["IsUnknown", "DestroySession", "RedirectToFrontpage"]),
        ("call", ["IsUnilogin", "CallUniloginLogout", "DestroySession", "RedirectToFrontpage"]),
        ("visit", ["IsAdgangsplatformen", "DestroySessionBeforeRedirect"]),
    ],
)
def test_a_logout_lights_its_way_on_the_chart(
    admin: Client, tenant: Tenant, way: str, lit: list[str]
) -> None:
    tenant(leaves_by=way)
    person = Client()
    enter(person, "town")
    person.post("/auth/logout")
    svg = picture(page(admin, Event.objects.get(name="logout")), "flow")
    shining = [each for each in svg.iter("g") if each.get("class") == "node lit"]
    said = {each.find("text").text for each in shining}  # type: ignore[union-attr]
    assert {str(flowchart.SPOTS[name].said) for name in lit} <= said
    dark = {name for name in flowchart.SPOTS if str(flowchart.SPOTS[name].said) not in said}
    assert {"RedirectBackToGo"} <= dark


def test_the_chart_that_is_drawn_is_the_one_of_the_seed() -> None:
    assert set(flowchart.EDGES) == mermaid.edges()


def test_what_an_administrator_does_has_one_code_and_one_name(admin: Client, person: User) -> None:
    sign_in(Client())
    sign_in(Client())
    before = set(Event.objects.values_list("pk", flat=True))
    form = {"username": "alice", "name": "Alice", "email": "a@example.org", "status": "disabled"}
    admin.post(f"/admin/accounts/user/{person.pk}/change/", form)
    acts = Event.objects.exclude(pk__in=before)
    assert {each.name for each in acts} >= {"session.ended", "person.disabled"}
    assert len({each.support_code for each in acts}) == 1
    assert {(each.actor, str(each.by)) for each in acts} == {("administrator", "Ada Operator")}
    html = page(admin, acts.get(name="person.disabled"))
    assert "Ada Operator (an administrator)" in html


def test_the_session_and_the_person_are_linked(admin: Client, person: User) -> None:
    browser = Client()
    sign_in(browser)
    html = page(admin, Event.objects.get(name="login.succeeded", user=person))
    assert f"/admin/accounts/user/{person.pk}/person/" in html
    assert f"/admin/accounts/storedsession/?q={stored(browser).uid}" in html
    clerk = User.objects.create_user("carl", PASSWORD, is_staff=True)
    clerk.give_local_identity()
    clerk.user_permissions.add(Permission.objects.get(codename="view_event"))
    sign_in(own := Client(), "carl")
    facts = page(own, Event.objects.get(name="login.succeeded", user=person)).split("<h2>")[0]
    facts = facts[facts.index('<dl class="facts">') :]
    assert "still alive" in facts
    assert "href" not in facts, "no link leads the reader to a 403"


def test_the_page_of_an_event_names_its_own_person(admin: Client, person: User) -> None:
    """One act ends the sessions of two: each event is told as that of its person."""
    bob = User.objects.create_user("bob", PASSWORD, name="Bob Holm")
    bob.give_local_identity()
    uids = []
    for each in (person, bob):
        sign_in(browser := Client(), each.username)
        uids.append(stored(browser).uid)
    chosen = {"action": "end_sessions", "_selected_action": uids}
    admin.post("/admin/accounts/storedsession/", chosen)
    for each in (person, bob):
        html = page(admin, Event.objects.get(name="session.ended", user=each))
        assert re.search(rf"<dt>Person</dt><dd><a [^>]*>{each}</a>", html)
        assert all(f"Session ended: {one}" in html for one in (person, bob))


@pytest.mark.parametrize(
    "term", ["Alice", "alice@example.org", "local", "127.0.0.1", "Ada Operator"]
)
def test_the_trail_is_searched_by(term: str, admin: Client, person: User) -> None:
    sign_in(Client())
    events.record(events.event("logout", source="elsewhere"))
    admin.post(f"/admin/accounts/user/{person.pk}/change/", {
        "username": "alice", "name": "Alice", "email": "alice@example.org", "status": "disabled",
    })  # fmt: skip
    html = admin.get(TRAIL, {"q": term}).content.decode()
    assert "elsewhere" not in html.split('id="changelist-filter"')[0].split("result_list")[-1]
    assert "result_list" in html, term


def wrong(number: int, **address: str) -> str:
    answer = sign_in(Client(**address), password=f"wrong-{number}")
    return str(answer.context["problem"]["code"])


def test_what_a_stranger_repeats_is_counted_in_one_row(admin: Client, person: User) -> None:
    codes = {wrong(number) for number in range(3)}
    row = Event.objects.get(name="login.failed")
    assert (row.count, codes) == (3, {row.support_code})
    assert "3 times" in admin.get(TRAIL, {"q": row.support_code}).content.decode()
    wrong(4, REMOTE_ADDR="192.0.2.7")
    assert Event.objects.filter(name="login.failed").count() == 2
    Event.objects.update(last_at=timezone.now() - timedelta(minutes=11))
    assert wrong(5) not in codes


def refresh_event(count: int, **fields: Any) -> None:
    events.record(*(events.event("page.refused", detail=str(n), **fields) for n in range(count)))


def test_the_trail_does_not_grow_without_bound(person: User, settings: Any) -> None:
    settings.VESTIBULE_EVENTS_MOST = 5
    refresh_event(4, user=person)
    refresh_event(10)
    call_command("clear_expired")
    assert Event.objects.filter(user=person).count() == 4, "strangers' rows go first"
    assert Event.objects.count() == 5
    settings.VESTIBULE_EVENTS_KEPT = timedelta(days=3)
    Event.objects.update(at=timezone.now() - timedelta(days=4))
    repeated = Event.objects.latest("pk")
    Event.objects.filter(pk=repeated.pk).update(count=2)
    call_command("clear_expired")
    assert list(Event.objects.values_list("pk", flat=True)) == [repeated.pk], "it goes on"


def test_a_stranger_who_writes_rows_cuts_them_too(
    person: User, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.VESTIBULE_EVENTS_MOST = 5
    monkeypatch.setattr(events, "_CUT_EVERY", 1)
    refresh_event(1, user=person)
    refresh_event(1, by=person)  # an operator's act, such as a client that was saved
    refresh_event(1, actor="site")
    for number in range(20):
        events.count(events.event("page.refused", detail=str(number)))
    assert Event.objects.count() == 5
    assert Event.objects.exclude(user=None, by=None, actor="person").count() == 3
    assert Event.objects.filter(detail="19").exists(), "the latest stay"


def test_a_refresh_is_counted_for_its_session(
    admin: Client, tenant: Tenant, peer: Upstream
) -> None:
    browser = Client()
    tenant()
    enter(browser, "town")
    session = stored(browser)
    for seconds in (275, 550):
        with time_machine.travel(timezone.now() + timedelta(seconds=seconds), tick=True):
            browser.get("/auth/session")
    row = Event.objects.get(name="session.refreshed")
    assert (row.count, row.user, row.session_uid) == (2, session.user, session.uid)
    assert "/refresh 200" in json.dumps(row.steps)
    peer.mood = "failing"
    with time_machine.travel(timezone.now() + timedelta(seconds=825), tick=True):
        browser.get("/auth/session")
    html = page(admin, Event.objects.get(name="refresh.failed"))
    assert "The source did not answer" in html


def test_the_trail_is_exported_as_json_lines(
    admin: Client, person: User, capsys: pytest.CaptureFixture[str]
) -> None:
    sign_in(Client())
    chosen = {
        "action": "export",
        "_selected_action": list(Event.objects.values_list("pk", flat=True)),
    }
    answer = admin.post(TRAIL, chosen)
    rows = [json.loads(line) for line in b"".join(answer.streaming_content).splitlines()]
    assert {"login.succeeded"} == {row["name"] for row in rows}
    alice = next(row for row in rows if row["person"] == person.uid)
    assert [step["what"] for step in alice["steps"]] == ["typed", "checked"]
    assert "Alice" not in json.dumps(rows)
    read_out = alice["support_code"].lower().replace("-", " ")
    call_command("events", "export", "--code", read_out)
    assert json.loads(capsys.readouterr().out)["support_code"] == alice["support_code"]
    assert Event.objects.filter(name="events.exported", actor="administrator").count() == 1
    for days in ("99999999999", "-99999999999"):
        with pytest.raises(CommandError, match=days):
            call_command("events", "export", f"--days={days}")
    with pytest.raises(CommandError, match="no support code"):
        call_command("events", "export", "--code", "3T6F")


def test_whoever_may_not_see_the_trail_exports_nothing(person: User) -> None:
    clerk = User.objects.create_user("carl", PASSWORD, is_staff=True)
    clerk.give_local_identity()
    client = Client()
    sign_in(client, "carl")
    assert client.post(TRAIL, {"action": "export", "_selected_action": [1]}).status_code == 403


def test_one_time_is_told_in_the_readers_words(admin: Client) -> None:
    """On the page, in its breadcrumb and at the tick box: the site's time, Copenhagen's here."""
    at = datetime(2026, 6, 30, 23, 30, tzinfo=UTC)
    event = Event.objects.create(name="page.refused", at=at)
    assert str(event) == "2026-07-01 01:30:00 page.refused"
    html = page(admin, event)
    assert "July 1, 2026, 1:30 a.m." in html
    assert "&rsaquo; Page refused\n" in html
    listed = admin.get(TRAIL).content.decode()
    assert 'aria-label="Select: Page refused, 1 Jul 2026 01:30"' in listed


def test_hostile_words_stay_text(admin: Client) -> None:
    made = events.event("page.refused", detail="<script>alert(1)</script>", source="<b>")
    events.record(made)
    html = page(admin, Event.objects.get(name="page.refused"))
    assert "<script>alert" not in html
    assert "<b>" not in html


def test_the_name_of_a_house_is_read_whole(admin: Client, tenant: Tenant, settings: Any) -> None:
    name = "Sommerby Bibliotek og Borgerservice"
    settings.VESTIBULE_INSTITUTION = {**settings.VESTIBULE_INSTITUTION, "name": name}
    tenant()
    enter(Client(), "town", "bob")
    event = Event.objects.get(name="login.succeeded", source="town")
    svg = picture(page(admin, event), "sequence")
    said = words(svg)
    assert "Sommerby Bibliotek og | Borgerservice" in said
