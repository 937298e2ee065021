"""Maintenance notices: on the sign-in pages, in the reader's language, in their time."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from html import unescape

import pytest
import time_machine
from django.core.exceptions import ValidationError
from django.core.management import call_command
from django.test import Client
from django.utils import timezone

from accounts.models import User
from portal.operations.maintenance import MaintenanceNotice
from tests.http.conftest import PASSWORD, sign_in

pytestmark = pytest.mark.django_db(transaction=True)
DANISH = "Vi arbejder på siden i aften <b>fra 20</b>."
ENGLISH = "We work on this site tonight."


def notice(begins: int, ends: int, **words: str) -> MaintenanceNotice:
    """Make a notice that is shown from and until so many minutes from now."""
    now = timezone.now()
    made = MaintenanceNotice(
        shown_from=now + timedelta(minutes=begins), shown_until=now + timedelta(minutes=ends),
        **(words or {"danish": DANISH, "english": ENGLISH}),
    )  # fmt: skip
    made.full_clean()
    made.save()
    return made


def page(path: str = "/login", language: str = "en") -> str:
    return Client().get(path, headers={"Accept-Language": language}).content.decode()


@pytest.mark.parametrize("path", ["/login", "/auth/login/local"])
def test_it_is_told_in_the_readers_language(path: str) -> None:
    notice(-1, 10)
    assert ENGLISH in page(path)
    assert "&lt;b&gt;fra 20&lt;/b&gt;" in page(path, "da")
    assert ENGLISH in page(path, "de"), "the site's own language"


def test_it_is_told_in_any_language_rather_than_not_at_all() -> None:
    notice(-1, 10, german="Heute Abend.")
    assert "Heute Abend." in page(language="da")


@pytest.mark.parametrize(("begins", "ends", "shown"), [(-1, 1, True), (1, 2, False)])
def test_it_is_told_in_its_time(begins: int, ends: int, shown: bool) -> None:
    notice(begins, ends)
    assert (ENGLISH in page()) is shown


def test_workers_know_of_each_change_and_what_is_over_goes() -> None:
    made = notice(-10, 10)
    assert ENGLISH in page()
    made.shown_until = timezone.now() - timedelta(minutes=1)
    made.save()
    from tests.peers import fresh

    fresh.worker()  # half a second later
    assert ENGLISH not in page()
    call_command("clear_expired")
    assert not MaintenanceNotice.objects.exists()


def test_it_has_words_and_ends_after_it_begins() -> None:
    with pytest.raises(ValidationError):
        notice(-1, 10, english="")
    with pytest.raises(ValidationError):
        notice(10, 10)


def test_an_administrator_writes_it(client: Client) -> None:
    User.objects.create_superuser("ada", PASSWORD)
    sign_in(client, "ada")
    now = timezone.localtime()
    form = {
        "shown_from": f"{now.date()}T00:00",
        "shown_until": f"{(now + timedelta(days=1)).date()}T00:00",
        "english": ENGLISH,
    }  # fmt: skip
    answer = client.post("/admin/operations/maintenancenotice/add/", form)
    assert answer.status_code in {200, 302, 303}
    assert MaintenanceNotice.objects.get().english == ENGLISH
    assert ENGLISH in client.get("/admin/operations/maintenancenotice/").content.decode()
    for bad in (
        {"shown_from": "0001-01-01T00:00"},
        {"shown_until": "9999-12-31T23:59:59.999999+00:00"},
    ):
        page = client.post("/admin/operations/maintenancenotice/add/", form | bad)
        assert set(page.context["adminform"].form.errors) == set(bad)
    client.cookies["vestibule-language"] = "da"
    page = client.get("/admin/operations/maintenancenotice/").content.decode()
    assert re.search(r"<th[^>]*column-shown_words.*?Driftsmeddelelse", page, re.DOTALL)


NOTICES = "/admin/operations/maintenancenotice/"


@pytest.mark.parametrize("hour", [0, 1], ids=["first", "second"])
def test_it_is_written_in_the_hour_that_comes_twice(client: Client, hour: int) -> None:
    """The page fills in the present moment, and is taken as it came; what is said of that hour is
    shown in both.
    """
    User.objects.create_superuser("ada", PASSWORD)
    first = datetime(2027, 10, 31, 0, 20, tzinfo=UTC)  # 02:20 in Copenhagen, and once more later
    with time_machine.travel(first + timedelta(hours=hour), tick=True):
        sign_in(client, "ada")
        form = client.get(f"{NOTICES}add/").content.decode()
        filled_in = re.search(r'name="shown_from" value="([^"]+)"', form)
        assert filled_in
        assert filled_in[1].startswith("2027-10-31T02:2")
        given = {"shown_from": filled_in[1], "shown_until": "2027-10-31T02:50", "english": ENGLISH}
        assert client.post(f"{NOTICES}add/", given).status_code == 302
        assert ENGLISH in page()
        made = MaintenanceNotice.objects.get()
        assert made.shown_from <= first + timedelta(minutes=9)
        assert made.shown_until == first + timedelta(minutes=90)
        form = client.get(f"{NOTICES}{made.pk}/change/").content.decode()
        seen = re.search(r'name="seen" value="([^"]*)"', form)
        given |= {"english": "It takes longer.", "seen": unescape(seen[1]) if seen else ""}
        assert client.post(f"{NOTICES}{made.pk}/change/", given).status_code == 302
        made.refresh_from_db()
        assert made.english == "It takes longer."


def test_the_hour_that_does_not_come_is_refused(client: Client) -> None:
    User.objects.create_superuser("ada", PASSWORD)
    with time_machine.travel(datetime(2027, 3, 27, 12, tzinfo=UTC), tick=True):
        sign_in(client, "ada")
        given = {"shown_from": "2027-03-28T01:30", "shown_until": "2027-03-28T02:30"}
        answer = client.post(f"{NOTICES}add/", {**given, "english": ENGLISH})
    assert answer.status_code == 200
    assert 'id="id_shown_until_error"' in answer.content.decode()
    assert not MaintenanceNotice.objects.exists()
