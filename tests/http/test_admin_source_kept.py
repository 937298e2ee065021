"""A source that is opened in the administration and saved again stays as it is."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Any

import pytest
from django.contrib import admin as administration
from django.contrib.auth.models import Group
from django.test import Client, RequestFactory

from accounts.models import Event, Source, User
from accounts.source import catalogue
from portal.operations import roles
from tests.http.conftest import PASSWORD, sign_in
from tests.http.test_trusted_settings import WHOLE
from tests.peers import fresh

pytestmark = pytest.mark.desk

# What a source has beside what is usual, so that whatever the page forgets is lost.
UNUSUAL: dict[str, Any] = {
    "label": "Town", "order": 7, "enabled": True, "enroll": False, "require_assignment": True,
    "end_with_token": True, "allow_upstream_token": True, "allow_erasure": True, "staff": True,
    "verifies_mail": False,
    "after_login": "/account/", "groups": {"all": "Readers"}, "note": "Back at noon",
    "texts": {"da": {"label": "Byen"}, "de": {"help": "Mit dem Ausweis"}},
}  # fmt: skip
SWITCHES = [name for name, value in UNUSUAL.items() if isinstance(value, bool)]


class Sent(HTMLParser):
    """What a browser sends of the main form of a page, when nothing was touched and *Save* is
    clicked.
    """

    def __init__(self, page: str) -> None:
        super().__init__()
        self.values: dict[str, str] = {}
        self.names: set[str] = set()
        self._in_form, self._area, self._choice = False, "", ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = {name: value or "" for name, value in attrs}
        name = told.get("name", "")
        if tag == "form":
            self._in_form = told.get("id", "").endswith("_form")
        if not self._in_form:
            return
        self.names |= {name} - {""}
        if tag == "input" and name and told.get("type") not in {"submit", "file"}:
            usual = "on" if told.get("type") == "checkbox" else ""
            if not usual or "checked" in told:
                self.values[name] = told.get("value", usual)
        elif tag == "select":
            self._choice = name
        elif tag == "option" and "selected" in told:
            self.values[self._choice] = told["value"]
        elif tag == "textarea":
            self._area = name
            self.values[name] = ""

    def handle_data(self, data: str) -> None:
        if self._area:
            self.values[self._area] += data

    def handle_endtag(self, tag: str) -> None:
        if tag == "textarea":  # a browser drops the first line break
            self.values[self._area] = self.values[self._area].removeprefix("\n").strip()
            self._area = ""


@pytest.fixture
def admin(client: Client, house: None) -> Client:
    User.objects.create_superuser("ada", PASSWORD, name="Ada")
    sign_in(client, "ada")
    return client


@pytest.fixture(params=WHOLE)
def source(request: pytest.FixtureRequest, house: None) -> Source:
    """Give a source of each kind, with everything as it usually is not."""
    kind = request.param
    row = Source.objects.filter(slug=kind).first() or Source(slug=kind, provider=kind)
    row.settings = dict(WHOLE[kind])
    for name, value in UNUSUAL.items():
        setattr(row, name, value)
    catalogue.save(row)
    fresh.sources()
    return row


def columns(row: Source) -> dict[str, Any]:
    return {each.attname: getattr(row, each.attname) for each in Source._meta.concrete_fields}


def edited(row: Source) -> set[str]:
    """Return the columns that the form would write."""
    request = RequestFactory().get("/")
    request.user = User.objects.get(username="ada")
    page = administration.site._registry[Source]
    return {*page.get_fields(request, row)} - {*page.get_readonly_fields(request, row)}


def url(row: Source) -> str:
    return f"/admin/accounts/source/{row.pk}/change/"


@pytest.mark.parametrize("query", ["", "?json=1"])
def test_who_saves_a_source_untouched_changes_nothing(
    admin: Client, source: Source, query: str
) -> None:
    page = Sent(admin.get(url(source) + query).content.decode())
    by_parts = {"mapping": "groups", "typed": "settings"}  # a kind may have no setting at all
    by_parts |= {name: "texts" for name in page.names if name.startswith("text-")}
    assert {by_parts.get(name, name) for name in page.names} >= edited(source)

    before = columns(source)
    answer = admin.post(url(source) + query, {**page.values, "_save": "1"})
    assert answer.status_code == 302, answer.context["adminform"].form.errors
    assert columns(Source.objects.get(pk=source.pk)) == before
    assert not Event.objects.filter(name="source.changed").exists()


def test_who_only_looks_at_a_source_sees_no_secret_of_it(client: Client, house: None) -> None:
    settings = {"upstream": "https://town.example", "secret": "a-secret-of-the-town"}
    row = Source(slug="town", provider="tenant", settings=settings, staff=True)
    catalogue.save(row)
    roles.establish()
    for role in ("auditor", "source-keeper"):  # who keeps sources, but not those of administrators
        user = User.objects.create_user(role, PASSWORD, is_staff=True)
        user.give_local_identity()
        user.groups.add(Group.objects.get(name=f"role:{role}"))
        client.post("/auth/logout")
        sign_in(client, role)
        page = client.get(url(row)).content.decode()
        assert "https://town.example" in page
        assert "_save" not in page
        assert "sealed:" not in page


def test_each_switch_is_told_of_when_it_is_turned(admin: Client, house: None) -> None:
    row = Source(slug="town", provider="tenant", settings={"upstream": "https://town.example"})
    catalogue.save(row)
    fresh.sources()
    for name in SWITCHES:
        before = getattr(Source.objects.get(pk=row.pk), name)
        sent = Sent(admin.get(url(row)).content.decode()).values
        assert (name in sent) is before
        turned = {**sent, name: "" if before else "on"}
        assert admin.post(url(row), {**turned, "_save": "1"}).status_code == 302
        assert getattr(Source.objects.get(pk=row.pk), name) is not before
        assert Event.objects.filter(name="source.changed").latest("pk").detail == name
