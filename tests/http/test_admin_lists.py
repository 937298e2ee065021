"""What the lists of the administration tell of columns that they do not show: nothing (I02)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from html import unescape
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.contrib import admin
from django.contrib.auth.models import Permission
from django.contrib.contenttypes.models import ContentType
from django.db import connection
from django.db.models import Field
from django.test import Client, RequestFactory
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import Event, Source, User
from portal.authorization_server.admin import IssuedAdmin
from portal.authorization_server.models import DeviceGrant
from portal.door import lists
from portal.operations.admin.events import EventAdmin
from tests.http.conftest import PASSWORD, sign_in
from tests.http.oauth.application import register

pytestmark = pytest.mark.usefixtures("house")

LOOKUPS = ("", "__exact", "__startswith", "__regex", "__gt", "__in", "__isnull", "__length", "__0")
# What no list may be asked about, at any distance.
SECRET = re.compile(
    r"password|secret|token|checksum|session_key|session_data|sealed|digest|settings|code"
    r"|epoch|jti|nonce|public_key|credential|claims"
)
KEYS = ("pk", "pk__startswith", "pk__in")
# The columns that the filters of the lists go by, and one that a link of a person's page goes by.
SHOWN = {
    "accessrule": {"enabled", "access", "host"},
    "awaitingperson": {"identities__source"},
    "client": {"kind", "auth_method"},
    "event": {"at", "name", "reason", "source", "actor", "user"},
    "identity": {"source"},
    "outboxitem": {"kind", "source"},
    "source": {"enabled", "provider"},
    "storedsession": {"type", "source", "kind"},
    "user": {"status", "is_staff", "is_superuser", "groups"},
}


@pytest.fixture
def desk(client: Client) -> Client:
    """Sign in somebody who may look at people, and no more."""
    user = User.objects.create_user("carl", PASSWORD, is_staff=True)
    user.give_local_identity()
    user.user_permissions.set(Permission.objects.filter(codename="view_user"))
    sign_in(client, "carl")
    return client


@pytest.fixture
def root(client: Client) -> Client:
    User.objects.create_superuser("ada", PASSWORD)
    sign_in(client, "ada")
    return client


@pytest.fixture
def asked() -> Any:
    """Return a request of an administrator with all rights."""
    request: Any = RequestFactory().get("/")
    request.user = User(username="ada", is_staff=True, is_superuser=True)
    return request


def test_all_rows_are_as_many_as_the_page_offers(
    root: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lists, "MOST", 4)
    monkeypatch.setattr(EventAdmin, "list_per_page", 2)
    Event.objects.bulk_create(Event(name="logout", detail=f"{number}") for number in range(6))
    assert "Select all 4 events" in root.get(place(Event)).content.decode()
    every = {"action": "export", "_selected_action": "0", "select_across": "1"}
    lines = b"".join(root.post(place(Event), every)).splitlines()
    assert [json.loads(line)["detail"] for line in lines] == ["2", "3", "4", "5"]


def place(model: Any) -> str:
    return f"/admin/{model._meta.app_label}/{model._meta.model_name}/"


def paths(model: Any, depth: int = 2) -> Iterator[tuple[str, Any]]:
    """Yield each column of a table and of those that it is connected with, by its path."""
    for field in model._meta.get_fields():
        name = field.name if isinstance(field, Field) else field.get_accessor_name() or field.name
        for said in {name, field.name, getattr(field, "attname", name)}:
            yield said, field
        if field.is_relation and depth > 1 and field.related_model:
            for path, below in paths(field.related_model, depth - 1):
                yield f"{field.name}__{path}", below


def test_i02_whoever_sees_people_reads_no_hash(
    desk: Client, caplog: pytest.LogCaptureFixture
) -> None:
    yrsa = User.objects.create_superuser("yrsa", PASSWORD, name="Yrsa Holm")
    for lookup in ("startswith", "regex", "contains", "gt", "exact"):
        told = set()
        for guess in (yrsa.password[:12], "no such hash"):
            asked = {"username": "yrsa", f"password__{lookup}": guess}
            answer = desk.get("/admin/accounts/user/", asked)
            told.add((answer.status_code, b"Yrsa Holm" in answer.content))
        assert told == {(400, False)}, lookup
    said = [each for each in caplog.records if "not allowed" in each.getMessage()]
    assert len(said) == 10
    assert {(each.levelname, bool(each.exc_info)) for each in said} == {("WARNING", False)}


@pytest.mark.parametrize("may_see_people", [False, True])
def test_i02_people_are_found_by_what_is_shown_of_them(
    client: Client, may_see_people: bool
) -> None:
    yrsa = User.objects.create_user("yh-4711", PASSWORD, name="Yrsa Holm", email="a@secret.example")
    unnamed = User.objects.create_user("nn-0815", PASSWORD, email="b@secret.example")
    for user in (yrsa, unnamed):
        user.give_local_identity()
        sign_in(Client(), user.username)
    keeper = User.objects.create_user("kim", PASSWORD, is_staff=True)
    keeper.give_local_identity()
    seen = ["event", "storedsession", "identity", *(["user"] if may_see_people else [])]
    rights = Permission.objects.filter(codename__in=[f"view_{name}" for name in seen])
    keeper.user_permissions.set(rights)
    sign_in(client, "kim")
    for name in ("event", "storedsession", "identity"):
        for term, hidden in (
            *(("yrsa", False), (yrsa.uid, False), ("nn-08", False)),
            *(("a@secret", True), ("b@secret", True), ("yh-4711", True)),
        ):
            listed: Any = client.get(f"/admin/accounts/{name}/", {"q": term})
            found = bool(listed.context["cl"].result_list)
            assert found is (may_see_people or not hidden), (name, term)


@pytest.mark.parametrize("seen", ["", "user", "identity"])
def test_i02_no_search_tells_by_which_number_a_source_knows_somebody(
    client: Client, seen: str
) -> None:
    """A citizen's number has some hundred possible ends for each birthday."""
    yrsa = User.objects.create_user("yrsa", PASSWORD, name="Yrsa Holm")
    yrsa.give_local_identity()
    yrsa.identities.create(source=Source.objects.get(), subject="0101701234", issuer="x")
    sign_in(Client(), "yrsa")
    keeper = User.objects.create_user("kim", PASSWORD, is_staff=True)
    keeper.give_local_identity()
    tables = ["event", "storedsession", *filter(None, [seen])]
    rights = Permission.objects.filter(codename__in=[f"view_{name}" for name in tables])
    keeper.user_permissions.set(rights)
    sign_in(client, "kim")
    for name in tables:
        listed: Any = client.get(f"/admin/accounts/{name}/", {"q": "0101701234"})
        assert bool(listed.context["cl"].result_list) is (seen == "identity"), name


def test_i02_a_list_is_asked_by_its_own_filters_alone(asked: Any) -> None:
    for model, page in admin.site._registry.items():
        allowed = {
            path
            for path, _field in paths(model)
            for lookup in LOOKUPS
            if page.lookup_allowed(path + lookup, "1", asked)
        }
        known = SHOWN.get(str(model._meta.model_name), set())
        assert {re.sub(r"__id$", "", path) for path in allowed} <= known, model
        assert not [path for path in allowed if SECRET.search(path)], model
        assert not [each for each in KEYS if page.lookup_allowed(each, "1", asked)], model


def test_i02_no_list_is_sorted_or_searched_by_a_secret(asked: Any) -> None:
    hidden = re.compile(SECRET.pattern.replace("|code", ""))  # a support code is there to be read
    for model, page in admin.site._registry.items():
        shown = page.get_changelist_instance(asked)
        names = [shown.get_ordering_field(column) for column in shown.list_display]
        names += [*page.get_search_fields(asked)]
        assert not [name for name in names if hidden.search(str(name))], model


def test_each_filter_that_a_list_offers_is_answered(root: Client) -> None:
    for model in admin.site._registry:
        page = root.get(place(model))
        assert page.status_code == 200
        bar = page.content.decode().partition('id="changelist-filter"')[2]
        links = {unescape(link) for link in re.findall(r'href="(\?[^"]+)"', bar)}
        for link in {tuple(parse_qs(link[1:])): link for link in sorted(links)}.values():
            assert root.get(place(model) + link).status_code == 200, (model, link)


@pytest.mark.parametrize("key", ["x", "9" * 23, "9" * 5000])
def test_a_key_that_no_row_can_have_chooses_nothing(root: Client, asked: Any, key: str) -> None:
    for model, page in admin.site._registry.items():
        for action in page.get_actions(asked):
            sent = {"action": action, "_selected_action": ["1", key], "post": "yes"}
            answer = root.post(place(model), sent)
            assert (answer.status_code, answer["Location"]) == (302, place(model)), (model, action)
        assert root.get(place(model)).status_code == 200, model
    assert User.objects.filter(username="ada").exists()


def test_no_row_is_told_from_none_by_an_address_on_the_site(root: Client) -> None:
    row = register()
    assert "/admin/r/" not in root.get(f"{place(type(row))}{row.pk}/change/").content.decode()
    for model in admin.site._registry:
        kind = ContentType.objects.get_for_model(model).pk
        for pk in (row.pk, User.objects.get().pk, 999):
            assert root.get(f"/admin/r/{kind}/{pk}/").status_code == 404, model


def test_the_events_of_a_person_are_found_from_their_page(root: Client) -> None:
    ada = User.objects.get()
    shown = root.get(f"/admin/accounts/user/{ada.pk}/person/").content.decode()
    link = re.search(r'href="([^"]*user__id__exact=[^"]*)"', shown)
    assert link, shown
    assert urlsplit(link[1]).path == "/admin/accounts/event/"
    assert root.get(link[1]).status_code == 200


BROKEN = [
    ("event", "at__gte=0001-01-01T00:00:00%2B14:00"), ("event", "at__lt=9999-12-31T23:59:59-14:00"),
    ("event", "at__gte=0"), ("event", "at__gte=%00"), ("event", "at__isnull=maybe"),
    ("event", "name=%00"), ("event", "user__id__exact=x"),
    ("event", f"user__id__exact={'9' * 30}"), ("event", f"user__id__exact={'9' * 5000}"),
    ("event", f"p={'9' * 30}"), ("event", f"o={'1.' * 900}1"), ("event", "o=-٣.x.99999999999"),
    ("user", "groups__id__exact=x"), ("user", "status__exact=%00"), ("user", "q=%00"),
    ("user", "is_staff__exact=perhaps"), ("user", "q=" + "a+" * 3000), ("user", "all=&p=x"),
    ("source", "q=" + "a+" * 3000), ("source", "q=%22%27%5C"), ("source", "enabled__gte=x"),
    ("source", "e=1&enabled__exact=x"), ("storedsession", "type=%00"),
    ("identity", "source__id__exact=x"), ("identity", "source__id__exact=-1"),
]  # fmt: skip


def test_no_value_of_a_filter_breaks_a_list(root: Client) -> None:
    for name, query in BROKEN:
        answer: Any = root.get(f"/admin/accounts/{name}/?{query}")
        assert answer.status_code in {200, 302, 303, 400}, query
        if answer.status_code in {302, 303}:
            assert answer["Location"] == f"/admin/accounts/{name}/?e=1", query


def test_whoever_is_led_to_the_plain_list_is_told_so(root: Client) -> None:
    answer = root.get("/admin/accounts/event/?at__gte=tomorrow", follow=True)
    assert answer.redirect_chain == [("/admin/accounts/event/?e=1", 302)]
    assert "Everything is shown." in answer.content.decode()


def test_i02_other_lookups_are_refused(root: Client) -> None:
    for query in (
        "at__year=9999999", "at__year=0", "at__gte__year=0", "user__created_at__year=0",
        "user__password__regex=(", "detail__regex=^(a%2B)%2B$", "steps__0__x=1", "nothing=1",
    ):  # fmt: skip
        assert root.get(f"/admin/accounts/event/?{query}").status_code == 400, query


def test_i02_rows_are_picked_by_no_column_of_them(root: Client) -> None:
    for field in ("password", "uid", "username_key"):
        answer = root.get("/admin/accounts/user/", {"_popup": 1, "_to_field": field})
        assert answer.status_code == 400
    ada = User.objects.get()
    change = f"/admin/accounts/user/{ada.uid}/change/"
    assert root.get(change, {"_to_field": "uid"}).status_code == 400
    asked = {"app_label": "accounts", "model_name": "identity", "field_name": "user", "term": "a"}
    assert root.get("/admin/autocomplete/", asked).status_code == 404


def test_i02_what_was_issued_has_a_list_and_no_page_that_shows_it(root: Client) -> None:
    code = "BCDFGHJK"
    known = {"client_id": "app", "application": register(), "expires": timezone.now()}
    row = DeviceGrant.objects.create(device_code="f" * 64, user_code=code, **known)
    listed = root.get("/admin/authorization_server/devicegrant/")
    assert listed.status_code == 200
    assert code not in listed.content.decode()
    for model, page in admin.site._registry.items():
        if isinstance(page, IssuedAdmin):
            for what in ("change", "delete", "history"):
                assert root.get(f"{place(model)}{row.pk}/{what}/").status_code == 404, model


@pytest.mark.parametrize("most", [200, 1])
def test_people_are_found_by_parts_of_their_names_and_few_of_them_once(
    most: int, root: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lists, "MOST_PEOPLE", most)
    for name in ("yrsa", "yrse"):
        User.objects.create_user(name, name="Knud Holm", email=f"{name}@town.example")
    with CaptureQueriesContext(connection) as captured:
        found = root.get("/admin/accounts/user/?q=YRS+olm+town.ex").context["cl"].result_list
    assert [each.username for each in found] == ["yrsa", "yrse"]
    looked = [query["sql"] for query in captured if " LIKE " in query["sql"]]
    assert len(looked) == (1 if most > 1 else 3)
    for apart in ("yrsaKnud", "Holmyrsa", "olm nobody", "%", "yrs_"):
        page = root.get("/admin/accounts/user/", {"q": apart})
        assert not page.context["cl"].result_list, apart


@pytest.mark.parametrize(
    "typed",
    ["østergaard", "ØSTERGAARD", "åse øster", "ÅSE", "παπαδ", "ΠΑΠΑΔΟ", "łódź-østergaard", "анаст"],
)
def test_small_and_capital_letters_of_every_alphabet_are_found(typed: str, root: Client) -> None:
    """SQLite by itself knows those of ASCII alone."""
    User.objects.create_user("aase", name="Åse Łódź-Østergaard Παπαδοπούλου")
    User.objects.create_user("Анастасия", email="aase@town.example", name="Åse Østergaard παπαδόσ")
    found = root.get("/admin/accounts/user/", {"q": typed}).context["cl"].result_list
    assert found, typed
