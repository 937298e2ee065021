"""Two people who are one: merged by an administrator, who gives no more than they have."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission
from django.test import Client

from accounts.models import Event, Identity, Source, StoredSession, User
from accounts.provider import Visit
from accounts.session import merging
from portal.authorization_server.models import AccessToken, Consent, RefreshToken
from tests.http.conftest import PASSWORD, enter, sign_in, stored
from tests.http.oauth.application import Application, register
from tests.http.oauth.test_meanwhile import meanwhile
from tests.http.oidc.conftest import parallel
from tests.http.test_at_that_moment import held_up
from tests.peers import fresh

pytestmark = pytest.mark.django_db(transaction=True)
Tenant = Callable[..., Source]
RIGHTS = ("change_user", "delete_user", "delete_identity", "view_user")


@pytest.fixture
def admin(house: None) -> Client:
    User.objects.create_superuser("ada", PASSWORD, name="Ada")
    client = Client()
    sign_in(client, "ada")
    return client


@pytest.fixture
def pair(tenant: Tenant) -> tuple[Client, Client]:
    """Give the browsers of somebody who came twice: by the town, and by the school."""
    browsers = (Client(), Client())
    for browser, slug in zip(browsers, ("town", "school"), strict=True):
        tenant(slug)
        enter(browser, slug, f"bob-of-{slug}")
    return browsers


def of(slug: str) -> User:
    return User.objects.get(identities__source__slug=slug)


def merge(client: Client, stays: User, goes: User) -> Any:
    return client.post(f"/admin/accounts/user/{stays.pk}/merge/", {"other": goes.uid})


def clerk(*rights: str, groups: tuple[str, ...] = ()) -> Client:
    user = User.objects.create_user("carl", PASSWORD, is_staff=True)
    user.give_local_identity()
    user.user_permissions.set(Permission.objects.filter(codename__in=rights))
    user.groups.add(*(Group.objects.get(name=name) for name in groups))
    client = Client()
    sign_in(client, "carl")
    return client


def test_both_ways_in_lead_to_one_account(admin: Client, pair: tuple[Client, Client]) -> None:
    stays, goes = of("town"), of("school")
    goes.groups.add(Group.objects.create(name="Readers"))
    at_school = Application(register(), pair[1])
    at_school.sign_in(scope="openid offline_access")
    page = admin.get(f"/admin/accounts/user/{stays.pk}/merge/", {"other": goes.username})
    said = page.content.decode()
    assert "Bob-Of-Town" in said
    assert "Bob-Of-School" in said
    assert "Readers" in said
    assert merge(admin, stays, goes)["Location"].endswith(f"/{stays.pk}/person/")
    assert not User.objects.filter(pk=goes.pk).exists()
    fresh.feed()
    assert pair[0].get("/auth/session").json()["isLoggedIn"] is True
    assert pair[1].get("/auth/session").json()["isLoggedIn"] is False
    assert at_school.userinfo().status_code == 401
    assert not AccessToken.objects.exists()
    again = Client()
    enter(again, "school", "bob-of-school")
    assert stored(again).user_id == stays.pk
    assert [each.name for each in stays.groups.all()] == ["Readers"]
    assert Consent.objects.get().user_id == stays.pk
    line = Event.objects.get(name="person.merged")
    assert (line.user_id, line.detail) == (stays.pk, f"with {goes.uid}")
    assert line.by is not None
    assert line.by.username == "ada"
    assert not Event.objects.filter(name="person.enrolled", user=None).exists()


def test_a_password_comes_along_where_there_is_none(
    admin: Client, pair: tuple[Client, Client], person: User
) -> None:
    merge(admin, of("town"), person)
    own = Client()
    sign_in(own)
    assert stored(own).user_id == of("town").pk
    assert of("town").email == "alice@example.org"
    enter(Client(), "town", "bob-of-town")


def test_of_two_passwords_that_of_who_stays_counts(admin: Client, person: User) -> None:
    other = User.objects.create_user("alice2", "another horse battery staple")
    other.give_local_identity()
    page = admin.get(f"/admin/accounts/user/{person.pk}/merge/", {"other": "alice2"})
    assert "Both have a password here" in page.content.decode()
    merge(admin, person, other)
    assert sign_in(Client()).status_code == 303
    assert sign_in(Client(), "alice2", "another horse battery staple").status_code == 400


def test_who_was_let_in_under_one_name_is_let_in(admin: Client, tenant: Tenant) -> None:
    tenant(columns={"require_assignment": True})
    tenant("school")
    waits, own = Client(), Client()
    enter(waits, "town", "bob")
    enter(own, "school", "bob2")
    merge(admin, of("town"), of("school"))
    assert waits.get("/account/").status_code == 200


def test_neither_may_be_disabled(admin: Client, pair: tuple[Client, Client]) -> None:
    User.objects.filter(pk=of("school").pk).update(status="disabled")
    answer = merge(admin, of("town"), of("school"))
    assert "is disabled" in answer.content.decode()
    answer = merge(admin, of("school"), of("town"))
    assert "is disabled" in answer.content.decode()
    assert User.objects.filter(identities__source__slug__in=["town", "school"]).count() == 2


@pytest.mark.parametrize("other", ["", "nobody", "x" * 300, "ada"])
def test_who_is_named_must_be_somebody_else(admin: Client, other: str) -> None:
    root = User.objects.get(username="ada")
    answer = admin.post(f"/admin/accounts/user/{root.pk}/merge/", {"other": other})
    assert answer.status_code == 200
    assert User.objects.count() == 1


def test_two_of_one_address_are_told_apart_by_the_username(admin: Client) -> None:
    for name in ("one", "two"):
        User.objects.create_user(name, email="us@example.org")
    root = User.objects.get(username="ada")
    page = admin.get(f"/admin/accounts/user/{root.pk}/merge/", {"other": "us@example.org"})
    assert "Several people are called so" in page.content.decode()


# --- Nobody gives more than they have -------------------------------------------------------------


@pytest.mark.parametrize("missing", RIGHTS[:3])
def test_each_right_is_needed(pair: tuple[Client, Client], missing: str) -> None:
    carl = clerk(*(right for right in RIGHTS if right != missing))
    assert merge(carl, of("town"), of("school")).status_code == 403
    assert User.objects.filter(identities__source__slug="school").exists()


def test_a_clerk_merges_those_who_may_do_no_more(pair: tuple[Client, Client]) -> None:
    carl = clerk(*RIGHTS)
    assert merge(carl, of("town"), of("school")).status_code == 303
    assert Identity.objects.filter(user=of("town"), source__slug="school").exists()


@pytest.mark.parametrize("which", ["stays", "goes"])
@pytest.mark.parametrize("power", ["is_staff", "is_superuser", "group"])
def test_a_clerk_reaches_nobody_who_may_do_more(
    pair: tuple[Client, Client], which: str, power: str
) -> None:
    """Whoever comes in by the new way would have it all."""
    strong = of("town") if which == "stays" else of("school")
    group = Group.objects.create(name="Rulers")
    if power == "group":
        strong.groups.add(group)
    else:
        User.objects.filter(pk=strong.pk).update(**{power: True})
    carl = clerk(*RIGHTS)
    assert merge(carl, of("town"), of("school")).status_code in {200, 403}
    assert of("town") != of("school")
    if power != "group":  # who is given it at that moment
        with pytest.raises(merging.CannotMerge):
            merging.merge(of("town"), of("school"), [], User.objects.get(username="carl"), Visit())


def test_a_clerk_hands_on_the_groups_that_they_are_in(pair: tuple[Client, Client]) -> None:
    of("school").groups.add(Group.objects.create(name="Desk"))
    carl = clerk(*RIGHTS, groups=("Desk",))
    assert merge(carl, of("town"), of("school")).status_code == 303
    assert of("town").groups.get().name == "Desk"


def test_rights_and_roles_of_who_goes_are_not_handed_on(
    admin: Client, pair: tuple[Client, Client]
) -> None:
    goes = of("school")
    User.objects.filter(pk=goes.pk).update(is_staff=True, is_superuser=True)
    goes.user_permissions.set(Permission.objects.all()[:3])
    goes.groups.add(Group.objects.get_or_create(name="role:front-desk")[0])
    merge(admin, of("town"), goes)
    stays = of("town")
    assert (stays.is_staff, stays.is_superuser) == (False, False)
    assert not stays.groups.exists()
    assert not stays.user_permissions.exists()


def test_nobody_merges_themselves_away(admin: Client, person: User) -> None:
    root = User.objects.get(username="ada")
    answer = merge(admin, person, root)
    assert "You cannot merge yourself away" in answer.content.decode()


# --- At the same moment ---------------------------------------------------------------------------


def test_of_two_merges_at_once_one_counts(admin: Client, pair: tuple[Client, Client]) -> None:
    town, school = of("town"), of("school")
    tab = Client()
    tab.cookies = admin.cookies
    works = iter([lambda: merge(admin, town, school), lambda: merge(tab, school, town)])
    answers = parallel(2, lambda: next(works)())
    assert all(each.status_code in {200, 302, 303, 404} for each in answers)
    assert of("town") == of("school")


def test_a_sign_in_at_that_moment_finds_who_stays(
    admin: Client, pair: tuple[Client, Client]
) -> None:
    town, school = of("town"), of("school")
    own = Client()

    def come() -> Any:
        return enter(own, "school", "bob-of-school")

    works = iter([come, lambda: merge(admin, town, school)])
    parallel(2, lambda: next(works)())
    assert of("school").pk == town.pk
    for row in StoredSession.objects.filter(source="school"):
        assert row.user_id == town.pk


def test_who_signs_in_while_merged_comes_in_where_nobody_new_may(
    admin: Client, pair: tuple[Client, Client], tenant: Tenant
) -> None:
    town, school = of("town"), of("school")
    tenant("school", columns={"enroll": False})
    ada = User.objects.get(username="ada")
    merged = partial(merging.merge, town, school, [], ada, Visit())
    (answer,) = meanwhile(merged, partial(enter, Client(), "school", "bob-of-school"))
    assert answer["Location"].startswith("/account/")
    assert Identity.objects.filter(user=town).count() == 2


def test_an_application_that_renews_while_its_person_is_merged_holds_nobody_up(
    admin: Client, pair: tuple[Client, Client]
) -> None:
    town, school = of("town"), of("school")
    app = Application(register(), pair[1])
    app.sign_in(scope="openid offline_access")
    live = RefreshToken.objects.filter(revoked=None).select_for_update()
    renewed, merged = held_up(live.get, app.refresh, partial(merge, admin, town, school))
    assert (renewed.status_code in {200, 400}, merged.status_code) == (True, 303)
    assert not User.objects.filter(pk=school.pk).exists()
