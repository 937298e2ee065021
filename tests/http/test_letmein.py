"""A link from the terminal lets an administrator in when nothing else does: once, and only them."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from io import StringIO

import pytest
import time_machine
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone

from accounts.models import Event, Source, StoredSession, User
from accounts.session import people
from portal.operations import rescue
from tests.http.oidc.conftest import parallel
from tests.peers.site import Site

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.wire]
ENTER = "/login/letmein/enter"


@pytest.fixture
def ada() -> User:
    return User.objects.create_superuser("ada", "correct horse battery staple", name="Ada")


def link(username: str = "ada") -> str:
    """Return the path that the command prints."""
    out, err = StringIO(), StringIO()
    call_command("letmein", username, stdout=out, stderr=err)
    found = re.fullmatch(r"http://localhost:8000(/login/letmein/[\w-]{43})\n", out.getvalue())
    assert found, out.getvalue()
    assert "ten minutes" in err.getvalue()
    return found[1]


def test_an_administrator_comes_in_once_and_it_is_in_the_trail(client: Client, ada: User) -> None:
    Source.objects.update(enabled=False)  # no way in is left
    client.cookies["vestibule-receipt"] = "of before"
    path = link("ADA")
    shown = client.get(path)
    assert shown["Location"] == ENTER
    page = client.get(ENTER)
    assert page.status_code == 200
    assert path.rpartition("/")[2] not in page.content.decode()
    assert not StoredSession.objects.exists(), "looking at it uses it up"
    entered = client.post(ENTER)
    assert (entered.status_code, entered["Location"]) == (303, "/admin/")
    assert entered.cookies["vestibule-receipt"]["max-age"] == 0, "somebody has left before"
    assert client.get("/admin/").status_code == 200
    assert client.get("/auth/session").json()["user"]["username"] == "ada"
    issued = Event.objects.get(name="letmein.issued")
    assert issued.detail.startswith("on the terminal, by ")
    used = Event.objects.get(name="letmein.used")
    assert (issued.user, used.user) == (ada, ada)
    assert (issued.actor, issued.by, used.by) == ("site", None, ada)
    assert used.session_uid == StoredSession.objects.get().uid
    again = Client()
    assert again.get(path)["Location"] == ENTER
    assert again.get(ENTER).status_code == 400


@pytest.mark.parametrize("username", ["nobody", "bob", "dora"])
def test_it_makes_nobody_an_administrator(ada: User, username: str) -> None:
    User.objects.create_user("bob", "correct horse battery staple")
    disabled = User.objects.create_superuser("dora", "correct horse battery staple")
    people.disable(disabled)
    with pytest.raises(CommandError, match=username):
        call_command("letmein", username)
    assert not rescue.Rescue.objects.exists()


def test_it_is_over_after_ten_minutes_and_when_the_person_changes(
    client: Client, ada: User
) -> None:
    path = link()
    client.get(path)
    with time_machine.travel(timezone.now() + timedelta(minutes=10, seconds=1)):
        assert client.post(ENTER).status_code == 400
    client.get(path)
    assert client.get(ENTER).status_code == 200
    User.objects.update(is_staff=False)
    assert client.post(ENTER).status_code == 400
    User.objects.update(is_staff=True)
    client.get(path)
    assert client.get(ENTER).status_code == 200
    people.end_all(ada.pk, "a test")
    assert client.post(ENTER).status_code == 400
    assert not StoredSession.objects.exists()


def test_of_many_uses_one_wins(ada: User) -> None:
    path, browsers = link(), [Client() for _ in range(8)]
    for each in browsers:
        each.get(path)
    answers = parallel(8, lambda: browsers.pop().post(ENTER).status_code)
    assert sorted(answers) == [303] + 7 * [400]
    assert StoredSession.objects.count() == 1


def test_whoever_is_signed_in_already_is_not_swapped(client: Client, ada: User) -> None:
    User.objects.create_user("bob", "correct horse battery staple").give_local_identity()
    form = {"username": "bob", "password": "correct horse battery staple"}
    client.post("/auth/login/local", form)
    client.get(link())
    page = client.post(ENTER)
    assert page.status_code == 409
    assert "Sign out first" in page.content.decode()
    assert client.get("/auth/session").json()["user"]["username"] == "bob"
    client.post("/auth/logout")
    assert client.post(ENTER).status_code == 303


def test_a_page_elsewhere_signs_nobody_in(ada: User) -> None:
    client = Client(enforce_csrf_checks=True)
    client.get(link())
    assert client.post(ENTER).status_code == 403
    without = Client().post(ENTER)
    assert without.status_code == 400
    assert "Open the link once more" in without.content.decode()
    assert Client().get("/login/letmein/" + "x" * 500)["Location"] == ENTER


def test_the_link_alone_is_printed(site: Callable[..., Site]) -> None:
    house = site()
    house.manage("createsuperuser", "--no-input", "--username", "ada")
    printed = house.manage("letmein", "ada")
    assert re.fullmatch(rf"{house.url}/login/letmein/[\w-]{{43}}\n", printed)
