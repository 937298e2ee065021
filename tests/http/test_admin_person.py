"""One page per person: what is known, and what is done there at once."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.contrib.auth.models import Group, Permission
from django.test import Client
from django.utils import timezone

from accounts.models import Event, Source, StoredSession, User
from tests.http.conftest import PASSWORD, at_most, enter, sign_in, stored
from tests.http.onward import onward
from tests.peers import fresh

pytestmark = pytest.mark.desk

Tenant = Callable[..., Source]
FIREFOX = "Mozilla/5.0 (Windows NT 10.0; rv:128.0) Gecko/20100101 Firefox/128.0"


@pytest.fixture
def admin(house: None) -> Client:
    User.objects.create_superuser("ada", PASSWORD, name="Ada").give_local_identity()
    client = Client()
    sign_in(client, "ada")
    return client


def url(person: User) -> str:
    return f"/admin/accounts/user/{person.pk}/person/"


def act(client: Client, person: User, what: str, **sent: Any) -> Any:
    return client.post(url(person), {"act": what, **sent})


def is_signed_in(client: Client) -> bool:
    fresh.feed()
    return bool(client.get("/auth/session").json()["isLoggedIn"])


def clerk(*rights: str) -> Client:
    user = User.objects.create_user("carl", PASSWORD, is_staff=True)
    user.give_local_identity()
    user.user_permissions.set(Permission.objects.filter(codename__in=rights))
    client = Client()
    sign_in(client, "carl")
    return client


def test_the_page_tells_all_that_is_known(admin: Client, tenant: Tenant) -> None:
    tenant(columns={"groups": {"staff": "Registry"}})
    browser = Client(headers={"User-Agent": FIREFOX}, REMOTE_ADDR="192.0.2.7")
    enter(browser, "town", "bob")
    bob = User.objects.get(identities__subject="bob")
    bob.identities.update(claimed_groups=["staff"])
    bob.groups.add(*(Group.objects.create(name=name) for name in ("Registry", "Readers")))
    bob.groups.add(Group.objects.get(name="role:auditor"))
    html = admin.get(url(bob)).content.decode()
    for part in ("Town", "Firefox, Windows", "192.0.2.7", "Claims the groups:", "Auditor",
                 "Came for the first time", "Signed in"):  # fmt: skip
        assert part in html, part
    groups = html.split("<h2>Groups</h2>")[1]
    assert 'Registry</strong> <span class="quiet">Town' in groups
    assert 'Readers</strong> <span class="quiet">given here' in groups
    assert "own do not ask." in html, "they know the person all the same"
    assert stored(browser).session_key not in html


def test_it_costs_the_same_for_one_session_and_for_twenty(admin: Client, person: User) -> None:
    for _ in range(20):
        sign_in(Client())
    admin.get(url(person))
    with at_most(16):
        admin.get(url(person))


def test_all_sessions_end_at_once(admin: Client, person: User) -> None:
    browsers = [Client(), Client()]
    for each in browsers:
        sign_in(each)
    answer = act(admin, person, "end-all")
    assert answer["Location"] == url(person)
    assert "2 sessions have ended." in admin.get(url(person)).content.decode()
    assert not any(is_signed_in(each) for each in browsers)
    ended = Event.objects.filter(name="session.ended")
    assert {(each.actor, str(each.by)) for each in ended} == {("administrator", "Ada")}
    assert len({each.support_code for each in ended}) == 1


def test_one_session_ends_alone(admin: Client, person: User) -> None:
    one, other = Client(), Client()
    sign_in(one)
    sign_in(other)
    act(admin, person, "end", session=stored(one).uid)
    assert (is_signed_in(one), is_signed_in(other)) == (False, True)
    mine = StoredSession.objects.get(user__username="ada")
    act(admin, person, "end", session=mine.uid)
    assert is_signed_in(admin), "a session of somebody else is not ended from this page"


def test_nul_in_what_is_posted_is_refused(admin: Client, person: User) -> None:
    assert act(admin, person, "end", session="\0").status_code == 400
    chosen = {"action": "end_sessions", "_selected_action": "\0"}
    assert admin.post("/admin/accounts/storedsession/", chosen).status_code == 400


def test_who_is_disabled_is_cut_off_at_once_and_may_come_again(admin: Client, person: User) -> None:
    browser = Client()
    sign_in(browser)
    act(admin, person, "disable")
    assert not is_signed_in(browser)
    person.refresh_from_db()
    assert person.status == "disabled"
    assert sign_in(Client()).status_code == 403
    act(admin, person, "enable")
    assert sign_in(Client()).status_code == 303


def test_nobody_who_waits_comes_in_by_being_enabled(admin: Client, person: User) -> None:
    User.objects.filter(pk=person.pk).update(status="awaiting_access")
    act(admin, person, "enable")
    person.refresh_from_db()
    assert person.status == "awaiting_access"


def test_a_way_in_is_taken_away_with_a_reason(admin: Client, tenant: Tenant) -> None:
    tenant()
    browser = Client()
    enter(browser, "town", "bob")
    bob = User.objects.get(identities__subject="bob")
    way = bob.identities.get()
    act(admin, bob, "unlink", identity=way.pk, reason="  ")
    assert bob.identities.exists()
    act(admin, bob, "unlink", identity=way.pk, reason="left the school")
    assert not bob.identities.exists()
    assert not is_signed_in(browser)
    event = Event.objects.get(name="identity.unlinked")
    assert (event.detail, event.user, event.actor) == ("left the school", bob, "administrator")
    ada = User.objects.get(username="ada")
    assert (
        act(admin, bob, "unlink", identity=ada.identities.get().pk, reason="x").status_code == 404
    )


@pytest.mark.parametrize("what", ["unlink", "remove-passkey", "enable"])
def test_what_a_colleague_has_done_already_is_said_so(
    admin: Client, person: User, what: str
) -> None:
    way = person.identities.get().pk
    person.identities.all().delete()
    answer = act(admin, person, what, identity=way, passkey=1, reason="left the school")
    assert answer["Location"] == url(person)
    assert b"That was over already." in admin.get(answer["Location"]).content


def test_the_last_administrator_is_neither_disabled_nor_unlinked(admin: Client) -> None:
    ada = User.objects.get(username="ada")
    assert act(admin, ada, "disable").status_code == 403  # nobody shuts themselves out
    act(admin, ada, "unlink", identity=ada.identities.get().pk, reason="x")
    assert ada.identities.exists()


def test_who_may_not_let_a_colleague_in_again_reads_who_may(admin: Client) -> None:
    shut = User.objects.create_user("dora", is_staff=True, status="disabled")
    said = "Only somebody with all rights lets in those who may open"
    assert said in clerk("view_user", "change_user").get(url(shut)).content.decode()
    assert said not in admin.get(url(shut)).content.decode()


@pytest.mark.parametrize("what", ["end-all", "disable", "enable", "unlink", "end"])
def test_whoever_may_only_look_does_nothing(what: str, person: User) -> None:
    client = clerk("view_user")
    assert client.get(url(person)).status_code == 200
    assert act(client, person, what, identity="1", reason="x").status_code == 403


@pytest.mark.parametrize("what", ["disable", "unlink"])
def test_nobody_touches_a_person_who_may_do_more(what: str, admin: Client) -> None:
    client = clerk("view_user", "change_user", "delete_identity")
    ada = User.objects.get(username="ada")
    sent = {"identity": ada.identities.get().pk, "reason": "x"}
    assert act(client, ada, what, **sent).status_code == 403
    assert ada.identities.exists()


@pytest.mark.parametrize("status", ["disabled", "awaiting_access"])
def test_u27_a_clerk_lets_no_colleague_in_whom_an_administrator_has_shut_out(
    status: str, admin: Client, person: User
) -> None:
    client = clerk("view_user", "change_user", "view_awaitingperson", "change_awaitingperson")
    desk = Group.objects.create(name="Desk")
    for each in User.objects.filter(username__in=["carl", "alice"]):
        each.groups.add(desk)
    person.identities.update(claimed_groups=["Desk"])
    User.objects.filter(pk=person.pk).update(status=status, is_staff=True)
    assert "Let sign in again" not in client.get(url(person)).content.decode()
    act(client, person, "enable")
    edited = f"/admin/accounts/user/{person.pk}/change/"
    own = {"username": "alice", "name": "A", "email": "a@example.org", "groups": [desk.pk]}
    for wanted in {"active", "awaiting_access"} - {status}:
        answer = client.post(edited, {**own, "status": wanted})
        assert "Only somebody with all rights lets in" in answer.content.decode()
    queue = "/admin/operations/awaitingperson/"
    client.post(queue, {"_let_in": f"{person.pk}:{desk.pk}"})
    client.post(queue, {"action": "let_in_with_suggested", "_selected_action": person.pk})
    client.post(f"{queue}{person.pk}/change/", {"groups": [desk.pk]})
    person.refresh_from_db()
    assert person.status == status
    assert client.post(edited, {**own, "status": status}).status_code == 302, "the rest is theirs"
    assert client.post(edited, {**own, "status": "disabled"}).status_code == 302
    act(admin, person, "enable")
    person.refresh_from_db()
    assert person.status == "active"


def test_what_the_reader_may_not_see_is_left_out(person: User) -> None:
    sign_in(Client(REMOTE_ADDR="192.0.2.9"))
    html = clerk("view_user").get(url(person)).content.decode()
    for part in ("192.0.2.9", "What happened lately", "Ways in", "End all sessions"):
        assert part not in html
    assert clerk_without().get(url(person)).status_code == 403


def clerk_without() -> Client:
    user = User.objects.create_user("olga", PASSWORD, is_staff=True)
    user.give_local_identity()
    client = Client()
    sign_in(client, "olga")
    return client


def test_the_buttons_ask_for_a_recent_sign_in(admin: Client, person: User) -> None:
    with time_machine.travel(timezone.now() + timedelta(minutes=20)):
        assert admin.get(url(person)).status_code == 200
        sent = act(admin, person, "disable")
        assert onward(admin, sent)["Location"].endswith("&again=1")
    person.refresh_from_db()
    assert person.status == "active"


def test_hostile_names_stay_text(admin: Client) -> None:
    eve = User.objects.create_user("eve", name="<script>alert(1)</script>")
    assert "<script>alert" not in admin.get(url(eve)).content.decode()
