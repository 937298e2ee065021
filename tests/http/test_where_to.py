"""The sign-in pages say what one signs in to, and show the source that was used last first."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import pytest
from django.test import Client

from accounts.keyring import seal, unseal
from accounts.models import Source, User
from tests.http.conftest import PASSWORD, enter, sign_in
from tests.http.gateway.asking import rule
from tests.http.oauth.application import register

pytestmark = pytest.mark.django_db(transaction=True)
Tenant = Callable[..., Source]
COOKIE = "vestibule-source"


def ways(client: Client) -> list[str]:
    """Return the sources in the order of the page: a form by its heading, a button by its link."""
    page = client.get("/login?choose=1").content.decode()
    found = re.findall(r'aria-labelledby="with-(\w+)"|href="/auth/login/(\w+)"', page)
    return [form or button for form, button in found]


def place(client: Client, destination: str) -> str:
    page = client.get("/login", {"choose": "1", "next": destination}).content.decode()
    found = re.search(r"You are signing in to (.*?)\.</p>", page)
    assert found
    return found[1]


def test_the_source_that_was_used_last_is_first(client: Client, tenant: Tenant) -> None:
    tenant("town")
    tenant("school")
    assert ways(client) == ["school", "town", "local"]
    enter(client, "town")
    client.post("/auth/logout")
    assert ways(client) == ["town", "school", "local"]
    assert "You used this last time." in client.get("/login?choose=1").content.decode()


def test_a_form_that_was_used_last_is_first(client: Client, tenant: Tenant, person: User) -> None:
    tenant("town")
    sign_in(client)
    client.post("/auth/logout")
    assert ways(client) == ["local", "town"]


def test_the_cookie_holds_the_source_and_nothing_else(client: Client, person: User) -> None:
    sign_in(client)
    held = unseal(client.cookies[COOKIE].value, COOKIE)
    assert held["value"] == "local"
    assert held.keys() == {"value", "until"}


def test_at_a_shared_computer_nothing_is_remembered(
    client: Client, tenant: Tenant, person: User
) -> None:
    tenant("town")
    typed = {"username": "alice", "password": PASSWORD, "shared": "1"}
    client.post("/auth/login/local", typed)
    assert COOKIE not in client.cookies
    client.post("/auth/logout")
    assert ways(client) == ["town", "local"]


@pytest.mark.parametrize("value", ["gone", 7, ["local"], None])
def test_a_cookie_of_something_else_changes_nothing(
    client: Client, tenant: Tenant, value: Any
) -> None:
    tenant("town")
    client.cookies[COOKIE] = seal(value, COOKIE)
    assert ways(client) == ["town", "local"]


def test_an_application_is_called_by_its_name(client: Client, house: None) -> None:
    register("library-app", name="Reading room")
    asked = "/oauth/authorize?" + urlencode({"client_id": "library-app", "state": "x"})
    assert place(client, asked) == "Reading room"
    unknown = "/oauth/authorize?client_id=nobody"
    assert place(client, unknown) == place(client, "/account/") == "Vestibule"


def test_an_application_behind_the_gateway_is_called_by_its_host(
    client: Client, house: None
) -> None:
    rule("files", host="files.example.org", access="signed_in")
    way = "/gateway/start?" + urlencode({"rd": "http://files.example.org/a?b=c"})
    assert place(client, way) == "files.example.org"
    assert place(client, "/gateway/start?rd=http://evil.example/") == "Vestibule"
    assert place(client, "/gateway/start") == "Vestibule"
