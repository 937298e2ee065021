"""`POST /session/refresh` and `/session/refreshToken` (docs/contract.md 2; docs/threats.md 3.3, T01
to T04).
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.db import connections
from django.test import Client
from django.utils import timezone
from oauth2_provider.models import get_application_model, get_refresh_token_model

from accounts import outbox
from accounts.models import Event, Source, StoredSession, StoredTokens, User
from accounts.session import people, vault
from portal.tokens import pair
from tests.http.conftest import at_most
from tests.http.test_way_in import parallel
from tests.http.tokens.caller import REFRESH, Caller, dead_for_good
from tests.peers.upstream import Upstream

pytestmark = pytest.mark.django_db(transaction=True)
Tenant = Callable[..., Source]
BOTH = ("/session/refresh", "/session/refreshToken")
# What django-oauth-toolkit itself needs for a refresh at its token endpoint, and two more.
TOOLKITS_OWN = 18


@pytest.fixture
def caller(person: User) -> Caller:
    own = Caller()
    own.login()
    return own


@pytest.fixture
def handed(tenant: Tenant, client: Client) -> Caller:
    """Give a caller whose session has an upstream with tokens of 300 s."""
    tenant()
    own = Caller(client)
    own.hand_over()
    assert own.fetch().status_code == 200
    return own


@pytest.mark.parametrize("path", BOTH)
@pytest.mark.parametrize("wrapped", [False, True], ids=["flat", "wrapped"])
def test_a_refresh_token_is_worth_a_new_pair(caller: Caller, path: str, wrapped: bool) -> None:
    before = caller.pair
    flat = {"refresh_token": before["refresh_token"]}
    older = {"sessionToken": {"access_token": before["access_token"], **flat}}
    answer = caller.post(path, older if wrapped else flat)
    assert answer.status_code == 200, answer.content
    assert answer["Cache-Control"] == "no-store"
    after = answer.json()
    assert set(after) == set(before)
    assert after["access_token"] != before["access_token"]
    assert after["refresh_token"] != before["refresh_token"]
    assert caller.get(token=after["access_token"]).status_code == 200
    assert caller.get(token=before["access_token"]).status_code == 401


def test_a_form_is_as_good_as_json(caller: Caller) -> None:
    kind = "application/x-www-form-urlencoded"
    body = f"refresh_token={caller.pair['refresh_token']}"
    assert caller.client.post(REFRESH, body, content_type=kind).status_code == 200


def test_a_session_token_that_is_null_is_none(caller: Caller) -> None:
    body = {"refresh_token": caller.pair["refresh_token"], "sessionToken": None}
    assert caller.post(REFRESH, body).status_code == 200


def test_t01_a_spent_token_revokes_its_family(caller: Caller) -> None:
    first = caller.pair["refresh_token"]
    caller.refresh()
    caller.refresh()
    answer = caller.refresh(first)
    assert answer.status_code == 401
    assert answer.json()["error"] == "invalid_grant"
    assert dead_for_good(caller)
    assert Event.objects.get(name="token.reused").session_type == "local"
    assert not StoredSession.objects.exists()


def test_t01_a_browsers_session_outlives_the_family_that_was_revoked(handed: Caller) -> None:
    first = handed.pair["refresh_token"]
    handed.refresh()
    handed.refresh(first)
    assert dead_for_good(handed)
    assert handed.client.get("/auth/session").json()["isLoggedIn"] is True


def test_t02_of_twenty_parallel_refreshes_one_wins(caller: Caller) -> None:
    token = caller.pair["refresh_token"]
    answers = parallel(20, lambda: Caller().post(REFRESH, {"refresh_token": token}))
    statuses = sorted(answer.status_code for answer in answers)
    assert statuses == [200] + [401] * 19
    assert all(a.json()["error"] == "invalid_grant" for a in answers if a.status_code == 401)
    won = next(answer.json() for answer in answers if answer.status_code == 200)
    assert won["access_token"]
    assert get_refresh_token_model().objects.filter(revoked=None).count() <= 1


def test_t02_a_call_that_overlaps_loses_without_harm(caller: Caller, monkeypatch: Any) -> None:
    """Two tabs of one front end refresh at the same moment: one wins, and its pair lives."""
    token, keep_up, inner = caller.pair["refresh_token"], pair._keep_up, []

    def overtaken(row: StoredSession) -> None:
        monkeypatch.setattr(pair, "_keep_up", keep_up)
        inner.append(Caller().post(REFRESH, {"refresh_token": token}))
        keep_up(row)

    monkeypatch.setattr(pair, "_keep_up", overtaken)
    outer = Caller().post(REFRESH, {"refresh_token": token})
    assert (inner[0].status_code, outer.status_code) == (200, 401)
    assert caller.get(token=inner[0].json()["access_token"]).status_code == 200


def test_t03_another_clients_token_is_no_token_here(caller: Caller) -> None:
    clients = get_application_model()
    other = clients.objects.create(client_type="public", authorization_grant_type="password")
    get_refresh_token_model().objects.update(application=other)
    assert caller.refresh().status_code == 401
    assert get_refresh_token_model().objects.filter(revoked=None).count() == 1


def test_a_refresh_keeps_the_session_and_what_it_may(caller: Caller) -> None:
    uid, scope = StoredSession.objects.get().uid, "openid profile email groups"
    for _ in range(3):
        caller.refresh()
    row = get_refresh_token_model().objects.get(revoked=None)
    assert row.session_id == uid
    assert row.access_token.scope.startswith(scope)


def test_the_session_lives_on_with_each_refresh_but_not_for_ever(caller: Caller) -> None:
    start = timezone.now()
    with time_machine.travel(start, tick=False) as traveller:
        for days in range(20, 90, 20):
            traveller.move_to(start + timedelta(days=days))
            assert caller.refresh().status_code == 200
            ends = start + timedelta(days=min(days + 30, 90))
            assert abs(StoredSession.objects.get().expire_date - ends) < timedelta(seconds=30)
        traveller.move_to(start + timedelta(days=90, seconds=60))
        assert caller.refresh().status_code == 401


def test_an_unused_refresh_token_dies_after_thirty_days(caller: Caller) -> None:
    with time_machine.travel(timezone.now() + timedelta(days=30, seconds=1), tick=False):
        assert caller.refresh().status_code == 401


def test_a_family_has_an_end_of_its_own(handed: Caller, settings: Any) -> None:
    """However long a session may last (VESTIBULE_SESSION_ABSOLUTE)."""
    settings.VESTIBULE_REFRESH_ABSOLUTE = timedelta(seconds=0)
    assert handed.refresh().status_code == 401


def test_the_access_token_promises_no_more_than_the_session_has_left(
    person: User, settings: Any
) -> None:
    settings.VESTIBULE_REFRESH_ABSOLUTE = timedelta(seconds=600)
    caller = Caller()
    assert caller.login().json()["expires_in"] in range(590, 601)


# --- An upstream behind the session ---------------------------------------------------------------


def test_the_upstream_is_left_alone_while_its_token_is_fresh(
    handed: Caller, peer: Upstream
) -> None:
    assert handed.refresh().status_code == 200
    assert peer.asked["/refresh"] == 0


def test_the_upstream_is_refreshed_too_when_due(handed: Caller, peer: Upstream) -> None:
    with time_machine.travel(timezone.now() + timedelta(seconds=275)):
        assert handed.refresh().status_code == 200
        assert handed.refresh().status_code == 200
    assert peer.asked["/refresh"] == 1
    tokens = vault.tokens_of(StoredSession.objects.get().uid)
    assert tokens
    assert (tokens.access_token, tokens.refresh_token) == ("at-2", "rt-bob")


def test_near_the_end_twenty_callers_spend_the_upstreams_refresh_token_once(
    handed: Caller, peer: Upstream
) -> None:
    token = handed.pair["refresh_token"]
    with time_machine.travel(timezone.now() + timedelta(seconds=275)):
        answers = parallel(20, lambda: Caller().post(REFRESH, {"refresh_token": token}))
    assert [answer.status_code for answer in answers].count(200) == 1
    assert peer.asked["/refresh"] == 1


def test_an_upstream_that_refuses_ends_the_session(handed: Caller, peer: Upstream) -> None:
    peer.refuses = {"/refresh"}
    with time_machine.travel(timezone.now() + timedelta(seconds=275)):
        answer = handed.refresh()
    assert answer.status_code == 401
    assert answer.json() == {
        "error": "session_expired",
        "error_description": "The session has ended. Sign in again.",
        "loginUrl": "http://localhost:8000/openid/town/login",
    }
    assert not StoredSession.objects.exists()
    assert not StoredTokens.objects.exists()
    assert dead_for_good(handed)
    assert not outbox.OutboxItem.objects.exists()


def test_a_session_that_ends_meanwhile_is_refused_and_not_revived(
    handed: Caller, peer: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer, person = peer.answer, StoredSession.objects.get().user_id or 0

    def after_the_end(path: str, form: dict[str, str]) -> tuple[int, dict[str, Any]]:
        try:
            people.end_all(person, "by an administrator")
            return answer(path, form)
        finally:
            connections.close_all()

    monkeypatch.setattr(peer, "answer", after_the_end)
    with time_machine.travel(timezone.now() + timedelta(seconds=275)):
        refused = handed.refresh()
    assert peer.asked["/refresh"] == 1
    assert (refused.status_code, refused.json()["error"]) == (401, "invalid_grant")
    assert not StoredSession.objects.exists()


def test_an_upstream_that_is_down_ends_nothing(handed: Caller, peer: Upstream) -> None:
    peer.mood = "failing"
    with time_machine.travel(timezone.now() + timedelta(seconds=275)):
        assert handed.refresh().status_code == 200


def test_a_refresh_never_redirects(handed: Caller, peer: Upstream) -> None:
    peer.refuses = {"/refresh"}
    with time_machine.travel(timezone.now() + timedelta(seconds=275)):
        answer = handed.client.post(
            REFRESH,
            {"refresh_token": handed.pair["refresh_token"]},
            headers={"Accept": "text/html", "Sec-Fetch-Mode": "navigate"},
        )
    assert answer.status_code == 401
    assert "Location" not in answer


# --- Who is let in no more ------------------------------------------------------------------------


def test_t04_a_person_who_awaits_access_keeps_the_token_for_later(
    caller: Caller, person: User
) -> None:
    User.objects.filter(pk=person.pk).update(status="awaiting_access")
    assert caller.refresh().status_code == 403
    User.objects.filter(pk=person.pk).update(status="active")
    assert caller.refresh().status_code == 200


def test_t04_a_person_who_is_disabled_is_cut_off(caller: Caller, person: User) -> None:
    User.objects.filter(pk=person.pk).update(status="disabled")
    assert caller.refresh().status_code == 401


# --- Bad input ------------------------------------------------------------------------------------

UNKNOWN = "vstr_" + "0" * 43 + "000000"
BAD: dict[str, tuple[Any, int]] = {
    "nothing": ("", 400),
    "an empty object": ({}, 400),
    "an array": ([], 400),
    "null": ("null", 400),
    "a number": ({"refresh_token": 7}, 400),
    "an object": ({"refresh_token": {}}, 400),
    "an empty text": ({"refresh_token": ""}, 400),
    "NUL": ({"refresh_token": "vstr_\0"}, 400),
    "half a surrogate": ('{"refresh_token": "\\ud800"}', 400),
    "very long": ({"refresh_token": "v" * 5000}, 400),
    "sessionToken a text": ({"sessionToken": "x"}, 400),
    "sessionToken empty": ({"sessionToken": {}}, 400),
    "both": ({"refresh_token": UNKNOWN, "sessionToken": {"refresh_token": UNKNOWN}}, 400),
    "unknown": ({"refresh_token": UNKNOWN}, 401),
    "of another shape": ({"refresh_token": "7c9e6679-7425-40de-944b-e07fc1f90ae7"}, 401),
}


@pytest.mark.parametrize(("body", "status"), BAD.values(), ids=BAD)
def test_bad_bodies_are_refused_and_change_nothing(caller: Caller, body: Any, status: int) -> None:
    answer = caller.post(REFRESH, body if isinstance(body, str) else json.dumps(body))
    assert answer.status_code == status, answer.content
    assert answer.json()["error"] == ("invalid_request" if status == 400 else "invalid_grant")
    assert caller.refresh().status_code == 200


def test_an_access_token_refreshes_nothing(caller: Caller) -> None:
    assert caller.refresh(caller.pair["access_token"]).status_code == 401


def test_a_megabyte_is_too_much(caller: Caller) -> None:
    assert caller.post(REFRESH, {"refresh_token": "x" * 1_000_000}).status_code == 413


def test_it_costs_little_more_than_the_toolkits_own(caller: Caller) -> None:
    with at_most(TOOLKITS_OWN + 2):
        caller.refresh()
