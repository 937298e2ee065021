"""Passkeys and other people: staff see and take them away; deleting and merging take them along."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.contrib.auth.models import Group, Permission
from django.core import mail
from django.core.management import call_command
from django.test import Client
from django.utils import timezone

from accounts.models import Event, Passkey, Source, User
from accounts.provider import Visit
from accounts.session import dossier, erasure, merging
from tests.http.conftest import PASSWORD, enter, sign_in
from tests.http.onward import onward
from tests.http.passkeys.authenticator import Authenticator
from tests.http.passkeys.steps import PAGE, add, new, send_new, use
from tests.peers import fresh

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.desk]
Tenant = Callable[..., Source]


def url(person: User) -> str:
    return f"/admin/accounts/user/{person.pk}/person/"


def staff(*rights: str, name: str = "carl") -> Client:
    user = User.objects.create_user(name, PASSWORD, is_staff=True)
    user.give_local_identity()
    user.user_permissions.set(Permission.objects.filter(codename__in=rights))
    client = Client()
    sign_in(client, name)
    return client


def take(client: Client, person: User, **sent: Any) -> Any:
    row = Passkey.objects.get(user=person)
    form = {"act": "remove-passkey", "passkey": row.pk, "reason": "lost telephone", **sent}
    return client.post(url(person), form)


@pytest.fixture
def own(person: User) -> Authenticator:
    browser = Client()
    sign_in(browser)
    return add(browser)


def test_the_desk_sees_them_and_takes_one_away(own: Authenticator, person: User) -> None:
    desk = staff("view_user")
    User.objects.get(username="carl").groups.add(Group.objects.get(name="role:front-desk"))
    assert "Telephone" in desk.get(url(person)).content.decode()
    take(desk, person, reason=" ")
    take(desk, person, passkey="x")
    assert Passkey.objects.count() == 1
    with time_machine.travel(timezone.now() + timedelta(minutes=16)):
        assert "again=1" in onward(desk, take(desk, person))["Location"]
    take(desk, person)
    event = Event.objects.get(name="passkey.removed")
    assert (event.user, str(event.by), event.actor) == (person, "carl", "administrator")
    assert event.detail == "Telephone: lost telephone"
    fresh.delivered()
    (told,) = (each for each in mail.outbox if "removed" in each.subject)
    assert told.to == [person.email]
    assert use(Client(), own)["Location"].startswith("/login/failed/")


@pytest.mark.parametrize(
    ("rights", "seen", "status"),
    [
        (["view_user"], False, 403),
        (["view_user", "view_passkey"], True, 403),
        (["view_user", "change_user", "delete_user", "delete_identity"], False, 403),
        (["view_user", "delete_passkey"], True, 303),
    ],
)
def test_each_right_opens_what_it_says(
    own: Authenticator, person: User, rights: list[str], seen: bool, status: int
) -> None:
    client = staff(*rights)
    assert ("Telephone" in client.get(url(person)).content.decode()) is seen
    assert take(client, person).status_code == status
    assert Passkey.objects.exists() is (status == 403)


def test_nobody_takes_one_from_who_may_do_more(own: Authenticator, person: User) -> None:
    person.is_superuser = person.is_staff = True
    person.save()
    client = staff("view_user", "change_user", "view_passkey", "delete_passkey")
    assert "Take this passkey away" not in client.get(url(person)).content.decode()
    assert take(client, person).status_code == 403
    assert Passkey.objects.count() == 1


def test_a_clerk_who_has_seen_a_colleagues_password_takes_no_passkey_of_theirs(
    own: Authenticator, person: User
) -> None:
    """By the password alone they would set up an authenticator of their own, and be the colleague:
    as for the second step, only somebody with all rights takes it away.
    """
    role = Group.objects.get(name="role:front-desk")
    User.objects.filter(pk=person.pk).update(is_staff=True)
    person.groups.add(role)
    clerk = staff()
    User.objects.get(username="carl").groups.add(role)
    assert "Take this passkey away" not in clerk.get(url(person)).content.decode()
    assert take(clerk, person).status_code == 403
    assert Passkey.objects.filter(user=person).exists()
    User.objects.filter(username="carl").update(is_superuser=True)
    assert take(clerk, person).status_code == 303


def test_front_desk_takes_its_own_passkey_by_password_alone(house: None) -> None:
    """Nor another way in of its own: it uses the passkey for it, as on the account page."""
    desk = staff()
    carl, role = User.objects.get(username="carl"), Group.objects.get(name="role:front-desk")
    carl.groups.add(role)
    own = add(desk)
    thief = Client()
    sign_in(thief, "carl")
    way = carl.identities.get()
    for act in ({"act": "remove-passkey"}, {"act": "unlink", "identity": way.pk}):
        assert "strength=substantial" in onward(thief, take(thief, carl, **act))["Location"]
    place = "/admin/accounts/identity/"
    gone = thief.post(f"{place}{way.pk}/delete/", {"post": "yes", "reason": "x"})
    assert gone.status_code == 403
    chosen = {"action": "delete_selected", "_selected_action": [way.pk], "post": "yes"}
    chosen["reason"] = "x"
    thief.post(place, chosen)
    assert Passkey.objects.exists()
    assert carl.identities.exists()
    User.objects.filter(pk=carl.pk).update(is_superuser=True)
    again = onward(thief, thief.post(f"/admin/accounts/user/{carl.pk}/merge/", {"other": "x"}))
    assert "strength=substantial" in again["Location"]
    use(desk, own)
    take(desk, carl)
    assert not Passkey.objects.exists()


def test_the_terminals_link_takes_them_away_when_they_are_lost(
    own: Authenticator, person: User, capsys: pytest.CaptureFixture[str]
) -> None:
    """Else the last administrator who has lost theirs could neither remove it nor add another."""
    User.objects.filter(pk=person.pk).update(is_staff=True, is_superuser=True)
    call_command("letmein", "alice")
    browser = Client()
    browser.get(capsys.readouterr().out.strip().removeprefix("http://localhost:8000"))
    assert b'name="lost"' in browser.get("/login/letmein/enter").content
    assert browser.post("/login/letmein/enter", {"lost": "1"})["Location"] == "/admin/"
    gone = Event.objects.get(name="passkey.removed")
    assert gone.detail == "Telephone: by a link from the terminal"
    assert use(Client(), own)["Location"].startswith("/login/failed/")
    add(browser)


def test_nobody_gives_one_to_another_person(own: Authenticator, person: User) -> None:
    """With every right, what is posted becomes the passkey of whoever posts it alone."""
    client = staff(*Permission.objects.values_list("codename", flat=True))
    known = {each.codename for each in Permission.objects.filter(content_type__model="passkey")}
    assert known == {"view_passkey", "delete_passkey"}
    for place in ("passkey/", "passkey/add/"):
        assert client.get(f"/admin/accounts/{place}").status_code == 404
    options, challenge = new(client)
    answer = Authenticator().make(options)
    for key in ("user", "person", "uid"):
        client.post(f"{PAGE}?{key}={person.pk}", {key: person.pk, "label": "x"})
    client.post(url(person), {"act": "add-passkey", "credential": answer, "challenge": challenge})
    assert send_new(client, answer, challenge).status_code == 303
    assert list(Passkey.objects.values_list("user__username", flat=True)) == ["alice", "carl"]


def test_they_are_told_of_and_go_with_their_person(own: Authenticator, person: User) -> None:
    [held] = [each for each in dossier.of(person) if "passkey" in each.values]
    assert (held.values["passkey"], held.source) == ("Telephone", "local")
    assert "public_key" not in held.values
    browser = Client()
    sign_in(browser)
    page = browser.get("/account/data").content.decode()
    for words in ("Passkey", "Model of the device", "Shared between devices"):
        assert words in page, words
    erasure.erase(person, "test")
    assert not Passkey.objects.exists()
    assert not Event.objects.filter(detail__contains="Telephone").exists()


def test_who_is_merged_keeps_them(own: Authenticator, person: User, tenant: Tenant) -> None:
    tenant()
    enter(Client(), "town")
    bob = User.objects.get(identities__subject="bob")
    root = User.objects.create_superuser("root", PASSWORD)
    merging.merge(bob, person, [], root, Visit())
    fresh.sources()
    browser = Client()
    assert use(browser, own)["Location"] == "/account/"
    assert browser.session.typed.subject == bob.uid  # type: ignore[attr-defined]
    options, _challenge = new(browser)
    assert len(options["excludeCredentials"]) == 1


def test_who_is_merged_gets_none_that_counted_no_more(
    own: Authenticator, person: User, tenant: Tenant
) -> None:
    tenant()
    enter(Client(), "town")
    bob = User.objects.get(identities__subject="bob")
    person.identities.all().delete()
    person.set_unusable_password()
    person.save()
    root = User.objects.create_superuser("root", PASSWORD)
    merging.merge(bob, person, [], root, Visit())
    assert not Passkey.objects.exists()
