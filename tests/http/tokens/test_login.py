"""`POST /session/login` (docs/contract.md 2; docs/threats.md 3.1 and 3.3)."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from accounts.models import Event, Source, StoredSession, User
from accounts.source import catalogue
from portal.tokens import pair
from tests.http.conftest import PASSWORD, at_most
from tests.http.tokens.caller import LOGIN, Caller, basic, is_alive
from tests.peers import fresh
from tests.peers.site import free_port

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.wire]
SHAPE = {"access_token", "refresh_token", "token_type", "expires", "expires_in"}


@pytest.fixture
def caller(person: User) -> Caller:
    return Caller()


def test_json_is_answered_with_a_flat_pair(caller: Caller) -> None:
    answer = caller.login()
    body = answer.json()
    assert set(body) == SHAPE
    assert body["token_type"] == "bearer"
    assert body["expires"] == body["expires_in"] == 3600
    assert answer["Cache-Control"] == "no-store"
    assert is_alive(caller)


def test_a_client_that_unwraps_a_session_token_is_served(caller: Caller) -> None:
    data = caller.login().json()
    assert data.get("sessionToken", data)["access_token"]


@pytest.mark.parametrize("name", ["alice", "Åse"])
def test_http_basic_in_utf_8_with_an_empty_body(caller: Caller, name: str) -> None:
    if name != "alice":
        User.objects.create_user(name, PASSWORD).give_local_identity()
    answer = caller.client.post(LOGIN, headers=basic(name, PASSWORD))
    assert answer.status_code == 200, answer.content
    assert set(answer.json()) == SHAPE


def test_a_form_is_as_good_as_json(caller: Caller) -> None:
    body = f"username=alice&password={PASSWORD.replace(' ', '+')}&source=local"
    kind = "application/x-www-form-urlencoded"
    assert caller.client.post(LOGIN, body, content_type=kind).status_code == 200


def test_a_form_of_parts_is_as_good(caller: Caller) -> None:
    answer = caller.client.post(LOGIN, {"username": "alice", "password": PASSWORD})
    assert answer.status_code == 200


def test_a_form_of_broken_parts_is_refused(caller: Caller) -> None:
    for kind in ("multipart/form-data; boundary=x", "multipart/form-data"):
        assert caller.client.post(LOGIN, "username=alice", content_type=kind).status_code == 400


def test_a_form_with_a_name_twice_is_refused(caller: Caller) -> None:
    twice = f"username=bob&username=alice&password={PASSWORD.replace(' ', '+')}"
    kind = "application/x-www-form-urlencoded"
    assert caller.client.post(LOGIN, twice, content_type=kind).status_code == 400
    parts = {"username": ["bob", "alice"], "password": PASSWORD}
    assert caller.client.post(LOGIN, parts).status_code == 400
    assert not StoredSession.objects.exists()


def test_a_file_among_the_parts_counts_as_part_of_the_body(caller: Caller) -> None:
    fields = {"username": "alice", "password": PASSWORD}
    for size, status in ((10, 200), (3_000_000, 413)):
        file = SimpleUploadedFile("notes.txt", b"x" * size)
        assert caller.client.post(LOGIN, {**fields, "file": file}).status_code == status


def test_it_sets_no_cookie_and_heeds_none(caller: Caller) -> None:
    assert not caller.login().cookies
    assert not caller.client.cookies


def test_it_makes_a_session_of_the_sources_type_that_lives_as_its_tokens_do(
    caller: Caller,
) -> None:
    caller.login()
    row = StoredSession.objects.get()
    assert (row.type, row.source, row.kind) == ("local", "local", "client")
    assert (row.expire_date - row.created_at).days == 30
    assert (row.ends_at - row.created_at).days == 90
    session = caller.get("/auth/session").json()
    assert session["isLoggedIn"] is True
    assert session["type"] == "local"
    assert session["user"] == {"name": "Alice Åberg", "username": "alice"}


def test_wrong_and_unknown_are_answered_alike(caller: Caller) -> None:
    wrong = caller.login(password="wrong")
    unknown = caller.login("nobody-here", "wrong")
    for answer in (wrong, unknown):
        assert answer.status_code == 401
        assert answer.json()["error"] == "invalid_grant"
        assert answer["WWW-Authenticate"].startswith("Bearer ")
    assert wrong.content == unknown.content
    assert not StoredSession.objects.exists()
    assert Event.objects.get(name="login.failed").count == 2


def test_guessing_is_locked_out_and_told_when_to_come_back(caller: Caller) -> None:
    for _ in range(5):
        assert caller.login(password="wrong").status_code == 401
    answer = caller.login()
    assert answer.status_code == 429
    assert answer.json()["error"] == "too_many_requests"
    assert 0 < int(answer["Retry-After"]) <= 300


@pytest.mark.parametrize("status", ["disabled", "awaiting_access"])
def test_who_is_not_let_in_gets_no_token(caller: Caller, person: User, status: str) -> None:
    User.objects.filter(pk=person.pk).update(status=status)
    answer = caller.login()
    assert answer.status_code == 403
    assert answer.json()["error"] == "access_denied"
    assert not StoredSession.objects.exists()


def test_a_source_without_a_form_takes_no_password(caller: Caller, tenant: Any) -> None:
    tenant()
    for slug in ("town", "nowhere"):
        answer = caller.login(source=slug)
        assert answer.status_code == 400
        assert answer.json()["error"] == "invalid_request"


def test_a_source_that_is_added_later_is_not_sent_the_passwords_meant_for_local(
    caller: Caller, settings: Any
) -> None:
    nobody_there = {"servers": [f"ldaps://127.0.0.1:{free_port()}"], "base": "dc=example,dc=org"}
    catalogue.save(Source(slug="another", provider="ldap", order=1, settings=nobody_there))
    fresh.sources()
    assert caller.login().status_code == 200
    assert StoredSession.objects.get().source == "local"
    settings.VESTIBULE_DEFAULT_SOURCE = "another"
    assert caller.login().status_code == 503, "the directory is asked, which is not there"
    assert StoredSession.objects.count() == 1


def test_without_a_form_anywhere_there_is_nothing_to_try(caller: Caller) -> None:
    row = Source.objects.get(slug="local")
    row.enabled = False
    catalogue.save(row)
    fresh.sources()
    assert caller.login().status_code == 400


BAD = {
    "an array": "[]",
    "a number": "7",
    "null": "null",
    "a text": '"alice"',
    "no JSON": "{",
    "nothing": "",
    "NaN": '{"username": NaN}',
    "a name twice": '{"username": "alice", "username": "bob", "password": "x"}',
    "a number as name": '{"username": 1, "password": "x"}',
    "a list as password": '{"username": "alice", "password": ["x"]}',
    "no password": '{"username": "alice"}',
    "an empty name": '{"username": "", "password": "x"}',
    "NUL": '{"username": "ali\\u0000ce", "password": "x"}',
    "half a surrogate": '{"username": "\\ud800", "password": "x"}',
    "a source that is no text": '{"username": "alice", "password": "x", "source": {}}',
    "a long name": json.dumps({"username": "a" * 5000, "password": "x"}),
    "deep": "[" * 100_000,
    "not UTF-8": b'{"username": "\xff"}',
}


@pytest.mark.parametrize("body", BAD.values(), ids=BAD)
def test_bad_bodies_are_refused_and_change_nothing(caller: Caller, body: Any) -> None:
    answer = caller.post(LOGIN, body)
    assert answer.status_code == 400, answer.content
    assert answer.json()["error"] == "invalid_request"
    assert not StoredSession.objects.exists()


@pytest.mark.parametrize("kind", ["application/json", "application/x-www-form-urlencoded"])
def test_a_megabyte_is_too_much(caller: Caller, kind: str) -> None:
    body = json.dumps({"username": "alice", "password": "x" * 1_000_000})
    answer = caller.client.post(LOGIN, body, content_type=kind)
    assert answer.status_code == 413
    assert answer.json()["error"] == "invalid_request"


@pytest.mark.parametrize("kind", ["text/plain", "application/octet-stream", "text/xml"])
def test_other_content_types_are_refused(caller: Caller, kind: str) -> None:
    answer = caller.client.post(LOGIN, "username=alice", content_type=kind)
    assert answer.status_code == 415
    assert answer.json()["error"] == "invalid_request"


@pytest.mark.parametrize("header", ["Basic", "Basic ***", "Basic /w==", "Basic " + "A" * 9000])
def test_a_basic_header_that_cannot_be_read_is_a_bad_request(caller: Caller, header: str) -> None:
    answer = caller.client.post(LOGIN, headers={"Authorization": header})
    assert answer.status_code == 400


def test_credentials_given_twice_are_refused(caller: Caller) -> None:
    answer = caller.post(LOGIN, {"username": "bob", "password": "x"}, **basic("alice", PASSWORD))
    assert answer.status_code == 400


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PROPFIND"])
def test_other_methods_are_refused(caller: Caller, method: str) -> None:
    answer = caller.client.generic(method, LOGIN)
    assert answer.status_code == 405
    assert answer.json()["error"] == "invalid_request"


def test_the_pair_itself_costs_six_statements_at_most(caller: Caller) -> None:
    caller.login()
    row = StoredSession.objects.select_related("user").get()
    with at_most(6):
        pair.issue(row)


def test_nothing_secret_is_recorded_or_shown(caller: Caller, caplog: Any, capsys: Any) -> None:
    with caplog.at_level("DEBUG"):
        caller.login()
        caller.refresh()
        caller.get()
    said = caplog.text + "".join(capsys.readouterr()) + str(list(Event.objects.values()))
    for secret in (PASSWORD, caller.pair["access_token"], caller.pair["refresh_token"]):
        assert secret not in said


def test_a_front_end_elsewhere_may_call_and_a_stranger_may_not(
    caller: Caller, settings: Any
) -> None:
    settings.CORS_ALLOWED_ORIGINS = ["https://maps.example.org"]
    asked = {"Origin": "https://maps.example.org", "Access-Control-Request-Method": "POST"}
    for route in ("/session/login", "/session/refresh", "/openid/town/tokens"):
        preflight = Client().options(route, headers=asked)
        assert preflight["Access-Control-Allow-Origin"] == "https://maps.example.org"
        assert preflight["Access-Control-Allow-Credentials"] == "true"
        foreign = Client().options(route, headers={**asked, "Origin": "https://evil.example"})
        assert "Access-Control-Allow-Origin" not in foreign
