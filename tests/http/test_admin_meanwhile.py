"""A form of the administration that is sent late undoes nothing of what others did meanwhile."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from threading import Thread
from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission
from django.db import connections, transaction
from django.test import Client
from django.utils import timezone

from accounts.models import FactorDuty, Source, User
from accounts.session import erasure
from tests.http.conftest import PASSWORD, sign_in
from tests.http.test_admin_people import form, url
from tests.http.test_at_that_moment import held_up
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
def test_a_form_of_somebody_who_is_erased_as_dormant_waits_for_it(
    admin: Client, person: User, settings: Any
) -> None:
    settings.VESTIBULE_DORMANT = timedelta(days=60)
    User.objects.filter(pk=person.pk).update(seen_at=timezone.now() - timedelta(days=90))
    person.refresh_from_db()
    held = User.objects.filter(is_superuser=True).select_for_update(no_key=True)
    save = partial(admin.post, url(person), form(person, name="Other"))
    saved, erased = held_up(held.get, save, erasure.erase_dormant)
    assert (saved.status_code, erased) == (302, 1)
