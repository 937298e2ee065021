"""A form of the administration that is sent late undoes nothing of what others did meanwhile."""

from __future__ import annotations

import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from threading import Thread
from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission
from django.db import connection, connections, transaction
from django.test import Client
from django.utils import timezone

from accounts.keyring import digest
from accounts.models import FactorDuty, Source, User
from accounts.session import erasure
from portal.authorization_server.models import Client as OAuthClient
from portal.gateway.models import AccessRule
from portal.operations.maintenance import MaintenanceNotice
from tests.http.conftest import PASSWORD, sign_in
from tests.http.gateway.asking import rule
from tests.http.gateway.test_rules_admin import form as rule_form
from tests.http.oauth.application import register
from tests.http.oauth.test_client_rights import form as client_form
from tests.http.oauth.test_meanwhile import closing, wait_for
from tests.http.test_admin_people import form, url
from tests.http.test_staff_sources import form as source_form

CHANGED = "Somebody has changed this meanwhile"


@pytest.fixture
def admin(client: Client, house: None) -> Client:
    User.objects.create_superuser("ada", PASSWORD, name="Ada", email="ada@example.org")
    sign_in(client, "ada")
    return client


def shown(admin: Client, page: str) -> dict[str, str]:
    """Return what the page says of what it shows, as a browser sends it back."""
    found = re.search(r'name="seen" value="(\w+)"', admin.get(page).content.decode())
    assert found, page
    return {"seen": found[1]}


def test_what_was_taken_away_is_not_given_back(admin: Client, person: User) -> None:
    clerks = Group.objects.create(name="Clerks")
    right = Permission.objects.get(codename="view_event")
    given: dict[str, Any] = {"is_staff": True, "is_superuser": True}
    opened = {"groups": [clerks.pk], "user_permissions": [right.pk], "second_factor": "", **given}
    changes: dict[str, Callable[[], Any]] = {
        "status": lambda: User.objects.filter(pk=person.pk).update(status="disabled"),
        "email": lambda: User.objects.filter(pk=person.pk).update(email="new@example.org"),
        "rights": lambda: User.objects.filter(pk=person.pk).update(
            is_superuser=False, is_staff=False
        ),
        "groups": person.groups.clear,
        "permissions": person.user_permissions.clear,
        "duty": lambda: FactorDuty.objects.create(user=person),
    }
    for change in changes.values():
        User.objects.filter(pk=person.pk).update(**given)
        person.groups.set([clerks])
        person.user_permissions.set([right])
        sent = {**form(person, name="Alicia", **opened), **shown(admin, url(person))}
        change()
        before = User.objects.values().get(pk=person.pk)
        answer = admin.post(url(person), sent)
        assert CHANGED in answer.content.decode()
        assert User.objects.values().get(pk=person.pk) == before
    fresh = {**form(User.objects.get(pk=person.pk), name="Alicia"), **shown(admin, url(person))}
    assert admin.post(url(person), fresh).status_code == 302
    assert User.objects.get(pk=person.pk).name == "Alicia"


def test_a_source_and_a_group_are_not_written_over(
    admin: Client, tenant: Callable[..., Source]
) -> None:
    row = tenant()
    page = f"/admin/accounts/source/{row.pk}/change/"
    for view in ("", "?json"):
        sent = {**source_form(row), **shown(admin, page + view)}
        Source.objects.filter(pk=row.pk).update(enabled=False)
        assert CHANGED in admin.post(page, sent).content.decode()
        assert not Source.objects.get(pk=row.pk).enabled
        Source.objects.filter(pk=row.pk).update(enabled=True)
    group = Group.objects.create(name="Clerks")
    right = Permission.objects.get(codename="view_event")
    group.permissions.add(right)
    page = f"/admin/auth/group/{group.pk}/change/"
    sent = {"name": "Clerks", "permissions": [right.pk], **shown(admin, page)}
    group.permissions.clear()
    assert CHANGED in admin.post(page, sent).content.decode()
    assert not group.permissions.exists()


def test_a_rule_and_a_client_are_not_written_over(admin: Client) -> None:
    files = rule("files", access="nobody")
    web = register("web", redirect_uris="https://a.example/cb", introspects=False)
    for row, before, late in (
        (files, {"access": "signed_in", "groups": []}, rule_form(access="signed_in", note="x")),
        (web, {"introspects": True}, client_form(web, introspects="on", name="The site")),
    ):
        rows = type(row)._default_manager.filter(pk=row.pk)  # type: ignore[attr-defined]
        page = f"/admin/{row._meta.app_label}/{row._meta.model_name}/{row.pk}/change/"
        now = rows.values().get()
        rows.update(**before)
        sent = {**late, **shown(admin, page)}
        rows.update(**{name: now[name] for name in before})
        assert CHANGED in admin.post(page, sent).content.decode()
        assert rows.values().get() == now
        sent = {**late, **shown(admin, page)}
        assert admin.post(page, sent).status_code == 302
    assert (AccessRule.objects.get().note, OAuthClient.objects.get(pk=web.pk).name) == (
        "x",
        "The site",
    )


def test_a_notice_and_who_waits_are_not_written_over(admin: Client, person: User) -> None:
    until = timezone.now() + timedelta(hours=1)
    row = MaintenanceNotice.objects.create(shown_until=until, english="Wrong words")
    page = f"/admin/operations/maintenancenotice/{row.pk}/change/"
    late = {"shown_from": f"{until:%Y-%m-%d}T00:00", "shown_until": f"{until.year + 1}-06-01T08:00"}
    sent = {**late, "english": "Wrong words", **shown(admin, page)}
    MaintenanceNotice.objects.filter(pk=row.pk).update(english="Better words")
    assert CHANGED in admin.post(page, sent).content.decode()
    assert MaintenanceNotice.objects.get().words == "Better words"
    assert admin.post(page, {**sent, **shown(admin, page)}).status_code == 302

    clerks = Group.objects.create(name="Clerks")
    person.groups.add(clerks)
    User.objects.filter(pk=person.pk).update(status="awaiting_access")
    page = f"/admin/operations/awaitingperson/{person.pk}/change/"
    sent = {"groups": [clerks.pk], "_let_in": "1", **shown(admin, page)}
    person.groups.clear()
    assert CHANGED in admin.post(page, sent).content.decode()
    now = User.objects.get(pk=person.pk)
    assert (now.status, now.groups.count()) == ("awaiting_access", 0)
    assert admin.post(page, {**sent, **shown(admin, page)}).status_code == 302
    assert User.objects.get(pk=person.pk).status == "active"


@pytest.mark.django_db(transaction=True)
def test_a_secret_that_is_made_in_the_same_moment_stays(admin: Client) -> None:
    sign_in(other := Client(), "ada")
    web = register("web", auth_method=OAuthClient.Method.BASIC)
    rows, clients = OAuthClient.objects.filter(pk=web.pk), "/admin/authorization_server/client/"
    made = {"action": "renew_secret", "_selected_action": [web.pk]}
    sent = client_form(web, name="The site")
    with ThreadPoolExecutor(2) as pool:
        with transaction.atomic():
            rows.select_for_update().get()
            new = pool.submit(closing, lambda: other.post(clients, made, follow=True))
            wait_for(1)
            page = f"{clients}{web.pk}/change/"
            late = pool.submit(closing, lambda: admin.post(page, sent).status_code)
            wait_for(2)
        assert late.result(30) == 302
    (said,) = map(str, new.result(30).context["messages"])
    now = rows.get()
    assert (now.name, now.client_secret) == ("The site", digest(said.rsplit(" ", 1)[1]))


@pytest.mark.django_db(transaction=True)
def test_a_password_that_changes_in_the_same_moment_stays(admin: Client, person: User) -> None:
    answers = []

    def save() -> None:
        answers.append(admin.post(url(person), form(person, name="Alicia")).status_code)
        connections.close_all()

    desk = Thread(target=save)
    with transaction.atomic():
        User.objects.filter(pk=person.pk).update(password="another", session_epoch=7)
        desk.start()
        desk.join(0.4)  # long enough to come to the row
    desk.join()
    now = User.objects.get(pk=person.pk)
    assert (answers, now.name) == ([302], "Alicia")
    assert (now.password, now.session_epoch) == ("another", 7)


@pytest.mark.django_db(transaction=True)
def test_who_is_erased_as_dormant_waits_for_no_form_and_breaks_none(
    admin: Client, person: User, settings: Any
) -> None:
    settings.VESTIBULE_DORMANT = timedelta(days=60)
    User.objects.filter(pk=person.pk).update(seen_at=timezone.now() - timedelta(days=90))
    person.refresh_from_db()
    held = User.objects.filter(is_superuser=True).select_for_update(no_key=True)
    save = partial(admin.post, url(person), form(person, name="Other"))
    with ThreadPoolExecutor(2) as pool:
        with transaction.atomic():
            held.get()
            saved = pool.submit(closing, save)
            wait_for(1)
            erased = pool.submit(closing, erasure.erase_dormant)
            if connection.vendor == "postgresql":  # SQLite has one writer at a time
                assert erased.result(30) == 1
        assert (saved.result(30).status_code, erased.result(30)) == (302, 1)
