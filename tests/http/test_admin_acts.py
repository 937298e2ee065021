"""What is done in the administration is an event, which forgets people with their account."""

from __future__ import annotations

import re
from datetime import timedelta
from importlib import import_module
from types import SimpleNamespace
from typing import Any

import pytest
from django.apps import apps
from django.contrib import admin as administration
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.db.models import CASCADE, Model
from django.test import Client, RequestFactory
from django.utils import timezone

from accounts.models import Event, OutboxItem, User
from accounts.provider import Visit
from accounts.session import erasure, merging
from portal.door.event_words import EVENTS
from portal.operations.models import clear_ground_floor
from tests.http.conftest import PASSWORD, sign_in
from tests.http.test_rights_table import staff

PEOPLE = "/admin/accounts/user/"
CHANGED = [{"changed": {"fields": ["Status", "Groups"]}}]
# These say more themselves: which settings, which rule, by which source.
WRITE_THEIR_OWN = {
    "accounts.source", "accounts.identity", "accounts.storedsession", "gateway.accessrule",
    "authorization_server.client",
}  # fmt: skip
PAGES = sorted(model._meta.label_lower for model in administration.site._registry)

pytestmark = [pytest.mark.django_db, pytest.mark.desk]


@pytest.fixture
def ada(house: None) -> User:
    return User.objects.create_superuser("ada", PASSWORD, name="Ada")


@pytest.fixture
def admin(client: Client, ada: User) -> Client:
    sign_in(client, "ada")
    return client


def names() -> list[str]:
    told = Event.objects.exclude(name__startswith="login.").order_by("pk")
    return list(told.values_list("name", flat=True))


@pytest.mark.parametrize("label", PAGES)
def test_no_page_writes_to_djangos_log(ada: User, label: str) -> None:
    model = apps.get_model(label)
    page: Any = administration.site._registry[model]
    request = RequestFactory().get("/")
    request.user = ada
    row = model(pk=ada.pk) if label != "accounts.event" else Event(name="logout", user=ada)
    page.log_addition(request, row, [{"added": {}}])
    page.log_change(request, row, CHANGED)
    page.log_change(request, row, [])  # saved as it was
    page.log_deletions(request, [row])
    assert not LogEntry.objects.exists()
    told = [] if label in WRITE_THEIR_OWN else ["created", "changed", "deleted"]
    assert [name.rpartition(".")[2] for name in names()] == told
    assert {*names()} <= {*EVENTS}, "each has words"


def test_people_who_are_added_changed_and_deleted_are_events(admin: Client, ada: User) -> None:
    made = {"username": "eve", "name": "Eve Olsen", "status": "active", "_save": "1"}
    assert admin.post(f"{PEOPLE}add/", made).status_code == 302
    eve = User.objects.get(username="eve")
    form = {**made, "name": "Eve Holm", "email": "eve@example.org"}
    assert admin.post(f"{PEOPLE}{eve.pk}/change/", form).status_code == 302
    changed = Event.objects.get(name="person.changed")
    assert (changed.detail, changed.user, changed.by) == ("Name, E-mail", eve, ada)
    assert (changed.actor, changed.address) == ("administrator", "127.0.0.1")
    assert admin.post(f"{PEOPLE}{eve.pk}/delete/", {"post": "yes"}).status_code == 302
    assert names() == ["person.created", "person.changed", "person.deleted"]
    assert not LogEntry.objects.exists()
    told = str(list(Event.objects.values()))
    assert not [word for word in ("Eve", "eve", "Holm") if word in told]


def test_nobody_who_is_erased_or_merged_is_remembered(
    admin: Client, ada: User, person: User
) -> None:
    other = User.objects.create_user("bob", PASSWORD, name="Bob Holm")
    for each in (person, other):
        form = {"username": each.username, "name": f"{each.name} B.", "status": "active"}
        answer = admin.post(f"{PEOPLE}{each.pk}/change/", {**form, "_save": "1"})
        assert answer.status_code == 302
    merging.merge(person, other, [], ada, Visit("127.0.0.1"))
    erasure.erase(person, "by themselves")
    assert not LogEntry.objects.exists()
    assert "Holm" not in str(list(Event.objects.values()))


def test_groups_and_other_rows_are_named_by_what_they_are(admin: Client) -> None:
    assert admin.post("/admin/auth/group/add/", {"name": "Registry"}).status_code == 302
    group = Group.objects.get(name="Registry")
    assert Event.objects.get(name="role.created").detail == '"Registry"'
    group.user_set.add(User.objects.get())
    asked = admin.get(f"/admin/auth/group/{group.pk}/delete/").content.decode()
    assert "Registry" in asked
    assert not re.search("relationship|_groups", asked), "a row by which Django ties the two"
    admin.post(f"/admin/auth/group/{group.pk}/delete/", {"post": "yes"})
    assert Event.objects.get(name="role.deleted").detail == '"Registry"'
    soon = timezone.now() + timedelta(hours=1)
    item = OutboxItem.objects.create(kind="logout", next_at=soon, give_up_at=soon)
    admin.post(f"/admin/accounts/outboxitem/{item.pk}/delete/", {"post": "yes"})
    assert Event.objects.get(name="record.deleted").detail == f"accounts.outboxitem {item.pk}"


def test_each_row_that_goes_with_another_has_a_name_on_the_page_that_confirms_it() -> None:
    nameless = [
        model._meta.label
        for model in apps.get_models()
        if model.__module__.startswith(("accounts", "portal"))
        and any(
            getattr(field.remote_field, "on_delete", None) is CASCADE
            for field in model._meta.get_fields()
            if field.concrete
        )
        and model.__str__ is Model.__str__
    ]
    assert not nameless


def test_what_is_not_deleted_after_all_is_no_event(admin: Client, ada: User) -> None:
    """Of several people the last administrator stays, and so do the others."""
    eve = User.objects.create_user("eve", PASSWORD)
    other = User.objects.create_superuser("zoe", PASSWORD)
    other.give_local_identity()
    User.objects.filter(pk=ada.pk).update(is_superuser=True)
    ada.identities.all().delete()
    chosen = {"action": "delete_selected", "_selected_action": [eve.pk, other.pk], "post": "yes"}
    admin.post(PEOPLE, chosen)
    assert User.objects.filter(pk__in=[eve.pk, other.pk]).count() == 2
    assert "person.deleted" not in names()
    admin.post(PEOPLE, {**chosen, "_selected_action": [eve.pk]})
    assert names().count("person.deleted") == 1


def test_there_is_no_history_that_says_nothing_happened(admin: Client, ada: User) -> None:
    assert "/history/" not in admin.get(f"{PEOPLE}{ada.pk}/change/").content.decode()
    assert admin.get(f"{PEOPLE}{ada.pk}/history/").status_code == 404


# --- What a version before this one has written ---------------------------------------------------


def former_line(ada: User) -> None:
    LogEntry.objects.log_actions(ada.pk, User.objects.filter(pk=ada.pk), 2)


@pytest.mark.django_db(transaction=True)
def test_a_migration_empties_djangos_log(ada: User) -> None:
    former_line(ada)
    executor = MigrationExecutor(connection)
    executor.migrate([("operations", "0003_maintenance_and_alarms")])
    assert LogEntry.objects.exists()
    executor = MigrationExecutor(connection)
    executor.migrate(executor.loader.graph.leaf_nodes())
    assert not LogEntry.objects.exists()


def test_a_migration_points_to_the_operator_whom_an_event_named(ada: User) -> None:
    for detail in ("by ada", "by who-has-gone", "by hand"):
        name = "person.changed" if detail == "by hand" else "person.admitted"
        Event.objects.create(name=name, detail=detail, actor="administrator")
    migration = import_module("accounts.migrations.0032_admitted_by_whom")
    migration.point(apps, SimpleNamespace(connection=connection))
    found = Event.objects.order_by("pk").values_list("by__username", "detail")
    assert [*found] == [("ada", ""), (None, ""), (None, "by hand")]


def test_what_a_former_worker_writes_afterwards_goes_with_what_expires(ada: User) -> None:
    former_line(ada)
    clear_ground_floor()
    assert not LogEntry.objects.exists()


@pytest.mark.parametrize("kind", ["mail", "notice"])
def test_u40_nobody_without_all_rights_gives_up_what_tells_of_an_act(
    house: None, kind: str
) -> None:
    _user, carl = staff("view_outboxitem", "delete_outboxitem")
    soon = timezone.now() + timedelta(hours=1)
    rows = [OutboxItem.objects.create(kind=each, next_at=soon, give_up_at=soon)
            for each in (kind, "logout")]  # fmt: skip
    place = "/admin/accounts/outboxitem/"
    chosen = [str(each.pk) for each in rows]
    carl.post(place, {"action": "delete_selected", "_selected_action": chosen, "post": "yes"})
    assert OutboxItem.objects.count() == 2
    assert carl.post(f"{place}{rows[0].pk}/delete/", {"post": "yes"}).status_code == 403
    assert carl.post(f"{place}{rows[1].pk}/delete/", {"post": "yes"}).status_code == 302
    assert OutboxItem.objects.get() == rows[0]
    User.objects.create_superuser("ada", PASSWORD)
    ada = Client()
    sign_in(ada, "ada")
    assert ada.post(f"{place}{rows[0].pk}/delete/", {"post": "yes"}).status_code == 302
    assert not OutboxItem.objects.exists()
