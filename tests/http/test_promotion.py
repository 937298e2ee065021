"""Whoever comes to open the administration: nothing by which others came in as them stays."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission
from django.contrib.messages import ERROR
from django.core import mail
from django.test import Client

from accounts import outbox
from accounts.models import Event, Identity, Passkey, Source, StoredSession, User
from portal.operations.admin import links
from tests.http.conftest import PASSWORD, enter, sign_in
from tests.http.passkeys.steps import add, use
from tests.http.passwords import NEW, ask, choose, link_in, opened
from tests.http.test_admin_people import act, form, is_signed_in, url
from tests.peers import fresh

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.wire]
THEIRS, MINE = "chief@example.org", "clerk@example.net"
Tenant = Callable[..., Source]


def staff(name: str, **rights: Any) -> Client:
    user = User.objects.create_user(name, PASSWORD, is_staff=True, **rights)
    user.give_local_identity()
    names = ["change_user", "view_user", "delete_user"]
    user.user_permissions.set(Permission.objects.filter(codename__in=names))
    client = Client()
    sign_in(client, name)
    return client


@pytest.fixture
def chief(house: None) -> User:
    user = User.objects.create_user("chief", email=THEIRS)
    user.give_local_identity()
    return user


def link_by(clerk: Client, chief: User) -> str:
    """Return the link that the clerk gets who types their own address."""
    assert clerk.post(url(chief), form(chief, email=MINE)).status_code == 302
    act(clerk, "send_links", chief)
    fresh.delivered()
    return link_in(next(each for each in mail.outbox if each.to == [MINE]))


def promote(admin: Client, chief: User, **sent: Any) -> str:
    chief.refresh_from_db()
    given = form(chief, is_staff="on", is_superuser="on", **sent)
    return str(admin.post(url(chief), given, follow=True).content.decode())


def aged(person: User, hours: int) -> None:
    was = {"created_at": person.created_at - timedelta(hours=hours)}
    User.objects.filter(pk=person.pk).update(**was)
    person.identities.update(**was)


@pytest.mark.parametrize("sent", [{}, {"vouched": "on"}, {"email": THEIRS}])
def test_a_link_from_before_gives_nobody_the_rights(
    chief: User, sent: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    clerk, admin = staff("carl"), staff("ada", is_superuser=True)
    link = link_by(clerk, chief)
    monkeypatch.setattr(outbox, "_deliver_soon", lambda item: None)
    act(clerk, "send_links", chief)  # which leaves later
    mail.outbox.clear()
    assert "must set a password anew" in promote(admin, chief, **sent)
    assert outbox.deliver_due() >= 1
    assert not [each for each in mail.outbox if "/login/reset/" in str(each.body)]
    browser = Client(HTTP_HOST="localhost")
    assert "new_password" not in browser.get(link, follow=True).content.decode()
    assert not User.objects.get(pk=chief.pk).has_usable_password()


def test_nor_does_one_that_is_mailed_in_that_moment(chief: User) -> None:
    """Of thousands who were chosen one is given rights after the clerk's were looked at."""
    clerk, admin = staff("carl"), staff("ada", is_superuser=True)
    assert clerk.post(url(chief), form(chief, email=MINE)).status_code == 302
    judged = User.objects.get(pk=chief.pk)
    assert "must set a password anew" in promote(admin, chief)
    mail.outbox.clear()
    ((_said, level),) = links.mailed([judged])
    fresh.delivered()
    assert not [each for each in mail.outbox if "/login/reset/" in str(each.body)]
    assert (level, Event.objects.filter(name="password.link-sent").count()) == (ERROR, 0)


@pytest.mark.parametrize("address", [THEIRS, MINE, ""])
def test_nothing_that_was_held_before_gets_the_rights(
    chief: User, tenant: Tenant, address: str
) -> None:
    clerk, admin = staff("carl"), staff("ada", is_superuser=True)
    held = Client(HTTP_HOST="localhost")
    choose(held, opened(held, link_by(clerk, chief)))
    sign_in(held, "chief", NEW)
    passkey = add(held)
    later = chief.created_at + timedelta(minutes=1)
    linked = Identity.objects.create(user=chief, source=tenant(columns={"staff": True}))
    Identity.objects.filter(pk=linked.pk).update(created_at=later)
    assert is_signed_in(held)
    chief.refresh_from_db()
    if address != MINE:
        assert clerk.post(url(chief), form(chief, email=address)).status_code == 302
    assert "must set a password anew" in promote(admin, chief, email=THEIRS, vouched="on")
    assert not is_signed_in(held)
    assert not StoredSession.objects.filter(user=chief).exists()
    sign_in(held, "chief", NEW)
    use(held, passkey)
    assert not is_signed_in(held)
    assert not Passkey.objects.exists()
    assert [each.source.slug for each in chief.identities.all()] == ["local"]
    assert Event.objects.filter(name="identity.unlinked", user=chief).exists()
    mail.outbox.clear()
    act(admin, "send_links", chief)
    fresh.delivered()
    browser = Client(HTTP_HOST="localhost")
    choose(browser, opened(browser, link_in(mail.outbox[-1])))
    sign_in(browser, "chief", NEW)
    for rights in ({"is_staff": "on"}, {"is_staff": "on", "is_superuser": "on"}):
        chief.refresh_from_db()
        assert admin.post(url(chief), form(chief, **rights)).status_code == 302
    assert browser.get("/admin/").status_code == 200, "nobody has touched it since"


def test_a_role_in_the_queue_is_such_a_mark(chief: User) -> None:
    clerk, admin = staff("carl"), staff("ada", is_superuser=True)
    assert clerk.post(url(chief), form(chief, email=MINE)).status_code == 302
    User.objects.update(status="active")
    User.objects.filter(pk=chief.pk).update(status="awaiting_access", email_verified=True)
    chief.set_password(PASSWORD)
    chief.save(update_fields=["password"])
    role = Group.objects.get(name="role:auditor")
    page = f"/admin/operations/awaitingperson/{chief.pk}/change/"
    said = admin.post(page, {"roles": [role.pk]}, follow=True).content.decode()
    assert "must set a password anew" in said
    chief.refresh_from_db()
    assert chief.is_staff
    assert not chief.has_usable_password()


def test_whom_a_source_names_by_an_unverified_address_stays_signed_in(
    house: None, tenant: Tenant
) -> None:
    admin, browser = staff("ada", is_superuser=True), Client()
    tenant(columns={"staff": True})
    enter(browser, "town", "bob")
    bob = User.objects.get(identities__subject="bob")
    User.objects.filter(pk=bob.pk).update(email=THEIRS, email_verified=False)
    assert "anew" not in promote(admin, bob)
    assert is_signed_in(browser), "no link to a password could have been mailed"


@pytest.mark.parametrize("first", ["rights", "merge"])
def test_a_merge_gives_no_administrators_account_to_who_had_a_link(
    chief: User, tenant: Tenant, first: str
) -> None:
    clerk, admin, held = staff("carl"), staff("ada", is_superuser=True), Client()
    tenant(columns={"staff": True})
    enter(Client(), "town", "bob")
    bob = User.objects.get(identities__subject="bob")
    aged(bob, hours=1)
    choose(held, opened(held, link_by(clerk, chief)))
    sign_in(held, "chief", NEW)
    passkey = add(held)
    linked = Identity.objects.create(user=chief, source=tenant("school", columns={"staff": True}))
    if first == "rights":
        assert "anew" not in promote(admin, bob)
    else:  # as a former release noted it
        User.objects.filter(pk=chief.pk).update(tended=False, email_verified=False)
        User.objects.filter(pk=bob.pk).update(email="bob@example.org", email_verified=True)
    page = f"/admin/accounts/user/{bob.pk}/merge/"
    said = admin.get(page, {"other": chief.uid}).content.decode()
    assert ("are not handed on, with password" in said) is (first == "rights")
    assert admin.post(page, {"other": chief.uid}).status_code == 303
    if first == "merge":
        assert "anew" in promote(admin, bob)
    for client in (held, Client()):
        sign_in(client, "chief", NEW)
        use(client, passkey)
        assert not is_signed_in(client)
    assert not Identity.objects.filter(pk=linked.pk).exists()
    bob.refresh_from_db()
    assert bob.email != MINE
    assert not bob.has_usable_password()
    assert "bob" in [each.subject for each in bob.identities.all()]


@pytest.mark.parametrize(("name", "left"), [("Mette", "mette"), ("", "local")])
def test_the_first_way_in_is_that_of_who_stays(
    house: None, tenant: Tenant, name: str, left: str
) -> None:
    clerk, admin, source = staff("carl"), staff("ada", is_superuser=True), tenant()
    own = Permission.objects.filter(codename="delete_identity")
    User.objects.get(username="carl").user_permissions.add(*own)
    pair = []
    for subject, called, age in (("svend", "Svend", 2), ("mette", name, 1)):
        user = User.objects.create_user(subject, name=called)
        Identity.objects.create(user=user, source=source, subject=subject)
        aged(user, hours=age)
        pair.append(user)
    goes, stays = pair
    page = f"/admin/accounts/user/{stays.pk}/merge/"
    assert clerk.post(page, {"other": goes.uid}).status_code == 303
    assert {each.subject for each in stays.identities.all()} == {"mette", "svend"}
    assert "anew" in promote(admin, stays)
    way = stays.identities.get()
    assert left in {way.subject, way.source.slug}


@pytest.mark.parametrize("used", [True, False])
def test_an_address_that_nobody_vouched_for_does_not_become_theirs(chief: User, used: bool) -> None:
    clerk, admin = staff("carl"), staff("ada", is_superuser=True)
    held = Client(HTTP_HOST="localhost")
    link = link_by(clerk, chief)
    if used:
        choose(held, opened(held, link))
    assert "anew" in promote(admin, chief, email=MINE)
    mail.outbox.clear()
    ask(held, "chief")
    assert not mail.outbox
    chief.refresh_from_db()
    assert admin.post(url(chief), form(chief)).status_code == 302, "the rights are taken back"
    ask(held, "chief")
    choose(held, opened(held, link_in(mail.outbox[-1])))
    sign_in(held, "chief", NEW)
    assert "anew" in promote(admin, chief, email=THEIRS)
    assert not is_signed_in(held)
    assert not User.objects.get(pk=chief.pk).tended
