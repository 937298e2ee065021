"""The desk: who puts whom under the duty, who resets whose factor, and what each right could make
of itself (U24).
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.contrib.auth.models import Group, Permission
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.factors import codes, duty, totp
from accounts.models import Event, FactorDuty, Source, User
from accounts.source import catalogue
from tests.http.conftest import PASSWORD, sign_in
from tests.http.factors.conftest import SECOND, Factor, begun, group_under, under
from tests.http.onward import onward
from tests.peers import fresh

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.desk]


def staff(name: str, *rights: str, root: bool = False) -> tuple[User, Client]:
    """Return somebody who opens the administration, and their browser."""
    user = User.objects.create_user(
        name, PASSWORD, is_staff=True, is_superuser=root, email=f"{name}@example.org"
    )
    user.give_local_identity()
    user.user_permissions.set(Permission.objects.filter(codename__in=rights))
    browser = Client(HTTP_HOST="localhost")
    sign_in(browser, name)
    return user, browser


@pytest.fixture
def root(house: None) -> tuple[User, Client]:
    return staff("root", root=True)


def edit(browser: Client, user: User, second_factor: Any, **changes: Any) -> Any:
    form = {
        "username": user.username, "name": user.name, "email": user.email, "status": user.status,
        "groups": list(user.groups.values_list("pk", flat=True)),
        "user_permissions": list(user.user_permissions.values_list("pk", flat=True)),
        "second_factor": second_factor, **changes,
    }  # fmt: skip
    return browser.post(f"/admin/accounts/user/{user.pk}/change/", form)


def edit_group(browser: Client, group: Group, second_factor: Any) -> Any:
    held = list(group.permissions.values_list("pk", flat=True))
    form = {"name": group.name, "permissions": held, "second_factor": second_factor}
    return browser.post(f"/admin/auth/group/{group.pk}/change/", form)


# --- Duty -----------------------------------------------------------------------------------------


def test_an_administrator_puts_people_and_groups_under_it_and_takes_them_out(
    root: tuple[User, Client], person: User
) -> None:
    admin = root[1]
    assert b'name="second_factor"' in admin.get(f"/admin/accounts/user/{person.pk}/change/").content
    assert edit(admin, person, "14").status_code == 302
    assert duty.days_of({"user": person}) == 14
    changed = Event.objects.get(name="duty.changed")
    assert (changed.user, changed.by, changed.detail) == (person, root[0], "after 14 days")
    assert edit(admin, person, "14").status_code == 302
    assert Event.objects.filter(name="duty.changed").count() == 1, "nothing has changed"
    assert edit(admin, person, "").status_code == 302
    assert duty.days_of({"user": person}) is None
    group = Group.objects.create(name="Archive")
    assert edit_group(admin, group, "0").status_code == 302
    assert duty.days_of({"group": group}) == 0
    assert Event.objects.filter(name="duty.changed", detail="group Archive: after 0 days").exists()


def test_other_days_than_those_offered_stay_when_the_person_is_saved(
    root: tuple[User, Client], person: User
) -> None:
    under(person, days=3)
    page = root[1].get(f"/admin/accounts/user/{person.pk}/change/").content.decode()
    assert '<option value="3" selected>' in page
    assert edit(root[1], person, "3", name="Another name").status_code == 302
    assert duty.days_of({"user": person}) == 3
    assert edit(root[1], person, "366").status_code == 200
    assert duty.days_of({"user": person}) == 3


@pytest.mark.parametrize("wanted", ["", "30", "90"])
def test_nobody_lifts_or_puts_off_their_own_duty(root: tuple[User, Client], wanted: str) -> None:
    clerk, browser = staff("carl", "view_user", "change_user")
    under(clerk, days=14)
    under(root[0], days=14)
    assert edit(browser, clerk, wanted).status_code == 200
    own = {"is_staff": "on", "is_superuser": "on"}
    assert edit(root[1], root[0], wanted, **own).status_code == 200
    assert set(FactorDuty.objects.values_list("days", flat=True)) == {14}
    assert edit(browser, clerk, "7").status_code == 302, "sooner is no gain"


def test_a_clerk_leaves_no_group_that_has_a_duty_nor_changes_it(root: tuple[User, Client]) -> None:
    rights = ("view_user", "change_user", "view_group", "change_group", "delete_group")
    clerk, browser = staff("carl", *rights)
    group = Group.objects.create(name="Desk")
    clerk.groups.add(group)
    duty.set_for({"group": group}, 14)
    edit(browser, clerk, "", groups=[])
    assert clerk.groups.filter(pk=group.pk).exists()
    assert edit_group(browser, group, "").status_code == 200
    assert edit_group(browser, group, "90").status_code == 200
    browser.post(f"/admin/auth/group/{group.pk}/delete/", {"post": "yes"})
    action = {"action": "delete_selected", "_selected_action": [group.pk], "post": "yes"}
    browser.post("/admin/auth/group/", action)
    assert duty.days_of({"group": group}) == 14
    assert edit_group(browser, group, "0").status_code == 302
    assert edit_group(root[1], group, "").status_code == 302
    assert duty.days_of({"group": group}) is None


def test_no_colleague_lifts_a_duty(root: tuple[User, Client], person: User) -> None:
    """Two clerks would lift each other's, and whoever has seen a password needs no passkey."""
    rights = ("view_user", "change_user", "view_identity", "delete_identity")
    group = Group.objects.create(name="Desk")
    duty.set_for({"group": group}, 14)
    clerk, browser = staff("carl", *rights)
    colleague, _theirs = staff("dora", *rights)
    for each in (clerk, colleague, person):
        each.groups.add(group)
    under(colleague, days=14)
    for wanted in ("", "30"):
        assert b"lifts a duty of those who may" in edit(browser, colleague, wanted).content
    assert b"lifts a duty of those who may" in edit(browser, colleague, "14", groups=[]).content
    assert edit(browser, colleague, "14", name="Dora").status_code == 302
    assert edit(browser, person, "", groups=[]).status_code == 302, "who opens nothing there"
    caseworkers = group_under(colleague, "Caseworkers", days=14)
    town = Source.objects.create(
        slug="town", provider="tenant", settings={"upstream": "http://127.0.0.1:1"},
        groups={"cw": caseworkers.name},
    )  # fmt: skip
    clerk.groups.add(caseworkers)
    way = colleague.identities.create(source=town, subject="d", claimed_groups=["cw"])
    unlink = {"act": "unlink", "identity": way.pk, "reason": "x"}
    browser.post(f"/admin/accounts/user/{colleague.pk}/person/", unlink)
    browser.post(f"/admin/accounts/identity/{way.pk}/delete/", {"post": "yes", "reason": "x"})
    assert duty.days_of({"user": colleague}) == 14
    assert colleague.groups.count() == 2
    assert edit(root[1], colleague, "", groups=[], is_staff="on").status_code == 302
    assert duty.due_at(colleague) is None


def test_nobody_takes_away_the_way_in_that_alone_puts_them_under_it(house: None) -> None:
    clerk, browser = staff("carl", "view_user", "view_identity", "delete_identity")
    group = group_under(clerk, "Caseworkers", days=14)
    town = {"provider": "tenant", "settings": {"upstream": "http://127.0.0.1:1"}}
    ways = []
    for slug in ("town", "library"):
        row = Source(slug=slug, groups={"cw": "Caseworkers"}, **town)
        catalogue.save(row)
        ways += [clerk.identities.create(source=row, subject="carl", claimed_groups=["cw"])]
    posts: list[tuple[str, dict[str, Any]]] = [
        ("/account/sign-ins", {"unlink": ways[1].pk}),
        (f"/admin/accounts/identity/{ways[1].pk}/delete/", {"post": "yes", "reason": "x"}),
        (reverse("admin:accounts_user_person", args=[clerk.pk]),
         {"act": "unlink", "identity": ways[1].pk, "reason": "Gone"}),
    ]  # fmt: skip
    both = {"action": "delete_selected", "_selected_action": [each.pk for each in ways]}
    browser.post("/admin/accounts/identity/", {**both, "post": "yes", "reason": "x"})
    assert clerk.identities.filter(pk__in=[each.pk for each in ways]).count() == 2
    browser.post("/account/sign-ins", {"unlink": ways[0].pk})
    assert not clerk.identities.filter(pk=ways[0].pk).exists(), "the other gives the group as well"
    for path, form in posts:
        assert browser.post(path, form).status_code in {302, 303, 403}, path
        assert clerk.identities.filter(pk=ways[1].pk).exists(), path
        assert clerk.groups.get() == group, path
    page = browser.get("/account/sign-ins").content.decode()
    assert "must have a second step, so it stays" in page
    assert 'name="unlink"' not in page
    duty.set_for({"group": group}, None)
    browser.post(*posts[0])
    assert not clerk.groups.exists()


@pytest.mark.parametrize("rights", [(), ("view_user",), ("change_group",), ("add_user",)])
def test_without_the_right_to_change_people_nobody_changes_their_duty(
    person: User, rights: tuple[str, ...]
) -> None:
    _clerk, browser = staff("carl", *rights)
    under(person)
    edit(browser, person, "")
    assert duty.days_of({"user": person}) == 0


def test_who_may_only_look_reads_it(person: User) -> None:
    _clerk, browser = staff("carl", "view_user", "view_group")
    under(person)
    page = browser.get(f"/admin/accounts/user/{person.pk}/change/")
    assert page.status_code == 200
    assert b'name="second_factor"' not in page.content
    group = Group.objects.create(name="Archive")
    assert browser.get(f"/admin/auth/group/{group.pk}/change/").status_code == 200
    own = browser.get(f"/admin/accounts/user/{person.pk}/person/").content.decode()
    assert "must have one from" in own


# --- Reset ----------------------------------------------------------------------------------------


def reset(browser: Client, user: User, **form: str) -> Any:
    return browser.post(f"/admin/accounts/user/{user.pk}/second-factor/", form)


def test_the_desk_resets_a_lost_one_in_two_steps(
    root: tuple[User, Client], factor: Factor, mailoutbox: Any
) -> None:
    user = factor.user
    _clerk, desk = staff("carl", "view_user", "change_user")
    place = f"/admin/accounts/user/{user.pk}/second-factor/"
    assert place in desk.get(f"/admin/accounts/user/{user.pk}/person/").content.decode()
    assert b'name="reason"' in desk.get(place).content
    for form in ({}, {"sure": "1"}, {"reason": "  ", "sure": "1"}):
        assert reset(desk, user, **form).status_code == 200
    asked = reset(desk, user, reason="Telephone in the harbour")
    assert b'name="sure"' in asked.content
    assert totp.exists(user), "the first step resets nothing"
    done = reset(desk, user, reason="Telephone in the harbour", sure="1")
    assert (done.status_code, done["Location"]) == (303, f"/admin/accounts/user/{user.pk}/person/")
    assert not totp.exists(user)
    assert codes.left(user) == 0
    told = Event.objects.get(name="second.reset")
    assert (told.user, told.by, told.detail) == (user, _clerk, "Telephone in the harbour")
    fresh.delivered()
    assert [each.to for each in mailoutbox] == [[user.email]]
    browser = Client(HTTP_HOST="localhost")
    assert sign_in(browser)["Location"] == "/account/"
    assert "the password alone now" in desk.get(done["Location"]).content.decode()
    under(user)
    assert b'name="offer"' in begun().get(SECOND).content
    Factor(user)
    again = reset(desk, user, reason="Once more", sure="1")
    said = desk.get(again["Location"]).content.decode()
    assert "At the next sign-in" in said
    assert "has to set up another second step." in said


def test_a_reset_needs_a_fresh_sign_in_at_each_step(factor: Factor) -> None:
    _clerk, desk = staff("carl", "view_user", "change_user")
    with time_machine.travel(timezone.now() + timedelta(minutes=16)):
        for form in ({}, {"reason": "x"}, {"reason": "x", "sure": "1"}):
            answer = onward(desk, reset(desk, factor.user, **form))
            assert "again=1" in answer["Location"]
    assert totp.exists(factor.user)


def test_nobody_resets_who_may_do_more_or_opens_the_administration(
    root: tuple[User, Client],
) -> None:
    master = Factor(root[0])
    colleague = User.objects.create_user("colleague", PASSWORD, is_staff=True)
    colleague.give_local_identity()
    boss = User.objects.create_user("boss", PASSWORD)
    boss.user_permissions.set(Permission.objects.filter(codename="change_source"))
    _clerk, desk = staff("carl", "view_user", "change_user")
    for target in (master, Factor(colleague), Factor(boss)):
        assert reset(desk, target.user, reason="x", sure="1").status_code == 403
        assert totp.exists(target.user)
        page = desk.get(f"/admin/accounts/user/{target.user.pk}/person/").content.decode()
        assert "/second-factor/" not in page


@pytest.mark.parametrize("rights", [(), ("view_user",), ("view_user", "delete_user", "add_user")])
def test_without_the_right_to_change_people_nobody_resets(
    factor: Factor, rights: tuple[str, ...]
) -> None:
    _clerk, browser = staff("carl", *rights)
    assert reset(browser, factor.user, reason="x", sure="1").status_code == 403
    assert totp.exists(factor.user)


def test_nobody_resets_their_own(root: tuple[User, Client]) -> None:
    factor = Factor(root[0])
    assert reset(root[1], root[0], reason="x", sure="1").status_code == 403
    assert totp.exists(factor.user)


def test_nobody_there_is_404(root: tuple[User, Client]) -> None:
    assert reset(root[1], User(pk=999_999), reason="x").status_code == 404


# --- Merged, erased -------------------------------------------------------------------------------


def test_two_people_who_are_one_keep_the_factor_and_the_stricter_duty(
    root: tuple[User, Client], person: User
) -> None:
    goes = User.objects.create_user("twin", PASSWORD)
    goes.give_local_identity()
    theirs = Factor(goes)
    under(goes, days=0)
    under(person, days=30)
    merge = f"/admin/accounts/user/{person.pk}/merge/"
    assert root[1].post(merge, {"other": goes.uid}).status_code == 303
    assert duty.days_of({"user": person}) == 0
    assert totp.use(person, theirs.code(), timezone.now())
    assert codes.use(person, theirs.codes[0])


def test_who_has_a_factor_keeps_it_when_merged(root: tuple[User, Client], factor: Factor) -> None:
    goes = User.objects.create_user("twin", PASSWORD)
    goes.give_local_identity()
    theirs = Factor(goes)
    merge = f"/admin/accounts/user/{factor.user.pk}/merge/"
    assert root[1].post(merge, {"other": goes.uid}).status_code == 303
    assert not totp.use(factor.user, theirs.code(), timezone.now())
    assert not codes.use(factor.user, theirs.codes[0])
    assert totp.use(factor.user, factor.code(), timezone.now())


def test_whoever_is_deleted_leaves_nothing_of_it(root: tuple[User, Client], factor: Factor) -> None:
    under(factor.user)
    begun()
    root[1].post(f"/admin/accounts/user/{factor.user.pk}/delete/", {"post": "yes"})
    assert not User.objects.filter(pk=factor.user.pk).exists()
    assert not FactorDuty.objects.exists()
