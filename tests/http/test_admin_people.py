"""docs/contract.md 7: people and their ways in, in the admin; nobody hands out more than they
have.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission
from django.core import mail
from django.test import Client

from accounts.models import Event, Identity, Source, StoredSession, User
from tests.http.conftest import PASSWORD, enter, sign_in
from tests.http.passwords import choose, link_in, opened
from tests.peers import fresh

pytestmark = pytest.mark.desk


@pytest.fixture
def administrator(db: None) -> User:
    return User.objects.create_superuser("ada", PASSWORD, name="Ada", email="ada@example.org")


@pytest.fixture
def admin(client: Client, administrator: User) -> Client:
    sign_in(client, "ada")
    return client


@pytest.fixture
def clerk(db: None) -> Client:
    """Somebody who may edit people and see events, and nothing else."""
    user = User.objects.create_user("carl", PASSWORD, is_staff=True)
    user.give_local_identity()
    names = ["change_user", "view_user", "delete_user", "view_event"]
    user.user_permissions.set(Permission.objects.filter(codename__in=names))
    client = Client()
    sign_in(client, "carl")
    return client


def form(user: User | None = None, **values: Any) -> dict[str, Any]:
    given: dict[str, Any] = {"username": "dora", "name": "Dora", "email": "", "status": "active"}
    if user:
        given = {name: getattr(user, name) for name in given}
    return {**given, **values}


def url(user: User, page: str = "change") -> str:
    return f"/admin/accounts/user/{user.pk}/{page}/"


def errors(response: Any) -> dict[str, Any]:
    return dict(response.context["adminform"].form.errors)


def act(client: Client, action: str, *users: User, follow: bool = False, **more: Any) -> Any:
    chosen = {"action": action, "_selected_action": [user.pk for user in users], **more}
    return client.post("/admin/accounts/user/", chosen, follow=follow)


def is_signed_in(client: Client) -> bool:
    """Ask as a worker does that has read the ended feed within the last half second."""
    fresh.feed()
    return bool(client.get("/auth/session").json()["isLoggedIn"])


@pytest.mark.django_db(transaction=True)  # mails leave when the transaction is over
@pytest.mark.usefixtures("house")
def test_somebody_new_gets_a_way_in_and_a_link_but_no_password(admin: Client) -> None:
    new = form(email="dora@example.org", send_link="on")
    response = admin.post("/admin/accounts/user/add/", new)
    assert response.status_code == 302, errors(response)
    fresh.delivered()
    dora = User.objects.get(username="dora")
    assert not dora.has_usable_password()
    assert dora.identities.get().source.slug == "local"
    assert [message.to for message in mail.outbox] == [["dora@example.org"]]


def test_a_link_needs_an_address_and_an_active_person(admin: Client) -> None:
    path = "/admin/accounts/user/add/"
    assert "email" in errors(admin.post(path, form(send_link="on")))
    waiting = form(email="d@example.org", status="awaiting_access", send_link="on")
    assert "send_link" in errors(admin.post(path, waiting))


def test_no_page_shows_or_takes_a_password(admin: Client, person: User) -> None:
    page = admin.get(url(person)).content.decode()
    assert person.password not in page
    assert 'name="password"' not in page
    admin.post(url(person), form(person, password="argon2$mine"))
    assert User.objects.get(pk=person.pk).password == person.password


@pytest.mark.parametrize("twin", ["alice", "ALICE", "ali\u200bce", " alice "])
def test_two_people_never_have_the_same_name(admin: Client, person: User, twin: str) -> None:
    assert "username" in errors(admin.post("/admin/accounts/user/add/", form(username=twin)))


def test_disabling_somebody_ends_their_sessions(admin: Client, person: User) -> None:
    theirs = Client()
    sign_in(theirs)
    assert admin.post(url(person), form(person, status="disabled")).status_code == 302
    assert not is_signed_in(theirs)
    assert User.objects.get(pk=person.pk).status == User.Status.DISABLED
    assert Event.objects.filter(name="person.disabled", user=person).exists()


def test_sending_somebody_back_to_wait_ends_their_sessions(admin: Client, person: User) -> None:
    theirs = Client()
    sign_in(theirs)
    assert is_signed_in(theirs)
    admin.post(url(person), form(person, status="awaiting_access"))
    assert not is_signed_in(theirs)
    sign_in(theirs)
    assert theirs.get("/auth/session").json()["status"] == "awaiting_access"
    assert Event.objects.get(name="person.status_changed").detail == "awaiting_access"


def test_who_waited_is_let_in_without_signing_in_again(admin: Client, person: User) -> None:
    User.objects.filter(pk=person.pk).update(status="awaiting_access")
    theirs = Client()
    sign_in(theirs)
    admin.post(url(person), form(person, status="active"))
    assert theirs.get("/auth/session").json()["status"] == "active"
    assert Event.objects.filter(name="person.admitted", user=person).exists()


def test_what_does_not_change_the_status_ends_nothing(admin: Client, person: User) -> None:
    theirs = Client()
    sign_in(theirs)
    group = Group.objects.create(name="Library")
    admin.post(url(person), form(person, name="Alicia", groups=[group.pk]))
    assert is_signed_in(theirs)
    assert list(person.groups.all()) == [group]


def test_rights_count_at_once(admin: Client, person: User) -> None:
    theirs = Client()
    sign_in(theirs)
    assert theirs.get("/admin/").status_code == 403
    admin.post(url(person), form(person, is_staff="on"))
    assert theirs.get("/admin/").status_code == 200


def test_nobody_shuts_themselves_out(admin: Client, administrator: User) -> None:
    assert "status" in errors(
        admin.post(url(administrator), form(administrator, status="disabled"))
    )
    assert admin.post(url(administrator, "delete"), {"post": "yes"}).status_code == 403


def test_deleting_somebody_ends_their_sessions_and_keeps_the_trail(
    admin: Client, person: User
) -> None:
    theirs = Client()
    sign_in(theirs)
    assert admin.get(url(person, "delete")).status_code == 200
    assert admin.post(url(person, "delete"), {"post": "yes"}).status_code == 302
    assert not is_signed_in(theirs)
    assert not User.objects.filter(pk=person.pk).exists()
    assert Event.objects.filter(name="session.ended", detail="person deleted").exists()


def test_without_all_rights_nobody_deletes_whoever_opens_the_administration(
    admin: Client, clerk: Client
) -> None:
    colleague = User.objects.create_user("cora", PASSWORD, is_staff=True)
    other = User.objects.create_user("otto", PASSWORD)
    Event.objects.create(name="person.disabled", user=other, by=colleague)
    assert clerk.post(url(colleague, "delete"), {"post": "yes"}).status_code == 403
    assert act(clerk, "delete_selected", colleague, other, post="yes").status_code == 403
    assert Event.objects.get(name="person.disabled").by == colleague
    assert clerk.post(url(other, "delete"), {"post": "yes"}).status_code == 302
    assert admin.post(url(colleague, "delete"), {"post": "yes"}).status_code == 302


def test_deleting_several_ends_their_sessions_and_spares_oneself(
    admin: Client, person: User, administrator: User
) -> None:
    theirs = Client()
    sign_in(theirs)
    both = act(admin, "delete_selected", person, administrator, post="yes")
    assert both.status_code == 403
    act(admin, "delete_selected", person, post="yes")
    assert not is_signed_in(theirs)
    assert list(User.objects.all()) == [administrator]


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("house")
def test_links_go_to_those_who_sign_in_here(
    admin: Client, administrator: User, person: User
) -> None:
    stranger = User.objects.create_user("eve", email="eve@example.org")
    act(admin, "send_links", person, stranger)
    fresh.delivered()
    assert [message.to for message in mail.outbox] == [["alice@example.org"]]
    told = Event.objects.get(name="password.link-sent")
    assert (told.user, told.by, told.actor) == (person, administrator, "administrator")
    assert told.address == "127.0.0.1"


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("house")
def test_of_many_links_those_that_are_not_sent_are_told(admin: Client) -> None:
    names = [f"person{number:03}" for number in range(40)]
    many = User.objects.bulk_create(
        User(username=name, username_key=name, email=f"{name}@example.org", password="!")
        for name in names
    )
    for each in many:
        each.give_local_identity()
    User.objects.filter(username__in=names[:7]).update(email="")
    said = act(admin, "send_links", *many, follow=True).content.decode()
    assert "A link is on its way to 33 people." in said
    told = ", ".join(names[:5])
    assert f"7 people have no address or are not let in: {told} and 2 more" in said


# --- Nobody hands out more than they have ---------------------------------------------------------


def test_a_clerk_makes_no_administrators(clerk: Client, person: User) -> None:
    clerk.post(url(person), form(person, is_superuser="on", is_staff="on"))
    person.refresh_from_db()
    assert (person.is_staff, person.is_superuser) == (False, False)


def test_a_clerk_gives_the_rights_that_they_have_and_no_other(clerk: Client, person: User) -> None:
    has, lacks = (Permission.objects.get(codename=f"{x}_event") for x in ("view", "delete"))
    own = Group.objects.create(name="Readers")
    own.permissions.add(has)
    other = Group.objects.create(name="Rulers")
    other.permissions.add(lacks)
    assert errors(clerk.post(url(person), form(person, user_permissions=[lacks.pk])))
    assert errors(clerk.post(url(person), form(person, groups=[other.pk])))
    assert errors(clerk.post(url(person), form(person, groups=[own.pk])))
    User.objects.get(username="carl").groups.add(own)
    given = form(person, user_permissions=[has.pk], groups=[own.pk])
    assert clerk.post(url(person), given).status_code == 302
    assert list(person.groups.all()) == [own]


def offered(admin: Client, page: str, field: str) -> set[str]:
    shown = admin.get(page).context["adminform"].form.fields[field].queryset
    return set(shown.values_list("codename", flat=True))


def test_rights_that_do_nothing_by_themselves_are_not_offered(admin: Client, person: User) -> None:
    group = Group.objects.create(name="Readers")
    of_group = f"/admin/auth/group/{group.pk}/change/"
    for page, field in ((url(person), "user_permissions"), (of_group, "permissions")):
        found = offered(admin, page, field)
        assert found >= {"view_event", "delete_passkey", "change_awaitingperson"}
        assert not found & {"view_signingkey", "add_contenttype", "change_storedtokens"}
    given = Permission.objects.get(codename="view_signingkey")
    person.user_permissions.add(given)
    assert "view_signingkey" in offered(admin, url(person), "user_permissions"), "to be taken away"


@pytest.mark.parametrize("disabled", [False, True])
def test_a_clerk_does_not_touch_those_who_may_do_more(
    clerk: Client, administrator: User, person: User, disabled: bool
) -> None:
    person.user_permissions.add(Permission.objects.get(codename="delete_source"))
    if disabled:
        User.objects.update(status="disabled")
        User.objects.filter(username="carl").update(status="active")
    for other in (administrator, person):
        assert clerk.post(url(other), form(other, email="mine@example.org")).status_code == 403
        assert clerk.post(url(other, "delete"), {"post": "yes"}).status_code == 403
        act(clerk, "delete_selected", other, post="yes")
        act(clerk, "send_links", other)
        page = clerk.get("/admin/accounts/user/").content.decode()
        assert f"You may not send these a link: {other}" in page
        assert "do not sign in with a password" not in page
    fresh.delivered()
    assert User.objects.count() == 3
    assert not User.objects.filter(email="mine@example.org").exists()
    assert not mail.outbox


@pytest.mark.django_db(transaction=True)
def test_a_clerk_does_not_come_in_as_a_colleague(clerk: Client, person: User) -> None:
    User.objects.filter(pk=person.pk).update(is_staff=True)
    mine = form(person, username="alicia", name="Alicia", email="carl@example.org")
    assert clerk.post(url(person), mine).status_code == 302
    person.refresh_from_db()
    known = (person.username, person.name, person.email)
    assert known == ("alice", "Alicia", "alice@example.org")
    own = User.objects.get(username="carl")
    rights = list(own.user_permissions.values_list("pk", flat=True))
    sent = form(own, email="carl@example.org", user_permissions=rights)
    assert clerk.post(url(own), sent).status_code == 302
    said = act(clerk, "send_links", person, own, follow=True).content.decode()
    assert "You may not send these a link: Alicia" in said
    fresh.delivered()
    assert [message.to for message in mail.outbox] == [["carl@example.org"]]


# --- The ways in ----------------------------------------------------------------------------------


def test_taking_a_way_in_away_ends_the_sessions_that_came_by_it(
    admin: Client, tenant: Callable[..., Source]
) -> None:
    tenant()
    theirs = Client()
    enter(theirs, "town", "bob")
    identity = Identity.objects.get(source__slug="town")
    path = f"/admin/accounts/identity/{identity.pk}/"
    assert admin.post(path + "change/", {"subject": "eve"}).status_code == 403
    assert admin.post(path + "delete/", {"post": "yes", "reason": "x"}).status_code == 302
    assert not is_signed_in(theirs)
    assert Event.objects.filter(name="identity.unlinked", source="town").exists()
    assert StoredSession.objects.filter(source="town").count() == 0


def test_the_list_of_ways_in_asks_why_as_the_page_of_a_person_does(
    admin: Client, tenant: Callable[..., Source]
) -> None:
    tenant()
    place, pks = "/admin/accounts/identity/", []
    for name in ("bob", "mia", "eve"):
        enter(Client(), "town", name)
        pks.append(Identity.objects.get(subject=name).pk)
    one, chosen = f"{place}{pks[0]}/delete/", {"action": "delete_selected"}
    chosen |= {"_selected_action": pks[1:]}
    pages = (admin.get(one), admin.post(place, chosen))
    assert all('name="reason"' in each.content.decode() for each in pages)
    for path, sent in ((one, {}), (place, chosen)):
        said = admin.post(path, {**sent, "post": "yes", "reason": " "}, follow=True)
        assert "Say why this way in is taken away" in said.content.decode()
    assert Identity.objects.filter(pk__in=pks).count() == 3
    for path, sent in ((one, {}), (place, chosen)):
        admin.post(path, {**sent, "post": "yes", "reason": "left the school"})
    assert not Identity.objects.filter(pk__in=pks).exists()
    said = Event.objects.filter(name="identity.unlinked").values_list("detail", flat=True)
    assert list(said) == ["left the school"] * 3


@pytest.mark.django_db(transaction=True)
def test_a_changed_mail_address_is_told_to_the_former_one(person: User, client: Client) -> None:
    User.objects.create_superuser("ada", PASSWORD, email="ada@example.org")
    sign_in(client, "ada")
    sent = form(person, email="new@example.org")
    for _time in range(2):
        assert client.post(url(person), sent).status_code == 302
        fresh.delivered()
        assert [message.to for message in mail.outbox] == [["alice@example.org"]]
    assert "new@example.org" not in str(mail.outbox[0].body)
    assert "alice" in str(mail.outbox[0].body)
    User.objects.filter(pk=person.pk).update(email="stranger@example.org", email_verified=False)
    assert client.post(url(person), sent).status_code == 302
    fresh.delivered()
    assert len(mail.outbox) == 1, "nobody has said that the former address was theirs"
    person.refresh_from_db()
    assert person.email_verified, "the word of somebody with all rights"


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("house")
def test_an_address_that_staff_typed_is_verified_by_its_link(clerk: Client, person: User) -> None:
    new = "new@example.org"
    assert clerk.post(url(person), form(person, email=new)).status_code == 302
    person.refresh_from_db()
    assert (person.email, person.email_verified) == (new, False)
    act(clerk, "send_links", person)
    fresh.delivered()
    assert mail.outbox[0].to == ["alice@example.org"]
    browser = Client(HTTP_HOST="localhost")
    asked = next(each for each in mail.outbox if each.to == [new])
    choose(browser, opened(browser, link_in(asked)))
    person.refresh_from_db()
    assert person.email_verified
    fresh.delivered()
    assert mail.outbox[-1].subject == "A new password was set for your account"
    assert clerk.post(url(person), form(person, name="Alicia")).status_code == 302
    person.refresh_from_db()
    assert person.email_verified, "the address is as it was"


def test_an_address_that_nobody_has_verified_is_marked(admin: Client, person: User) -> None:
    """Wherever staff decide by it: among the people, in the queue, before two are merged."""
    status = User.Status.AWAITING_ACCESS
    other = User.objects.create_user("uwe", email="uwe@example.org", status=status)
    queue = "/admin/operations/awaitingperson/"
    pages = (
        "/admin/accounts/user/?q=uwe", queue, f"{queue}{other.pk}/change/",
        url(person).replace("change", "merge") + "?other=uwe",
    )  # fmt: skip
    for verified in (True, False):
        User.objects.filter(pk=other.pk).update(email_verified=verified)
        for page in pages:
            html = admin.get(page).content.decode()
            assert "uwe@example.org" in html
            assert ("uwe@example.org (not verified)" in html) is not verified, page


def test_somebody_with_all_rights_says_whose_an_address_is(
    admin: Client, clerk: Client, tenant: Callable[..., Source]
) -> None:
    tenant()
    enter(Client(), "town", "bob")
    bob = User.objects.get(identities__source__slug="town")
    told = clerk.post(url(bob), form(bob, email="bob@example.org"), follow=True).content.decode()
    assert "is not verified: somebody with all rights can say" in told, "no link is sent to him"
    bob.refresh_from_db()
    for by, sent in ((clerk, {"vouched": "on"}), (admin, {"name": "Bob Berg"})):
        assert by.post(url(bob), form(bob, **sent)).status_code == 302
        bob.refresh_from_db()
        assert not bob.email_verified
    assert 'name="vouched"' not in clerk.get(url(bob)).content.decode()
    assert 'name="vouched"' in admin.get(url(bob)).content.decode()
    assert admin.post(url(bob), form(bob, vouched="on")).status_code == 302
    bob.refresh_from_db()
    assert (bob.email, bob.email_verified) == ("bob@example.org", True)
    changed = Event.objects.filter(name="person.changed", user=bob).latest("pk")
    assert changed.detail == "The address is theirs"
    assert 'name="vouched"' not in admin.get(url(bob)).content.decode()


def test_who_has_all_rights_and_who_may_open_the_administration_are_two_things(
    admin: Client,
) -> None:
    User.objects.create_user("carl", PASSWORD, is_staff=True)
    page = admin.get("/admin/accounts/user/").content.decode()
    for title in ("Administrator: has all rights", "May open the administration"):
        assert f"{title}:" in page
    of_all = admin.get("/admin/accounts/user/?is_superuser__exact=1").content.decode()
    assert "carl" not in of_all
    assert "ada" in of_all


def test_whoever_deletes_a_person_reads_what_goes_with_them(admin: Client) -> None:
    dora = User.objects.create_user("dora", PASSWORD)
    seen = datetime(2026, 11, 3, tzinfo=UTC)
    dora.devices.create(digest="d" * 64, address="192.0.2.7", created_at=seen)
    assert "Known device: 2026-11-03 192.0.2.7" in admin.get(url(dora, "delete")).content.decode()


@pytest.mark.parametrize("language", ["da", "de"])
def test_the_boxes_that_give_rights_are_in_one_language(admin: Client, language: str) -> None:
    admin.cookies["vestibule-language"] = language
    catalog = admin.get("/admin/jsi18n/").content.decode()
    for said in ("Choose all %s", "Remove selected %s", "(click to clear)", "Chosen %s"):
        assert re.search(rf'"{re.escape(said)}": "(?!{re.escape(said)})', catalog), said
