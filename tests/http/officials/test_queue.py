"""docs/contract.md 5 and 7: people who await access stand in a queue, and are let in from it."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission
from django.test import Client
from django.utils.formats import date_format
from django.utils.timezone import localtime

from accounts.models import Event, Identity, StoredSession, User
from accounts.session import people
from tests.http.conftest import enter
from tests.http.officials.conftest import Counter
from tests.http.oidc.browser import Browser

pytestmark = pytest.mark.django_db(transaction=True)

QUEUE = "/admin/operations/awaitingperson/"


def page(user: User) -> str:
    return f"{QUEUE}{user.pk}/change/"


def click(client: Client, user: User, *groups: Group) -> Any:
    """Press the button of one click as the list draws it."""
    value = ":".join(str(each.pk) for each in (user, *groups))
    return client.post(QUEUE, {"_let_in": value})


def status(user: User) -> str:
    return User.objects.get(pk=user.pk).status


def of(user: User) -> set[str]:
    return set(user.groups.values_list("name", flat=True))


def test_the_queue_says_who_by_which_source_since_when_and_what_is_claimed(
    newcomer: User, desk: Client
) -> None:
    came = Event.objects.get(name="person.enrolled", user=newcomer).at
    answer = desk.get(QUEUE)
    row = answer.context["cl"].result_list[0]
    assert row.since == came
    shown = answer.content.decode()
    for words in ("Alice Ærø", "alice@example.org", "Town", "admins, staff", "Choose departments"):
        assert words in shown


def test_the_form_writes_moments_as_people_do(newcomer: User, desk: Client) -> None:
    came = Event.objects.get(name="person.enrolled", user=newcomer).at
    shown = desk.get(f"{QUEUE}{newcomer.pk}/change/").content.decode()
    assert date_format(localtime(came), "DATETIME_FORMAT") in shown
    assert "+00:00" not in shown


def test_the_list_of_pages_says_how_many_wait(newcomer: User, desk: Client) -> None:
    assert "Awaiting access (1)" in desk.get("/admin/").content.decode()
    people.admit(newcomer)
    index = desk.get("/admin/").content.decode()
    assert "Awaiting access" in index
    assert "Awaiting access (" not in index


def test_departments_of_the_claimed_names_are_offered_with_one_click(
    newcomer: User, browser: Browser, desk: Client
) -> None:
    staff, other = (Group.objects.create(name=name) for name in ("staff", "Staff of others"))
    shown = desk.get(QUEUE).content.decode()
    assert f'value="{newcomer.pk}:{staff.pk}"' in shown
    assert "Let in with staff" in shown
    assert other.name not in shown
    assert click(desk, newcomer, staff).status_code == 303
    assert (status(newcomer), of(newcomer)) == ("active", {"staff"})
    assert "Alice" in desk.get(QUEUE).content.decode()  # the message, once
    assert "Alice" not in desk.get(QUEUE).content.decode()
    assert browser.session()["status"] == "active"


def test_a_department_that_the_source_maps_is_offered_by_our_name(
    counter: Counter, browser: Browser, desk: Client
) -> None:
    counter()
    browser.sign_in("town")
    counter(columns={"groups": {"staff": "Citizens' office"}})
    Group.objects.create(name="Citizens' office")
    assert "Let in with Citizens&#x27; office" in desk.get(QUEUE).content.decode()


def test_the_form_has_the_suggested_departments_chosen_and_lets_in(
    newcomer: User, browser: Browser, desk: Client
) -> None:
    staff, extra = (Group.objects.create(name=name) for name in ("staff", "Registry"))
    auditor = Group.objects.get(name="role:auditor")
    form = desk.get(page(newcomer)).context["adminform"].form
    assert form["groups"].value() == [staff.pk] or form["groups"].value() == [staff]
    posted = {"groups": [staff.pk, extra.pk], "roles": [auditor.pk], "_let_in": "1"}
    assert desk.post(page(newcomer), posted).status_code == 302
    assert (status(newcomer), of(newcomer)) == ("active", {"staff", "Registry", "role:auditor"})
    assert browser.site.get("/account/").status_code == 200  # without signing in again


@pytest.mark.parametrize("kept_first", [False, True])
def test_who_is_let_in_with_a_role_opens_the_administration(
    counter: Counter, browser: Browser, desk: Client, kept_first: bool
) -> None:
    counter(columns={"staff": True})
    browser.sign_in("town")
    newcomer, staff = User.objects.get(name="Alice Ærø"), Group.objects.create(name="staff")
    posted = {"roles": [Group.objects.get(name="role:auditor").pk]}
    desk.post(page(newcomer), {**posted, "_keep" if kept_first else "_let_in": "1"})
    if kept_first:
        assert browser.site.get("/admin/").status_code == 302
        click(desk, newcomer, staff)
    assert (status(newcomer), User.objects.get(pk=newcomer.pk).is_staff) == ("active", True)
    assert browser.site.get("/admin/").status_code == 200
    assert browser.site.get("/admin/accounts/event/").status_code == 200


def test_who_is_let_in_without_one_does_not(
    counter: Counter, browser: Browser, desk: Client
) -> None:
    counter(columns={"staff": True})
    browser.sign_in("town")
    newcomer, staff = User.objects.get(name="Alice Ærø"), Group.objects.create(name="staff")
    desk.post(page(newcomer), {"groups": [staff.pk], "_let_in": "1"})
    assert status(newcomer) == "active"
    assert browser.site.get("/admin/").status_code == 403


def test_departments_can_be_saved_while_the_person_goes_on_waiting(
    newcomer: User, browser: Browser, desk: Client
) -> None:
    group = Group.objects.create(name="Registry")
    desk.post(page(newcomer), {"groups": [group.pk], "_keep": "1"})
    assert (status(newcomer), of(newcomer)) == ("awaiting_access", {"Registry"})
    assert browser.session()["status"] == "awaiting_access"
    assert not Event.objects.filter(name="person.admitted").exists()


def test_many_are_let_in_at_once_and_the_others_are_named(
    counter: Counter, browser: Browser, desk: Client
) -> None:
    counter()
    staff = Group.objects.create(name="staff")
    browser.sign_in("town")
    Browser(who="bob").sign_in("town")
    Browser(who="carol").sign_in("town")  # claims nothing
    names = [f"person{number:03}" for number in range(200)]  # of whom a cookie has no room
    User.objects.bulk_create(
        User(username=name, username_key=name, status="awaiting_access") for name in names
    )
    waiting = User.objects.filter(status="awaiting_access")
    chosen = {"action": "let_in_with_suggested", "_selected_action": [u.pk for u in waiting]}
    told = desk.post(QUEUE, chosen, follow=True).content.decode()
    assert "2 people are let in." in told
    assert re.search("Carol Clausen, .* and 196 more", told)
    assert User.objects.get(name="Carol Clausen").status == "awaiting_access"
    assert staff.user_set.count() == 2


def test_every_letting_in_is_an_event(newcomer: User, desk: Client) -> None:
    click(desk, newcomer, Group.objects.create(name="staff"))
    event = Event.objects.get(name="person.admitted")
    assert (event.user, event.actor, event.by.username) == (newcomer, "administrator", "ada")


def test_of_two_administrators_one_lets_in(newcomer: User, desk: Client) -> None:
    first, second = (Group.objects.create(name=name) for name in ("staff", "admins"))
    click(desk, newcomer, first)
    said = desk.get(click(desk, newcomer, second)["Location"]).content.decode()
    assert "no longer waits" in said
    assert of(newcomer) == {"staff"}
    assert desk.post(page(newcomer), {"groups": [second.pk]}).status_code == 302
    assert of(newcomer) == {"staff"}
    assert Event.objects.filter(name="person.admitted").count() == 1


def test_who_was_disabled_meanwhile_does_not_come_in_by_the_queue(
    newcomer: User, desk: Client
) -> None:
    group = Group.objects.create(name="staff")
    people.disable(newcomer)
    click(desk, newcomer, group)
    desk.post(page(newcomer), {"groups": [group.pk]})
    assert (status(newcomer), of(newcomer)) == ("disabled", set())


def test_a_group_that_has_gone_lets_nobody_in(newcomer: User, desk: Client) -> None:
    group = Group.objects.create(name="staff")
    gone = Group(pk=group.pk)
    group.delete()
    click(desk, newcomer, gone)
    assert status(newcomer) == "awaiting_access"


@pytest.mark.parametrize("value", ["", "x", "-1", "1:x", "9" * 30, "²", "0", "1:" + "9" * 18])
def test_a_button_that_was_not_drawn_lets_nobody_in(
    newcomer: User, desk: Client, value: str
) -> None:
    assert desk.post(QUEUE, {"_let_in": value}).status_code in {303, 400}
    assert status(newcomer) == "awaiting_access"


# --- Who may --------------------------------------------------------------------------------------


def test_letting_in_is_a_permission_of_its_own(newcomer: User, clerk: Client) -> None:
    staff = Group.objects.create(name="staff")
    User.objects.get(username="carl").groups.add(staff)
    assert clerk.get("/admin/accounts/user/").status_code == 403
    assert "Let in with staff" in clerk.get(QUEUE).content.decode()
    click(clerk, newcomer, staff)
    assert status(newcomer) == "active"


def test_who_may_only_look_lets_nobody_in(newcomer: User, clerk: Client) -> None:
    User.objects.get(username="carl").user_permissions.remove(
        Permission.objects.get(codename="change_awaitingperson")
    )
    group = Group.objects.create(name="staff")
    shown = clerk.get(QUEUE)
    assert shown.status_code == 200
    assert "_let_in" not in shown.content.decode()
    assert "_let_in" not in clerk.get(page(newcomer)).content.decode()
    assert click(clerk, newcomer, group).status_code == 403
    assert clerk.post(page(newcomer), {"groups": [group.pk]}).status_code == 403
    assert status(newcomer) == "awaiting_access"


def test_nobody_gives_departments_with_more_rights_than_they_have(
    newcomer: User, clerk: Client
) -> None:
    rulers = Group.objects.create(name="admins")
    rulers.permissions.add(Permission.objects.get(codename="delete_user"))
    assert 'name="_let_in"' not in clerk.get(QUEUE).content.decode()
    assert click(clerk, newcomer, rulers).status_code == 403
    clerk.post(page(newcomer), {"groups": [rulers.pk]})
    assert (status(newcomer), of(newcomer)) == ("awaiting_access", set())


def test_nobody_lets_in_a_person_who_may_then_do_more_than_they(
    newcomer: User, clerk: Client
) -> None:
    User.objects.filter(pk=newcomer.pk).update(is_superuser=True)
    group = Group.objects.create(name="staff")
    assert click(clerk, newcomer, group).status_code == 403
    assert clerk.post(page(newcomer), {"groups": [group.pk]}).status_code == 403
    assert "_let_in" not in clerk.get(QUEUE).content.decode()
    assert status(newcomer) == "awaiting_access"


def test_whoever_waits_opens_no_queue(newcomer: User, browser: Browser) -> None:
    User.objects.filter(pk=newcomer.pk).update(is_staff=True, is_superuser=True)
    assert browser.site.get(QUEUE)["Location"] == "/"
    assert click(browser.site, newcomer, Group(pk=1)).status_code == 302
    assert status(newcomer) == "awaiting_access"


def test_nobody_is_added_or_deleted_in_the_queue(newcomer: User, desk: Client) -> None:
    assert desk.get(QUEUE + "add/").status_code == 403
    assert desk.post(f"{QUEUE}{newcomer.pk}/delete/", {"post": "yes"}).status_code == 403
    act = {"action": "delete_selected", "_selected_action": [newcomer.pk], "post": "yes"}
    desk.post(QUEUE, act)
    assert User.objects.filter(pk=newcomer.pk).exists()


def test_a_post_from_elsewhere_lets_nobody_in(newcomer: User, desk: Client) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = desk.cookies
    assert click(strict, newcomer, Group.objects.create(name="staff")).status_code == 403
    assert status(newcomer) == "awaiting_access"


# --- Odd rows -------------------------------------------------------------------------------------


def test_a_person_sent_back_waits_since_then(newcomer: User, desk: Client) -> None:
    people.admit(newcomer)
    form = {"username": newcomer.username, "name": "A", "email": "", "status": "awaiting_access"}
    desk.post(f"/admin/accounts/user/{newcomer.pk}/change/", form)
    back = Event.objects.get(name="person.status_changed").at
    assert desk.get(QUEUE).context["cl"].result_list[0].since == back
    assert not StoredSession.objects.filter(user=newcomer).exists()


def test_hostile_names_and_claims_stay_text(newcomer: User, desk: Client) -> None:
    User.objects.filter(pk=newcomer.pk).update(name="<img src=x>")
    odd = ["<script>", 'a"b', 7, None, "æ" * 200]
    Identity.objects.update(claimed_groups=odd)
    Group.objects.create(name='a"b')
    for address in (QUEUE, page(newcomer)):
        shown = desk.get(address).content.decode()
        assert "<img src=x>" not in shown
        assert "<script>" not in shown
        assert "&lt;script&gt;" in shown


def test_the_queue_costs_the_same_for_one_and_for_twenty(
    counter: Counter, desk: Client, tenant: Any, peer: Any
) -> None:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    tenant(columns={"require_assignment": True})
    Group.objects.create(name="town-staff")
    peer.extra = {"groups": ["town-staff"]}

    def cost() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert desk.get(QUEUE).status_code == 200
        # The ended feed is read again after half a second, whoever asks.
        return sum("endedentry" not in query["sql"] for query in captured.captured_queries)

    enter(Client(), "town", "p0")
    desk.get(QUEUE)
    one = cost()
    for number in range(1, 20):
        enter(Client(), "town", f"p{number}")
    assert cost() <= one
