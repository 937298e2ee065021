"""docs/strength.md 3: the administration asks how strongly somebody has signed in."""

from __future__ import annotations

from io import StringIO
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.core.management import call_command
from django.test import Client

from accounts.models import Source, User
from portal.operations.doctor import staff
from tests.http.conftest import PASSWORD, sign_in
from tests.http.factors.conftest import Factor
from tests.http.onward import onward
from tests.peers import fresh

pytestmark = [pytest.mark.django_db, pytest.mark.desk]
SOURCES = "/admin/accounts/source/"


@pytest.fixture
def ada(house: None, client: Client) -> User:
    """Give an administrator who has signed in by a password alone."""
    user = User.objects.create_superuser("ada", PASSWORD, name="Ada", email="ada@example.org")
    sign_in(client, "ada")
    return user


@pytest.fixture
def strict(settings: Any) -> None:
    settings.VESTIBULE_STAFF_STRENGTH = "substantial"


def query_of(answer: Any) -> dict[str, str]:
    return {k: v[0] for k, v in parse_qs(urlsplit(answer["Location"]).query).items()}


def test_a_password_is_enough_until_the_setting_says_more(client: Client, ada: User) -> None:
    assert client.get(SOURCES).status_code == 200


def test_a_stranger_is_asked_for_it_at_once(client: Client, strict: None, house: None) -> None:
    assert query_of(client.get(SOURCES)) == {"next": SOURCES, "strength": "substantial"}
    assert query_of(client.get("/admin/login/"))["strength"] == "substantial"


@pytest.mark.parametrize("path", ["/admin/", SOURCES, f"{SOURCES}add/", "/admin/jsi18n/"])
@pytest.mark.parametrize("method", ["get", "post"])
def test_each_page_wants_it(
    client: Client, ada: User, strict: None, path: str, method: str
) -> None:
    answer = getattr(client, method)(path)
    answer = onward(client, answer) if method == "post" else answer
    assert (answer.status_code, urlsplit(answer["Location"]).path) == (303, "/auth/login/local")
    assert query_of(answer) == {"next": path, "again": "1", "strength": "substantial"}


def test_nothing_is_written_by_who_is_too_weak(client: Client, ada: User, strict: None) -> None:
    form = {"slug": "local", "order": "7", "enabled": "on"}
    client.post(f"{SOURCES}{Source.objects.get().pk}/change/", form)
    assert Source.objects.get().order == 1000


def test_a_code_opens_it_and_leads_back(client: Client, ada: User, strict: None) -> None:
    factor = Factor(ada)
    form = client.get(client.get(SOURCES)["Location"])
    assert 'name="strength" value="substantial"' in form.content.decode()
    posted = {"username": "ada", "password": PASSWORD, "next": SOURCES, "strength": "substantial"}
    assert client.post("/auth/login/local", posted)["Location"] == "/login/second"
    done = client.post("/login/second", {"code": factor.code(), "strength": "substantial"})
    assert done["Location"] == SOURCES
    assert client.get(SOURCES).status_code == 200


def test_a_page_for_which_one_lacks_the_right_is_no_reason_to_ask(
    client: Client, person: User, strict: None
) -> None:
    sign_in(client)
    assert client.get(SOURCES).status_code == 403


def test_who_is_too_weak_can_leave(client: Client, ada: User, strict: None) -> None:
    assert client.post("/admin/logout/")["Location"] == "/auth/logout"


def test_the_terminal_lets_in_whom_nothing_else_does(
    client: Client, ada: User, strict: None
) -> None:
    out = StringIO()
    call_command("letmein", "ada", stdout=out, stderr=StringIO())
    own = Client()
    own.get(urlsplit(out.getvalue().strip()).path)
    assert own.post("/login/letmein/enter")["Location"] == "/admin/"
    assert own.get(SOURCES).status_code == 200


# --- The doctor says whether anybody can come in ---------------------------------------------


def said() -> tuple[bool, str]:
    (found,) = staff.findings(None)
    return found.ok, found.message + found.fix


def test_the_doctor_tells_that_any_sign_in_will_do(ada: User) -> None:
    assert said()[0]
    assert "VESTIBULE_STAFF_STRENGTH" in said()[1]


def test_the_doctor_finds_a_door_that_nobody_can_open(ada: User, strict: None) -> None:
    well, words = said()
    assert not well
    assert "manage.py letmein" in words
    Factor(ada)
    assert said()[0]


def test_the_doctor_knows_that_a_code_is_never_high(ada: User, settings: Any) -> None:
    Factor(ada)
    settings.VESTIBULE_STAFF_STRENGTH = "high"
    assert not said()[0]
    city = Source.objects.create(
        slug="city", provider="oidc", staff=True,
        settings={"issuer": "https://city.example", "client_id": "portal"},
    )  # fmt: skip
    fresh.sources()
    ada.identities.create(source=city, issuer="https://city.example", subject="ada")
    assert said()[0], "a source elsewhere may"
