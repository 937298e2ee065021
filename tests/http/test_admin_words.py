"""The words of the administration: one for one thing, in the language of who reads them."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import fields

import pytest
from django.test import Client
from django.utils import translation
from django.utils.timezone import localtime

from accounts.models import Identity, Source, User
from accounts.source import registry
from tests.http.conftest import PASSWORD, sign_in

pytestmark = [pytest.mark.usefixtures("house"), pytest.mark.desk]


@pytest.fixture
def german(client: Client) -> Client:
    User.objects.create_superuser("root", PASSWORD, name="Root")
    sign_in(client, "root")
    client.cookies["vestibule-language"] = "de"
    return client


@pytest.mark.parametrize("kind", ["adgangsplatformen", "ldap", "local", "oidc", "unilogin"])
def test_each_setting_of_a_source_has_its_words(kind: str) -> None:
    settings = registry.providers()[kind].Settings
    named = {each.name for each in fields(settings)} - {"label", "help"}  # those of each source
    assert named <= {*settings.shown}
    with translation.override("da"):
        danish = {name: str(shown.label) for name, shown in settings.shown.items()}
    with translation.override("en"):
        alike = {name for name, shown in settings.shown.items() if str(shown.label) == danish[name]}
    assert alike <= {"scope", "base", "icon"}, "in Danish as in English"


def test_saving_has_one_word(german: Client) -> None:
    page = german.get("/admin/accounts/user/add/").content.decode()
    (row,) = re.findall(r'<div class="submit-row">.*?</div>', page, re.DOTALL)
    buttons = re.findall(r'type="submit" value="([^"]*)"', row)
    assert len(buttons) > 1
    assert all("peichern" in button for button in buttons), buttons


@pytest.mark.parametrize("page", ["identity", "identity/{pk}/change", "storedsession"])
def test_no_column_is_called_as_its_model_has_it(german: Client, page: str) -> None:
    pk = User.objects.get().identities.get().pk
    html = german.get(f"/admin/accounts/{page.format(pk=pk)}/").content.decode()
    assert "Person" in html
    assert not re.search(r">\s*(User|Subject|Created at|By source|Source)\b", html)
    assert "+00:00" not in html
    assert ">None<" not in html


def test_days_and_sources_are_written_in_the_language_of_the_page(german: Client) -> None:
    day = localtime(User.objects.get().created_at)
    people = german.get("/admin/accounts/user/").content.decode()
    assert f"{day:%d.%m.%Y %H:%M}" in people
    person = german.get(f"/admin/accounts/user/{User.objects.get().pk}/person/")
    assert f"{day:%d.%m.%Y}" in person.content.decode()
    assert "(<a href=" not in people
    assert "(<a href=" in german.get("/admin/accounts/user/?q=root").content.decode()
    sources = german.get("/admin/accounts/source/").content.decode()
    assert '<td class="field-shown_label">Benutzername und Passwort</td>' in sources
    german.cookies["vestibule-language"] = "en"
    english = german.get("/admin/accounts/user/").content.decode()
    assert f"{day.day} {day:%b %Y %H:%M}" in english


def test_the_lists_of_people_call_a_source_as_the_sign_in_page_does(
    german: Client, tenant: Callable[..., Source]
) -> None:
    row = tenant(columns={"texts": {"de": {"label": "Die Stadt"}}})
    newcomer = User.objects.create_user("nina", status=User.Status.AWAITING_ACCESS)
    Identity.objects.create(user=newcomer, source=row, issuer="https://town.example", subject="n")
    people = german.get("/admin/accounts/user/").content.decode()
    assert re.findall(r'<td class="field-ways">([^<]*)</td>', people) == [
        "Die Stadt",
        "Benutzername und Passwort",
    ]
    queue = german.get("/admin/operations/awaitingperson/").content.decode()
    assert re.findall(r'<td class="field-sources">([^<]*)</td>', queue) == ["Die Stadt"]
