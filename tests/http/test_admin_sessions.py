"""docs/contract.md 7: sessions ended through the store, the trail, and pending logouts."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.test import Client
from django.utils import timezone

from accounts import events, outbox
from accounts.models import EndedEntry, Event, OutboxItem, Source, StoredSession, User
from accounts.provider import TokenSet
from portal.operations.admin import records
from tests.http.conftest import PASSWORD, enter, sign_in, stored
from tests.peers import fresh
from tests.peers.upstream import Upstream

SESSIONS = "/admin/accounts/storedsession/"


@pytest.fixture
def admin(client: Client, db: None) -> Client:
    User.objects.create_superuser("ada", PASSWORD, name="Ada")
    sign_in(client, "ada")
    return client


@pytest.fixture
def theirs(person: User) -> Client:
    client = Client()
    sign_in(client)
    return client


def is_signed_in(client: Client) -> bool:
    """Ask as a worker does that has read the ended feed within the last half second."""
    fresh.feed()
    return bool(client.get("/auth/session").json()["isLoggedIn"])


def end(admin: Client, *uids: str, **more: Any) -> Any:
    chosen = {"action": "end_sessions", "_selected_action": uids, **more}
    return admin.post(SESSIONS, chosen, follow=True)


def test_a_session_is_found_by_its_id_and_by_its_person(admin: Client, theirs: Client) -> None:
    uid = stored(theirs).uid
    for query in (uid, "alice", "Åberg", "alice@example.org"):
        page = admin.get(SESSIONS, {"q": query}).content.decode()
        assert uid in page
        assert stored(admin).uid not in page


def test_sessions_are_filtered_by_type_and_source(
    admin: Client, theirs: Client, tenant: Callable[..., Source]
) -> None:
    tenant()
    other = Client()
    enter(other, "town")
    page = admin.get(SESSIONS, {"type": "tenant", "source": "town"}).content.decode()
    assert stored(other).uid in page
    assert stored(theirs).uid not in page


def test_neither_the_key_nor_what_is_sealed_is_shown(admin: Client, theirs: Client) -> None:
    row = stored(theirs)
    for path in (SESSIONS, f"/admin/accounts/user/{row.user_id}/delete/"):
        page = admin.get(path).content.decode()
        assert row.uid in page
        assert row.session_key not in page
        assert row.session_data not in page


@pytest.mark.parametrize("page", ["change", "delete", "history"])
def test_no_address_carries_a_key(admin: Client, theirs: Client, page: str) -> None:
    assert admin.get(f"{SESSIONS}{stored(theirs).pk}/{page}/").status_code == 404


def test_ending_goes_through_the_store(admin: Client, theirs: Client) -> None:
    uid = stored(theirs).uid
    response = end(admin, uid)
    assert "1 session has ended." in response.content.decode()
    assert not is_signed_in(theirs)
    assert EndedEntry.objects.filter(kind="session", value=uid).exists()
    event = Event.objects.get(name="session.ended")
    assert event.session_uid == uid
    assert (event.actor, event.by.username) == ("administrator", "ada")


def test_ending_ends_the_devices_too(admin: Client, theirs: Client) -> None:
    parent = stored(theirs)
    StoredSession.objects.create(
        session_key="d" * 64, parent_uid=parent.uid, kind="client", user=parent.user,
        type="local", expire_date=timezone.now() + timedelta(days=1),
    )  # fmt: skip
    assert "2 sessions have ended." in end(admin, parent.uid).content.decode()


def test_all_that_a_search_found_can_be_ended(admin: Client, theirs: Client) -> None:
    chosen = {"action": "end_sessions", "_selected_action": stored(theirs).uid}
    admin.post(f"{SESSIONS}?q=alice", {**chosen, "select_across": "1"})
    assert not is_signed_in(theirs)
    assert is_signed_in(admin)


def test_a_clerk_keeps_no_administrator_out(admin: Client, theirs: Client) -> None:
    """Whoever ended their sessions again and again could not be stopped on any page."""
    role = Group.objects.get(name="role:front-desk")
    for name in ("carl", "dora"):
        user = User.objects.create_user(name, PASSWORD, is_staff=True)
        user.give_local_identity()
        user.groups.add(role)
    clerk, colleague = Client(), Client()
    sign_in(clerk, "carl")
    sign_in(colleague, "dora")
    ada = User.objects.get(username="ada")
    said = end(clerk, *(stored(each).uid for each in (admin, theirs, colleague)))
    assert "2 sessions have ended." in said.content.decode()
    assert "You may not end the sessions of these: " in said.content.decode()
    assert [is_signed_in(each) for each in (admin, theirs, colleague)] == [True, False, False]
    place = f"/admin/accounts/user/{ada.pk}/person/"
    assert "End all sessions" not in clerk.get(place).content.decode()
    for sent in ({"act": "end-all"}, {"act": "end", "session": stored(admin).uid}):
        assert clerk.post(place, sent).status_code == 403
    assert is_signed_in(admin)


def test_of_very_many_sessions_some_end_at_one_click(
    admin: Client, person: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(records, "AT_ONCE", 1)
    monkeypatch.setattr(records, "MOST_ENDED", 2)
    for _browser in range(3):
        sign_in(Client())
    chosen = {"action": "end_sessions", "_selected_action": ["x"], "select_across": "1"}
    said = admin.post(f"{SESSIONS}?q=alice", chosen, follow=True).content.decode()
    assert "2 sessions have ended." in said
    assert "There are more." in said
    assert StoredSession.objects.filter(user=person).count() == 1


def test_rows_are_never_just_deleted(admin: Client, theirs: Client) -> None:
    chosen = {"action": "delete_selected", "_selected_action": stored(theirs).uid, "post": "yes"}
    admin.post(SESSIONS, chosen)
    assert is_signed_in(theirs)


# --- The trail ------------------------------------------------------------------------------------


def test_a_support_code_is_found_however_it_is_typed(admin: Client) -> None:
    code = events.new_support_code()
    failed = events.event("login.failed", support_code=code, reason="login-failed", detail="why it")
    events.record(failed)
    for typed in (code, code.lower(), code.replace("-", ""), f" {code.replace('-', ' ')} "):
        page = admin.get("/admin/accounts/event/", {"q": typed}).content.decode()
        assert "1 event" in page, typed
    page = admin.get(f"/admin/accounts/event/{failed.pk or Event.objects.latest('pk').pk}/change/")
    assert page.status_code == 200


@pytest.mark.parametrize("query", [{"name": "login.succeeded"}, {"source": "local"}])
def test_the_trail_is_filtered(admin: Client, query: dict[str, str]) -> None:
    events.record(events.event("logout", source="town"))
    page = admin.get("/admin/accounts/event/", query).content.decode()
    assert "1 event" in page


def test_nobody_writes_the_trail(admin: Client) -> None:
    event = Event.objects.latest("pk")
    path = f"/admin/accounts/event/{event.pk}/"
    assert admin.get("/admin/accounts/event/add/").status_code == 403
    assert admin.post(path + "change/", {"name": "x"}).status_code == 403
    assert admin.post(path + "delete/", {"post": "yes"}).status_code == 403


# --- Pending logouts ------------------------------------------------------------------------------


@pytest.fixture
def pending(tenant: Callable[..., Source]) -> OutboxItem:
    tenant(leaves_by="call")
    outbox.post_logout("town", TokenSet(id_token="a-hint-of-bob"), "BCDF-2345")
    return OutboxItem.objects.get()


def test_a_pending_logout_is_tried_at_once(
    admin: Client, pending: OutboxItem, peer: Upstream
) -> None:
    chosen = {"action": "try_now", "_selected_action": pending.pk}
    page = admin.post("/admin/accounts/outboxitem/", chosen, follow=True).content.decode()
    assert "No longer pending: 1. Still pending: 0." in page
    assert Event.objects.filter(name="logout.delivered", support_code="BCDF-2345").exists()


def test_one_that_fails_again_stays(
    admin: Client, pending: OutboxItem, tenant: Callable[..., Source]
) -> None:
    tenant(upstream="http://127.0.0.1:9", leaves_by="call")
    chosen = {"action": "try_now", "_selected_action": pending.pk}
    page = admin.post("/admin/accounts/outboxitem/", chosen, follow=True).content.decode()
    assert "No longer pending: 0. Still pending: 1." in page


def test_what_is_sealed_in_it_is_not_shown_and_it_can_be_given_up(
    admin: Client, pending: OutboxItem
) -> None:
    path = f"/admin/accounts/outboxitem/{pending.pk}/"
    assert pending.sealed not in admin.get(path + "change/").content.decode()
    admin.post(path + "delete/", {"post": "yes"})
    assert not OutboxItem.objects.exists()
