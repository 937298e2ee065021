"""Who calls, by an access token: docs/contract.md 2 and 3; docs/threats.md 3.3, T05 to T07 and
T13.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.contrib.auth.models import Group
from django.db import connection
from django.test import Client
from django.utils import timezone
from oauth2_provider.models import get_access_token_model

from accounts.models import Source, StoredSession, User
from portal.tokens import bearer
from tests.http.conftest import PASSWORD, at_most, sign_in
from tests.http.tokens.caller import DETAILS, Caller

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.wire]
PLAIN = (
    'Bearer realm="vestibule", '
    'resource_metadata="http://localhost:8000/.well-known/oauth-protected-resource"'
)


@pytest.fixture
def caller(person: User) -> Caller:
    own = Caller()
    own.login()
    return own


# --- The person -----------------------------------------------------------------------------------


def test_the_details_are_what_mapstore_reads(caller: Caller, person: User) -> None:
    group = Group.objects.create(name="Cartographers")
    person.groups.add(group)
    answer = caller.get()
    assert answer.json() == {
        "User": {
            "id": person.pk,
            "name": "alice",
            "role": "USER",
            "enabled": True,
            "groups": {
                "group": [{"id": group.pk, "groupName": "Cartographers", "description": ""}]
            },
        }
    }
    assert answer["Cache-Control"] == "no-store"


def test_attributes_come_when_asked_for(caller: Caller) -> None:
    asked = caller.get(f"{DETAILS}?includeattributes=true").json()["User"]["attribute"]
    assert {"name": "email", "value": "alice@example.org"} in asked
    assert {"name": "displayName", "value": "Alice Åberg"} in asked
    assert all(set(each) == {"name", "value"} for each in asked)
    for wish in ("false", "1", "", "x"):
        body = caller.get(f"{DETAILS}?includeattributes={wish}").json()
        assert "attribute" not in body["User"]


@pytest.mark.parametrize(
    ("staff", "rights", "role"),
    [(True, True, "ADMIN"), (True, False, "USER"), (False, True, "USER"), (False, False, "USER")],
)
def test_the_role_is_admin_with_all_rights_at_this_moment(
    caller: Caller, person: User, staff: bool, rights: bool, role: str
) -> None:
    User.objects.filter(pk=person.pk).update(is_staff=staff, is_superuser=rights)
    assert caller.get().json()["User"]["role"] == role


def test_the_cookie_is_as_good(caller: Caller) -> None:
    browser = Client(HTTP_HOST="localhost")
    sign_in(browser)
    assert browser.get(DETAILS).json()["User"]["name"] == "alice"


# --- Challenges -----------------------------------------------------------------------------------


@pytest.mark.parametrize("route", [DETAILS, "/session/logout", "/auth/upstream-token"])
def test_without_credentials_there_is_a_challenge_and_no_reason(house: None, route: str) -> None:
    ask = Client().delete if "logout" in route else Client().get
    answer = ask(route, headers={"Accept": "text/html", "Sec-Fetch-Mode": "navigate"})
    assert answer.status_code == 401
    assert answer.json()["error"] == "login_required"
    assert answer["WWW-Authenticate"] == PLAIN


WRONG = {
    "empty": "",
    "another shape": "abc",
    "the right shape, unknown": "vsta_" + "0" * 43 + "000000",
    "a UUID": "7c9e6679-7425-40de-944b-e07fc1f90ae7",
    "a JWT without signature": "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZG1pbiJ9.",
    "two words": "vsta_a b",
    "very long": "v" * 7000,
    "not ASCII": "vsta_æøå",
    "quotes": 'x", error="none',
}


@pytest.mark.parametrize("token", WRONG.values(), ids=WRONG)
def test_a_bad_token_is_told_so_and_never_breaks_a_page(caller: Caller, token: str) -> None:
    answer = caller.client.get(DETAILS, headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 401
    assert answer.json()["error"] == "invalid_token"
    assert answer["WWW-Authenticate"].startswith(PLAIN + ', error="invalid_token", ')
    assert 'error="none' not in answer["WWW-Authenticate"]


def test_t05_a_token_in_the_query_or_the_body_is_none(caller: Caller) -> None:
    token = caller.pair["access_token"]
    assert caller.client.get(f"{DETAILS}?access_token={token}").status_code == 401
    assert caller.client.delete(f"/session/logout?access_token={token}").status_code == 401
    assert caller.client.post("/session/logout", {"access_token": token}).status_code == 401
    assert caller.get().status_code == 200


def test_t07_a_refresh_token_is_no_access_token(caller: Caller) -> None:
    assert caller.get(token=caller.pair["refresh_token"]).status_code == 401


def test_t06_a_token_that_lacks_the_scope_is_told_which(caller: Caller) -> None:
    get_access_token_model().objects.update(scope="openid profile")
    answer = caller.get()
    assert answer.status_code == 403
    assert answer.json()["error"] == "insufficient_scope"
    assert answer["WWW-Authenticate"].startswith(PLAIN + ', error="insufficient_scope"')
    assert answer["WWW-Authenticate"].endswith('scope="profile groups"')


def test_a_client_that_may_not_see_the_mail_does_not(caller: Caller) -> None:
    get_access_token_model().objects.update(scope="profile groups")
    body = caller.get(f"{DETAILS}?includeattributes=true").content.decode()
    assert "alice@example.org" not in body


def test_the_scheme_may_be_written_in_any_case(caller: Caller) -> None:
    token = caller.pair["access_token"]
    for scheme in ("bearer", "BEARER"):
        answer = caller.client.get(DETAILS, headers={"Authorization": f"{scheme} {token}"})
        assert answer.status_code == 200


def test_a_cookie_and_a_token_of_two_people_are_refused(caller: Caller) -> None:
    User.objects.create_user("bob", PASSWORD).give_local_identity()
    browser = Client(HTTP_HOST="localhost")
    sign_in(browser, "bob")
    for route in (DETAILS, "/auth/session"):
        answer = browser.get(route, headers=caller.bearer())
        assert answer.status_code == 400
        assert answer.json()["error"] == "invalid_request"
    assert StoredSession.objects.count() == 2


@pytest.mark.parametrize("method", ["delete", "post"])
def test_a_token_ends_its_own_session_beside_somebody_elses_cookie(
    caller: Caller, method: str
) -> None:
    User.objects.create_user("bob", PASSWORD).give_local_identity()
    browser = Client(HTTP_HOST="localhost")
    sign_in(browser, "bob")
    answer = getattr(browser, method)("/session/logout", headers=caller.bearer())
    assert (answer.status_code, answer.json()) == (200, {"ended": True, "upstream": "none"})
    assert not answer.cookies, "the browser is somebody else's"
    assert [each.user.username for each in StoredSession.objects.all() if each.user] == ["bob"]
    assert browser.get("/auth/session").json()["user"]["username"] == "bob"
    assert caller.get().status_code == 401


def test_a_cookie_and_a_token_of_one_person_are_welcome(caller: Caller) -> None:
    browser = Client(HTTP_HOST="localhost")
    sign_in(browser)
    assert browser.get(DETAILS, headers=caller.bearer()).status_code == 200


def test_a_token_is_not_asked_for_a_csrf_token_and_a_cookie_is(caller: Caller) -> None:
    browser = Client(HTTP_HOST="localhost", enforce_csrf_checks=True)
    browser.cookies["vestibule"] = signed_in_cookie()
    assert browser.post("/session/logout").status_code == 403
    assert browser.post("/session/logout", headers=caller.bearer()).status_code == 200


def signed_in_cookie() -> str:
    other = Client(HTTP_HOST="localhost")
    sign_in(other)
    return str(other.cookies["vestibule"].value)


# --- `/auth/session` ------------------------------------------------------------------------------


def test_the_session_is_shown_to_its_token(caller: Caller) -> None:
    answer = caller.get("/auth/session")
    assert answer.json()["isLoggedIn"] is True
    assert "Authorization" in answer["Vary"]
    again = caller.get("/auth/session", **{"If-None-Match": answer["ETag"]})
    assert again.status_code == 304


@pytest.mark.parametrize("token", ["", "abc", WRONG["the right shape, unknown"]])
def test_a_dead_token_is_told_that_nobody_is_in(caller: Caller, token: str) -> None:
    answer = caller.client.get("/auth/session", headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 200
    assert answer.json() == {"isLoggedIn": False, "type": "anonymous"}


# --- Lives ----------------------------------------------------------------------------------------


def test_an_access_token_lives_for_an_hour(caller: Caller) -> None:
    now = timezone.now()
    with time_machine.travel(now + timedelta(seconds=3590)):
        assert caller.get().status_code == 200
    with time_machine.travel(now + timedelta(seconds=3601)):
        assert caller.get().status_code == 401
        assert caller.refresh().status_code == 200
        assert caller.get().status_code == 200


@pytest.mark.parametrize(("status", "code"), [("disabled", 401), ("awaiting_access", 403)])
def test_whoever_is_not_let_in_any_more_is_cut_off_at_once(
    caller: Caller, person: User, status: str, code: int
) -> None:
    User.objects.filter(pk=person.pk).update(status=status)
    assert caller.get().status_code == code
    User.objects.filter(pk=person.pk).update(status="active")
    assert caller.get().status_code == 200


def test_a_raised_epoch_ends_what_nothing_else_has_found(caller: Caller, person: User) -> None:
    User.objects.filter(pk=person.pk).update(session_epoch=7)
    assert caller.get().status_code == 401
    assert caller.refresh().status_code == 401


def test_a_session_that_cannot_be_read_opens_nothing(caller: Caller) -> None:
    StoredSession.objects.update(session_data="garbage")
    assert caller.get().status_code == 401
    assert caller.refresh().status_code == 401


def test_a_session_of_a_type_that_nobody_registered_opens_nothing(
    caller: Caller, monkeypatch: Any
) -> None:
    from accounts.source import registry

    monkeypatch.setattr(registry, "session_types", frozenset)
    assert caller.get().status_code == 401


# --- At rest, and its cost ------------------------------------------------------------------------


def test_t13_no_table_holds_a_token(caller: Caller) -> None:
    caller.refresh()
    dump = ""
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names():
            cursor.execute(f'SELECT * FROM "{table}"')
            dump += str(cursor.fetchall())
    for token in (caller.pair["access_token"], caller.pair["refresh_token"]):
        assert token not in dump
        assert token[5:] not in dump


def test_a_token_is_found_by_scanners_and_tells_a_typing_error() -> None:
    from portal.tokens import token_format

    token = token_format.new_access_token()
    assert token.startswith("vsta_")
    assert token_format.new_refresh_token().startswith("vstr_")
    assert token_format.is_token(token, token_format.ACCESS)
    assert not token_format.is_token(token, token_format.REFRESH)
    wrong = "a" if token[10] != "a" else "b"
    assert not token_format.is_token(token[:10] + wrong + token[11:], token_format.ACCESS)
    assert len({token_format.new_access_token() for _ in range(1000)}) == 1000


def test_a_check_costs_one_query_and_a_guess_none(caller: Caller) -> None:
    with at_most(1):
        bearer.find(caller.pair["access_token"])
    with at_most(0), pytest.raises(bearer.InvalidToken):
        bearer.find("vsta_guess")
    with at_most(1):
        caller.get("/auth/session")
    with at_most(2):
        caller.get()


def test_a_repr_shows_no_secret(caller: Caller, tenant: Callable[..., Source]) -> None:
    from portal.tokens import pair

    shown = repr(pair.Pair("vsta_secret", "vstr_secret", 3600)) + repr(
        list(get_access_token_model().objects.all())
    )
    assert "secret" not in shown
    assert caller.pair["access_token"] not in shown
