"""What an editor of clients may make of them: nothing that acts for people without their word
(docs/administration.md, Clients).
"""

from __future__ import annotations

import io
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.contrib.auth.models import Permission
from django.core.management import call_command
from django.test import Client as Browser
from django.utils import timezone

from accounts.models import Event, User
from portal.authorization_server.models import Client
from tests.http.conftest import PASSWORD, sign_in
from tests.http.oauth.application import CALLBACK, Application, register
from tests.http.onward import onward

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.rights]
LIST = "/admin/authorization_server/client/"
ADD = f"{LIST}add/"
EVIL = "https://evil.example/cb"
LISTS = ("redirect_uris", "post_logout_redirect_uris", "allowed_origins", "allowed_scopes")
PLAIN = ("name", "kind", "auth_method", *LISTS, "backchannel_logout_uri", "jwks_uri")
MARKS = ("skip_authorization", "legacy_desktop", "introspects")


@pytest.fixture
def carl(house: None) -> Browser:
    """Give the browser of somebody who may do with clients what can be done, and nothing else."""
    return staff("add_client", "change_client", "delete_client", "view_client")


@pytest.fixture
def ada(house: None) -> Browser:
    User.objects.create_superuser("ada", PASSWORD)
    own = Browser()
    sign_in(own, "ada")
    return own


def staff(*rights: str) -> Browser:
    user = User.objects.create_user("carl", PASSWORD, is_staff=True)
    user.give_local_identity()
    user.user_permissions.set(Permission.objects.filter(codename__in=rights))
    own = Browser()
    sign_in(own, "carl")
    return own


def form(row: Client, **changes: str) -> dict[str, str]:
    """Return the form of a client as its page would send it."""
    sent = {name: str(getattr(row, name)) for name in PLAIN} | {"jwks": json.dumps(row.jwks)}
    return {**sent, **{name: "on" for name in MARKS if getattr(row, name)}, **changes}


def page_of(row: Client) -> str:
    return f"{LIST}{row.pk}/change/"


def refused(answer: Any) -> set[str]:
    """Return the fields at which a form says why; nothing where it was taken."""
    if answer.status_code == 302:
        return set()
    assert answer.status_code == 200, answer.content
    return set(answer.context["adminform"].form.errors)


@pytest.mark.parametrize(
    "jwks",
    ['{"keys": [], "x": NaN}', '{"x": -Infinity}', '{"x": 1e999}', '{"x": "\\u0000"}',
     '{"\\ud800": 1}', '{"x": ' + "1" * 5000 + "}", "[" * 5000, "[" * 500 + "]" * 500],
    ids=lambda text: text[:22],
)  # fmt: skip
def test_keys_that_no_database_keeps_are_refused_at_their_field(carl: Browser, jwks: str) -> None:
    row = Client(name="New", redirect_uris=CALLBACK)
    assert refused(carl.post(ADD, form(row, client_id="new", jwks=jwks))) == {"jwks"}


@pytest.mark.parametrize("jwks", ["", "null"])
def test_an_emptied_field_of_keys_is_no_keys(carl: Browser, jwks: str) -> None:
    row = Client(client_id="new", name="New", redirect_uris=CALLBACK)
    assert refused(carl.post(ADD, form(row, client_id="new", jwks=jwks))) == set()
    row = Client.objects.get(client_id="new")
    assert refused(carl.post(page_of(row), form(row, jwks=jwks))) == set()
    assert Client.objects.get(pk=row.pk).jwks == {}


@pytest.mark.parametrize("way", ["a new one", "one that is there"])
def test_u25_an_editor_gets_nobodys_token_by_a_client(
    carl: Browser, browser: Browser, way: str
) -> None:
    row = register("colleagues", name="The Colleagues")
    reach = {"redirect_uris": f"{CALLBACK} {EVIL}", "skip_authorization": "on"}
    reach["allowed_scopes"] = "openid gateway offline_access"
    if way == "a new one":
        row = Client(client_id="mine", name="Mine")
        answer = carl.post(ADD, form(row, client_id="mine", **reach))
        assert not Client.objects.filter(client_id="mine").exists()
    else:
        answer = carl.post(page_of(row), form(row, **reach))
        before, row = row, Client.objects.get(pk=row.pk)
        assert form(row) == form(before)
    assert refused(answer) == {"skip_authorization", "allowed_scopes"}
    theft = Application(row, browser)
    theft.redirect_uri = EVIL
    asked = theft.ask(scope="openid gateway offline_access")
    assert asked.status_code == 400
    assert not Event.objects.filter(name="client.saved").exists()


@pytest.mark.parametrize("mark", [*MARKS, "gateway"])
def test_each_mark_is_set_by_whoever_has_all_rights(carl: Browser, ada: Browser, mark: str) -> None:
    desk = {"kind": "native", "auth_method": "client_secret_basic"}
    row = register("app", **desk)
    wish, field = {mark: "on"}, mark
    if mark == "gateway":
        wish, field = {"allowed_scopes": "openid gateway"}, "allowed_scopes"
    assert refused(carl.post(page_of(row), form(row, **wish))) == {field}
    assert refused(carl.post(ADD, form(row, client_id="new", **wish))) == {field}
    assert refused(ada.post(page_of(row), form(row, **wish))) == set()
    assert refused(ada.post(ADD, form(row, client_id="new", **wish))) == set()
    row = Client.objects.get(pk=row.pk)
    assert refused(carl.post(page_of(row), form(row, name="Renamed"))) == {"name"}
    assert refused(carl.post(page_of(row), form(row))) == set()
    assert form(Client.objects.get(pk=row.pk)) == form(row)


CHANGES = {
    "redirect_uris": f"{CALLBACK} {EVIL}", "post_logout_redirect_uris": EVIL,
    "allowed_origins": "https://evil.example", "allowed_scopes": "openid profile email",
    "kind": "native", "auth_method": "client_secret_post", "backchannel_logout_uri": EVIL,
    "jwks": '{"keys": []}', "jwks_uri": EVIL, "name": "Renamed",
}  # fmt: skip


@pytest.mark.parametrize("mark", [*MARKS, "gateway", "allowed"])
def test_what_reaches_far_is_given_no_other_way_in(
    carl: Browser, ada: Browser, browser: Browser, mark: str
) -> None:
    own: dict[str, Any] = {mark: True} if mark in MARKS else {}
    scopes = "openid gateway" if mark == "gateway" else "openid"
    method = Client.Method.BASIC
    row = register("strong", auth_method=method, allowed_scopes=scopes, **own)
    if mark == "allowed":
        Application(row, browser).sign_in(scope="openid")
    for field, value in CHANGES.items():
        value = f"{scopes} email" if field == "allowed_scopes" else value
        answer = carl.post(page_of(row), form(row, **{field: value}))
        assert refused(answer) & {field, "legacy_desktop"}, field
    taken = {name: value for name, value in form(row).items() if name not in MARKS}
    taken["allowed_scopes"] = "openid"
    field = {"gateway": {"allowed_scopes"}, "allowed": set()}.get(mark, {mark})
    assert refused(carl.post(page_of(row), taken)) == field, "a first step"
    step = refused(carl.post(page_of(row), {**taken, "redirect_uris": EVIL}))
    assert step == {*field, "redirect_uris"}, "in one step"
    chosen = {"action": "renew_secret", "_selected_action": str(row.pk)}
    said = carl.post(LIST, chosen, follow=True).content.decode()
    assert "Only somebody with all rights makes the secret of strong." in said
    assert "not shown again" not in said
    after = Client.objects.get(pk=row.pk)
    assert (form(after), after.client_secret) == (form(row), row.client_secret)
    assert refused(ada.post(page_of(row), form(row, redirect_uris=EVIL))) == set()


@pytest.mark.parametrize("mark", ["skip_authorization", "allowed"])
def test_what_reaches_far_is_not_deleted_and_added_with_another_address(
    ada: Browser, browser: Browser, mark: str
) -> None:
    """Its people would allow it once more, and then be sent to the editor without a question."""
    every = Permission.objects.filter(content_type__app_label="authorization_server")
    carl = staff(*every.values_list("codename", flat=True))
    row = register("strong", **({mark: True} if mark in MARKS else {}))
    if mark == "allowed":
        Application(row, browser).sign_in(scope="openid")
    assert carl.post(f"{LIST}{row.pk}/delete/", {"post": "yes"}).status_code == 403
    chosen = {"action": "delete_selected", "_selected_action": str(row.pk), "post": "yes"}
    carl.post(LIST, chosen)
    anew = form(row, client_id="strong", redirect_uris=f"{CALLBACK} {EVIL}")
    anew.pop("skip_authorization", None)
    assert refused(carl.post(ADD, anew)) == {"client_id"}
    assert EVIL not in Client.objects.get(client_id="strong").redirect_uris
    plain = register("plain")
    assert carl.post(f"{LIST}{plain.pk}/delete/", {"post": "yes"}).status_code == 302
    assert ada.post(f"{LIST}{row.pk}/delete/", {"post": "yes"}).status_code == 302


def test_an_editor_does_the_rest(carl: Browser) -> None:
    row = register("app", post_logout_redirect_uris="https://app.example/out")
    sent = form(row, redirect_uris=f"{CALLBACK} https://new.example/cb", allowed_scopes="openid")
    assert refused(carl.post(page_of(row), sent)) == set()
    Client.objects.filter(pk=row.pk).update(
        skip_authorization=True, allowed_scopes="openid gateway profile"
    )
    row = Client.objects.get(pk=row.pk)
    fewer = form(row, redirect_uris=CALLBACK, post_logout_redirect_uris="")
    fewer["allowed_scopes"] = "openid gateway"
    assert refused(carl.post(page_of(row), fewer)) == set()
    assert form(Client.objects.get(pk=row.pk)) == fewer


def test_a_name_that_is_taken_is_said_at_its_field(carl: Browser) -> None:
    row = register()
    assert refused(carl.post(ADD, form(row, client_id=row.client_id))) == {"client_id"}


def test_our_own_front_ends_name_is_taken(carl: Browser, ada: Browser) -> None:
    sent = form(Client(name="Mine", redirect_uris=EVIL), client_id="vestibule")
    for each in (carl, ada):
        assert refused(each.post(ADD, sent)) == {"client_id"}


# --- Events, and a recent sign-in -----------------------------------------------------------------


def told() -> list[tuple[str, str, str, str]]:
    rows = Event.objects.filter(name__startswith="client.").order_by("pk")
    return [(each.name, each.detail, each.actor, str(each.by or "")) for each in rows]


def test_each_change_is_an_event(carl: Browser, tmp_path: Path) -> None:
    row = Client(name="Web", redirect_uris=CALLBACK)
    carl.post(ADD, form(row, client_id="web"))
    row = Client.objects.get(client_id="web")
    carl.post(page_of(row), form(row))
    method = {"kind": "server", "auth_method": "client_secret_basic"}
    carl.post(page_of(row), form(row, **method))
    carl.post(LIST, {"action": "renew_secret", "_selected_action": str(row.pk)})
    carl.post(f"{LIST}{row.pk}/delete/", {"post": "yes"})
    others = [register(name, name=name) for name in ("one", "two")]
    chosen = {"action": "delete_selected", "_selected_action": [each.pk for each in others]}
    carl.post(LIST, {**chosen, "post": "yes"})
    by = ("administrator", "carl")
    assert told() == [
        ("client.saved", "web: created, name, redirect_uris", *by),
        ("client.saved", "web: kind, auth_method, client_secret", *by),
        ("client.saved", "web: client_secret", *by),
        ("client.deleted", "web", *by),
        ("client.deleted", "one", *by),
        ("client.deleted", "two", *by),
    ]
    Event.objects.all().delete()
    file = tmp_path / "clients.toml"
    for name in ("One", "One", "Other"):
        file.write_text(f'[clients.one]\nname = "{name}"\nredirect_uris = ["{CALLBACK}"]\n')
        call_command("clients", "apply", str(file), stdout=io.StringIO())
    assert told() == [
        ("client.saved", "one: created, name, redirect_uris", "site", ""),
        ("client.saved", "one: name", "site", ""),
    ]


def asks_again(client: Browser, path: str, **sent: str) -> bool:
    where = onward(client, client.post(path, sent))["Location"]
    return str(where).endswith("&again=1")


def test_whoever_writes_or_deletes_one_has_signed_in_recently(carl: Browser) -> None:
    row = register()
    chosen = {"_selected_action": str(row.pk), "post": "yes"}
    with time_machine.travel(timezone.now() + timedelta(minutes=20)):
        for path in (ADD, page_of(row), f"{LIST}{row.pk}/delete/"):
            assert carl.get(path)["Location"].endswith("&again=1"), path
            assert asks_again(carl, path, post="yes"), path
        for action in ("delete_selected", "renew_secret"):
            assert asks_again(carl, LIST, **chosen, action=action), action
    assert Client.objects.filter(pk=row.pk).exists()


def test_people_are_asked_about_an_application_that_has_a_name(ada: Browser) -> None:
    answer = ada.post(ADD, form(Client(client_id="mine"), redirect_uris=CALLBACK, name=""))
    assert "name" in refused(answer)
    assert not Client.objects.filter(client_id="mine").exists()


@pytest.mark.parametrize("language", ["da", "de"])
def test_the_form_of_clients_is_in_one_language(ada: Browser, language: str) -> None:
    ada.cookies["vestibule-language"] = language
    register()
    pages = "".join(ada.get(path).content.decode() for path in (ADD, LIST))
    for english in ("edirect URIs", "llowed URIs", "llowed origins", "kip auth", "irst party"):
        assert english not in pages, english
