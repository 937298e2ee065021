"""Many people invited at once: all lines of the table, or none and what is wrong with each."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from accounts.models import Event, Identity, OutboxItem, Source, User
from portal.operations import invitations
from tests.http.conftest import PASSWORD, sign_in
from tests.http.oidc.conftest import parallel
from tests.http.passwords import NEW, ask, choose, link_in, opened
from tests.http.test_admin_people import errors, form, url
from tests.peers import fresh

pytestmark = pytest.mark.django_db(transaction=True)
PAGE = "/admin/accounts/user/invite/"
TWO = "username,name,email\nmette,Mette Holm,mette@example.org\njens,Jens Dahl,jens@example.org\n"


@pytest.fixture
def admin(house: None) -> Client:
    User.objects.create_superuser("ada", PASSWORD, name="Ada")
    client = Client()
    sign_in(client, "ada")
    return client


def invite(client: Client, text: str = TWO) -> Any:
    answer = client.post(PAGE, {"text": text})
    fresh.delivered()
    return answer


def faults(client: Client, text: str) -> list[str]:
    """Return what is said of a table that nobody is invited by."""
    before = User.objects.count(), OutboxItem.objects.count(), Event.objects.count()
    page = invite(client, text)
    assert page.status_code == 200
    assert before == (User.objects.count(), OutboxItem.objects.count(), Event.objects.count())
    note = re.search(
        r'class="errornote".*?</div>|class="errorlist.*?</ul>', page.content.decode(), re.S
    )
    assert note, page.content.decode()
    return [re.sub(r"<[^>]+>", "", each) for each in re.findall(r"<li>(.*?)</li>", note[0], re.S)]


def test_each_is_mailed_a_link_that_counts_once(admin: Client, mailoutbox: list[Any]) -> None:
    Group.objects.create(name="Readers")
    Group.objects.create(name="Registry")
    table = "\ufeffEmail;Username;Groups\nmette@example.org;Mette;Readers|Registry\n\n"
    assert invite(admin, table)["Location"] == "/admin/accounts/user/"
    mette = User.objects.get(username="Mette")
    assert (mette.email, mette.has_usable_password()) == ("mette@example.org", False)
    assert {each.name for each in mette.groups.all()} == {"Readers", "Registry"}
    (mail,) = mailoutbox
    assert mail.to == ["mette@example.org"]
    place = opened(own := Client(), link_in(mail))
    assert choose(own, place).status_code == 303
    assert choose(Client(), place).status_code != 303
    assert sign_in(Client(), "mette", NEW).status_code == 303
    (line,) = Event.objects.filter(name="person.invited")
    assert (line.user, line.by) == (mette, User.objects.get(username="ada"))


def test_a_file_does_as_well(admin: Client, mailoutbox: list[Any]) -> None:
    file = SimpleUploadedFile("people.csv", TWO.encode("utf-8-sig"), "text/csv")
    assert admin.post(PAGE, {"file": file}).status_code == 303
    fresh.delivered()
    assert sorted(mail.to[0] for mail in mailoutbox) == ["jens@example.org", "mette@example.org"]


def test_each_lines_fault_is_told_and_nothing_is_half_done(admin: Client) -> None:
    Group.objects.create(name="Readers")
    User.objects.create_user("taken")
    said = faults(
        admin,
        "username,email,groups\n"
        "good,good@example.org,Readers\n"
        "TAKEN,a@example.org,\n"
        "twice,b@example.org,\n"
        "twice,c@example.org,\n"
        ",d@example.org,\n"
        "mail,not-an-address,\n"
        "lacks,,\n"
        "mixed\u0430,e@example.org,\n"
        "group,f@example.org,Nowhere\n",
    )
    numbers = [int(re.findall(r"Line (\d+)", each)[0]) for each in said]
    assert sorted(set(numbers)) == [3, 5, 6, 7, 8, 9, 10]
    assert "Somebody has this name" in said[0]
    assert "There is no group called Nowhere." in said[-1]
    admin.cookies["vestibule-language"] = "de"
    page = invite(admin, "username,email\n,not-an-address\n").content.decode()
    assert "Zeile 2: Benutzername: " in page
    assert "Zeile 2: E-Mail: " in page
    assert "<title>Fehler: Personen einladen" in page
    assert re.search(r'class="errornote"[^>]* autofocus', page)


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ("", "There is nobody in the table."),
        ("username,email\n", "There is nobody in the table."),
        ("name,email\nx,y@example.org", "The first line must name the columns"),
        ("username,email,is_superuser\nx,y@example.org,1", "The first line must name the columns"),
        ("username,username,email\nx,x,y@example.org", "The first line must name the columns"),
        ("username,email\nx,y@example.org,z", "There are more cells than columns."),
        ('username,email\n"x\n\nPay",y@example.org', "Use a name in one line"),
        ('username,email\n"x,y@example.org', "This is no table of that kind"),
        ("username,email\n" + "a,b\n" * 501, "At most 500 people at once."),
        ("x" * 210_000, "at most"),
    ],
)
def test_what_is_no_such_table(admin: Client, table: str, said: str) -> None:
    assert said in " ".join(faults(admin, table))


def test_a_username_that_a_former_release_took_may_stay(admin: Client, person: User) -> None:
    User.objects.filter(pk=person.pk).update(username="a\u2028b")
    person.refresh_from_db()
    assert admin.post(url(person), form(person, name="Anna")).status_code == 302
    person.refresh_from_db()
    assert (person.name, person.username) == ("Anna", "a\u2028b")
    assert "username" in errors(admin.post(url(person), form(person, username="c\u2028d")))


def test_a_file_that_is_no_text(admin: Client) -> None:
    file = SimpleUploadedFile("people.csv", "username,email\næ,x@y.dk".encode("utf-16"))
    page = admin.post(PAGE, {"file": file}).content.decode()
    assert "Save the file as UTF-8." in page
    assert "<title>Error: " in page
    assert re.search(r'autofocus><ul class="errorlist', page)
    assert User.objects.count() == 1


def test_the_same_table_twice_at_once_invites_once(admin: Client, mailoutbox: list[Any]) -> None:
    tab = Client()
    tab.cookies = admin.cookies
    left = iter([admin, tab])
    answers = parallel(2, lambda: next(left).post(PAGE, {"text": TWO}))
    fresh.delivered()
    assert sorted(each.status_code for each in answers) == [200, 303]
    assert User.objects.count() == 3
    assert len(mailoutbox) == 2


def test_a_stranger_to_the_right_sees_no_page(house: None) -> None:
    carl = User.objects.create_user("carl", PASSWORD, is_staff=True)
    carl.give_local_identity()
    carl.user_permissions.set(Permission.objects.filter(codename="view_user"))
    client = Client()
    sign_in(client, "carl")
    assert client.get(PAGE).status_code == invite(client).status_code == 403
    assert User.objects.count() == 1


def test_nobody_gives_a_group_that_they_are_not_in(house: None) -> None:
    carl = User.objects.create_user("carl", PASSWORD, is_staff=True)
    carl.give_local_identity()
    carl.user_permissions.set(Permission.objects.filter(codename__in=["add_user", "view_user"]))
    Group.objects.create(name="Rulers")
    carl.groups.add(Group.objects.create(name="Desk"))
    role = Group.objects.get_or_create(name="role:front-desk")[0]
    carl.groups.add(role)
    client = Client()
    sign_in(client, "carl")
    table = "username,email,groups\nx,x@example.org,{}\n"
    assert "may not give" in faults(client, table.format("Rulers"))[0]
    assert "no group called" in faults(client, table.format(role.name))[0]  # roles are ticked
    assert invite(client, table.format("Desk")).status_code == 303
    new = User.objects.get(username="x")
    assert (new.is_staff, new.is_superuser, new.email_verified) == (False, False, False)


@pytest.mark.parametrize("typed", ["mette", "mette@example.org"])
def test_whoever_was_invited_by_somebody_without_all_rights_gets_another_link(
    house: None, mailoutbox: list[Any], typed: str
) -> None:
    clerk = User.objects.create_user("carl", PASSWORD, is_staff=True)
    clerk.give_local_identity()
    clerk.user_permissions.set(Permission.objects.filter(codename__in=["add_user", "view_user"]))
    sign_in(desk := Client(), "carl")
    invite(desk, "username,email\nmette,mette@example.org\n")
    mette = User.objects.filter(username="mette")
    own = Client(HTTP_HOST="localhost")
    mette.update(is_staff=True)
    ask(own, typed)
    mette.update(is_staff=False)
    town = Source.objects.create(slug="town", provider="tenant")
    linked = Identity.objects.create(user=mette.get(), source=town, issuer="", subject="m")
    ask(own, typed)
    assert len(mailoutbox) == 1, "who may do something, or has come in, needs an address of theirs"
    linked.delete()
    ask(own, typed)
    assert choose(own, opened(own, link_in(mailoutbox[1]))).status_code == 303
    mette.update(email_verified=False)
    fresh.delivered()  # also the word that the password is a new one
    before = len(mailoutbox)
    ask(own, typed)
    assert len(mailoutbox) == before


def test_the_list_leads_there(admin: Client) -> None:
    assert f'href="{PAGE}"' in admin.get("/admin/accounts/user/").content.decode()
    assert invitations.MOST == 500
