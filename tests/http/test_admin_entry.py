"""docs/contract.md 7: the admin is entered through the front door, by administrators only."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse

from accounts.models import Source, User
from tests.http.conftest import PASSWORD, enter, sign_in

pytestmark = pytest.mark.desk

LISTS = ("source", "user", "identity", "storedsession", "event", "outboxitem")


@pytest.fixture
def administrator(db: None) -> User:
    return User.objects.create_superuser("ada", PASSWORD, name="Ada", email="ada@example.org")


@pytest.fixture
def admin(client: Client, administrator: User) -> Client:
    assert sign_in(client, "ada").status_code == 303
    return client


def give(user: User, *codenames: str) -> None:
    user.is_staff = True
    user.save()
    user.user_permissions.set(Permission.objects.filter(codename__in=codenames))


def test_a_stranger_is_sent_to_the_front_door_and_back(client: Client, db: None) -> None:
    response = client.get("/admin/")
    assert response.status_code == 302
    assert response["Location"] == "/login?next=%2Fadmin%2F"


def test_each_room_has_a_name_for_people(admin: Client) -> None:
    shown = [str(app["name"]) for app in admin.get("/admin/").context["app_list"]]
    assert "Applications" in shown
    assert not any("_" in name for name in shown)


def test_the_admins_own_login_page_leads_to_the_front_door(client: Client, db: None) -> None:
    response = client.get("/admin/login/?next=/admin/accounts/event/")
    assert response["Location"] == "/login?next=%2Fadmin%2Faccounts%2Fevent%2F"


def test_x16_nobody_signs_in_at_the_admins_own_login(client: Client, administrator: User) -> None:
    client.post("/admin/login/", {"username": "ada", "password": PASSWORD})
    assert client.get("/auth/session").json()["isLoggedIn"] is False


@pytest.mark.parametrize("path", ["/admin/", "/admin/login/", "/admin/accounts/source/"])
def test_a_person_who_is_no_administrator_is_refused(
    client: Client, person: User, path: str
) -> None:
    sign_in(client)
    assert client.get(path).status_code == 403


def test_rights_without_the_mark_of_an_administrator_are_not_enough(
    client: Client, person: User
) -> None:
    give(person, "view_event")
    User.objects.filter(pk=person.pk).update(is_staff=False)
    sign_in(client)
    assert client.get("/admin/accounts/event/").status_code == 403


def test_an_administrator_sees_only_what_was_permitted(client: Client, person: User) -> None:
    give(person, "view_event")
    sign_in(client)
    assert client.get("/admin/accounts/event/").status_code == 200
    for name in LISTS:
        if name != "event":
            assert client.get(f"/admin/accounts/{name}/").status_code == 403, name


def test_an_administrator_may_come_by_any_source_that_is_marked_for_them(
    client: Client, tenant: Callable[..., Source]
) -> None:
    tenant(columns={"staff": True})
    enter(client, "town", "bob")
    User.objects.update(is_staff=True, is_superuser=True)
    assert client.get("/admin/").status_code == 200


def test_a_disabled_administrator_is_a_stranger(admin: Client, administrator: User) -> None:
    User.objects.filter(pk=administrator.pk).update(status=User.Status.DISABLED)
    assert admin.get("/admin/").status_code in {302, 403}


@pytest.mark.parametrize("name", LISTS)
def test_each_list_opens_and_can_be_searched(admin: Client, name: str) -> None:
    path = reverse(f"admin:accounts_{name}_changelist")
    assert admin.get(path).status_code == 200
    assert admin.get(path, {"q": "bcdf-2345"}).status_code == 200


def test_the_groups_open(admin: Client) -> None:
    assert admin.get("/admin/auth/group/").status_code == 200
    assert admin.get("/admin/auth/group/add/").status_code == 200


def test_leaving_the_admin_is_leaving_the_house(admin: Client) -> None:
    response: Any = admin.post("/admin/logout/")
    assert response.status_code == 303
    assert response["Location"] == "/auth/logout"


def test_the_password_is_changed_where_everybody_does(admin: Client) -> None:
    assert admin.get("/admin/password_change/")["Location"] == "/account/password"
