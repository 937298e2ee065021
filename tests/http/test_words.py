"""What people read on their way: why they are asked, where they go, what became of it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.core.exceptions import ValidationError
from django.test import Client
from django.utils import timezone

from accounts import errors
from accounts.models import Identity, Source, StoredSession, User
from accounts.source import catalogue, outage
from portal.pages import problems
from tests.http.conftest import PASSWORD, begin, enter, sign_in
from tests.http.onward import onward
from tests.peers import fresh

pytestmark = pytest.mark.django_db(transaction=True)
Tenant = Callable[..., Source]


@pytest.mark.parametrize("language", ["en", "da", "de"])
def test_no_label_stands_within_a_sentence(
    client: Client, person: User, tenant: Tenant, language: str
) -> None:
    client.cookies["vestibule-language"] = language
    tenant(columns={"label": "LABEL"})
    sign_in(client)
    page = client.get("/auth/login/town").content.decode()
    assert re.search(r"<dd>LABEL</dd>", page)
    assert len(re.findall(r"LABEL", page)) == 1
    enter(stranger := Client(), "town")
    stranger.cookies["vestibule-language"] = language
    front = stranger.get("/").content.decode()
    assert re.search(r": LABEL<", front)


@pytest.mark.remembers
def test_a_source_speaks_the_language_of_the_page(client: Client, tenant: Tenant) -> None:
    danish = {"label": "Byen", "help": "For byens folk.", "note": "Vi flytter."}
    tenant(columns={"label": "Town", "note": "We are moving.", "texts": {"da": danish}})
    outage.note("town")
    english = client.get("/login?choose=1").content.decode()
    assert "Town" in english
    assert "We are moving." in english
    client.cookies["vestibule-language"] = "da"
    page = client.get("/login?choose=1").content.decode()
    for each in danish.values():
        assert each in page
    listed = client.get("/auth/sources").json()[0]
    assert (listed["label"], listed["trouble"]["note"]) == ("Byen", "Vi flytter.")
    client.cookies["vestibule-language"] = "de"
    assert "Town" in client.get("/login?choose=1").content.decode()


@pytest.mark.parametrize(
    "texts", [[], {"xx": {}}, {"da": "x"}, {"da": {"name": "x"}}, {"da": {"label": 1}}]
)
def test_texts_of_another_shape_are_refused(tenant: Tenant, texts: Any) -> None:
    with pytest.raises(ValidationError, match="label, help"):
        tenant(columns={"texts": texts})


def test_each_change_is_answered_by_a_message(client: Client, person: User, tenant: Tenant) -> None:
    tenant()
    sign_in(client)
    asked = onward(client, client.post("/account/sign-ins", {"link": "town"}))
    state = asked["Location"].split("state=")[1].split("&")[0]
    client.get("/auth/callback/town", {"code": "bob", "state": state})
    assert "you can sign in this way too" in client.get("/account/sign-ins").content.decode()
    linked = Identity.objects.get(source__slug="town")
    client.post("/account/sign-ins", {"unlink": linked.pk})
    assert "sign in to this account that way" in client.get("/account/sign-ins").content.decode()
    sign_in(Client())
    other = StoredSession.objects.order_by("-created_at").first()
    assert other is not None
    client.post("/account/sessions", {"end": other.uid})
    assert "That device is signed out" in client.get("/account/sessions").content.decode()
    client.post("/account/sessions", {"end": "others"})
    assert "signed out everywhere else" in client.get("/account/sessions").content.decode()


def test_who_is_asked_again_is_told_why_and_need_not_type_the_name(
    client: Client, person: User
) -> None:
    sign_in(client)
    with time_machine.travel(timezone.now() + timedelta(hours=1), tick=True):
        asked = client.post("/account/sign-ins", {"unlink": "1"})
        page = client.get(onward(client, asked)["Location"]).content.decode()
    assert "needs a fresh sign-in" in page
    assert 'value="alice"' in page


def test_a_form_that_asks_for_no_password_does_not_speak_of_one() -> None:
    said = problems.explain(errors.LOGIN_FAILED, "", form=True, asks_for_password=False)
    assert "password" not in f"{said['sentence']} {said['advice']}".lower()
    usual = problems.explain(errors.LOGIN_FAILED, "", form=True)
    assert "password" in str(usual["sentence"])


def test_people_read_where_they_are_going(client: Client, house: None, settings: Any) -> None:
    settings.VESTIBULE_FRONTEND_ORIGINS = ["https://map.example.org"]
    assert "You are signing in to Vestibule." in client.get("/login").content.decode()
    page = client.get("/login?next=https://map.example.org/x").content.decode()
    assert "You are signing in to map.example.org." in page
    form = client.get("/auth/login/local?next=https://map.example.org/x").content.decode()
    assert "You are signing in to map.example.org." in form


def test_every_moment_is_one_that_machines_read(client: Client, person: User) -> None:
    sign_in(client)
    for path in ("/account/", "/account/sessions"):
        moments = re.findall(r'datetime="([^"]*)"', client.get(path).content.decode())
        assert moments
        for each in moments:
            assert datetime.strptime(each, "%Y-%m-%dT%H:%M:%S%z")


def test_what_is_wrong_leads_to_its_field(client: Client, person: User) -> None:
    page = client.post("/auth/login/local", {"username": "alice", "password": "x"})
    field = re.search(r'<a href="#([^"]+)">Check both', page.content.decode())
    assert field
    assert f'id="{field[1]}"' in page.content.decode()


def test_each_way_that_can_be_added_shows_its_own_sign(
    client: Client, person: User, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = Source(slug="school", provider="oidc", label="School", order=3)
    row.settings = {
        "issuer": "https://id.example.org",
        "client_id": "portal",
        "icon": "school",
    }
    from accounts.source import catalogue

    catalogue.save(row)
    sign_in(client)
    page = client.get("/account/sign-ins").content.decode()
    assert re.search(r'value="school">.*?icons\.svg#school', page, re.S)


def test_after_a_reset_the_form_comes_first(client: Client, person: User, tenant: Tenant) -> None:
    tenant()
    context: Mapping[str, Any] = client.get("/login?choose=1&done=password").context
    page = client.get("/login?choose=1&done=password").content.decode()
    assert context["notice"] == "password"
    assert page.index('name="password"') < page.index("/auth/login/town")
    assert "Or:" not in page  # it is the first
    assert '<button class="secondary">Sign in' not in page
    usual = client.get("/login?choose=1").content.decode()
    assert usual.index("/auth/login/town") < usual.index('name="password"')
    assert PASSWORD not in page
    assert begin(client, "town")


def test_after_a_reset_no_directory_is_shown_the_new_password(client: Client, person: User) -> None:
    row = Source(slug="staff", provider="ldap", label="Staff", order=1)
    row.settings = {"servers": ["ldaps://ldap.example"], "base": "dc=example"}
    catalogue.save(row)
    fresh.sources()
    for address, slug in (("", "staff"), ("&done=password", "local")):
        page: Any = client.get(f"/login?choose=1{address}")
        assert [form["slug"] for form in page.context["forms"]] == [slug]
