"""`GET /auth/upstream-token` (docs/contract.md 5): off by default, by cookie, refreshed once."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.test import Client
from django.utils import timezone

from accounts.models import Source, StoredSession, User
from tests.http.conftest import enter, sign_in
from tests.http.test_way_in import parallel
from tests.http.tokens.caller import Caller
from tests.peers.upstream import Upstream

pytestmark = pytest.mark.django_db(transaction=True)
Tenant = Callable[..., Source]
ROUTE = "/auth/upstream-token"


@pytest.fixture
def browser(tenant: Tenant) -> Client:
    tenant(columns={"allow_upstream_token": True})
    own = Client(HTTP_HOST="localhost", raise_request_exception=False)
    enter(own, "town")
    return own


def test_the_existing_token_is_handed_on(browser: Client, peer: Upstream) -> None:
    before = timezone.now()
    answer = browser.get(ROUTE)
    after = timezone.now()
    body = answer.json()
    assert set(body) == {"access_token", "token_type", "expires_in", "expires"}
    assert (body["access_token"], body["token_type"]) == ("at-bob", "Bearer")
    assert 0 < body["expires_in"] <= 300
    left, whole_second = timedelta(seconds=body["expires_in"]), timedelta(seconds=1)
    ends = datetime.fromisoformat(body["expires"])
    assert before + left - whole_second < ends < after + left + whole_second
    assert answer["Cache-Control"] == "no-store"
    assert peer.asked["/refresh"] == 0


def test_the_refresh_token_is_never_shown(browser: Client) -> None:
    assert "rt-bob" not in browser.get(ROUTE).content.decode()


def test_it_is_off_by_default(tenant: Tenant) -> None:
    tenant()
    own = Client(HTTP_HOST="localhost")
    enter(own, "town")
    answer = own.get(ROUTE)
    assert answer.status_code == 403
    assert answer.json()["error"] == "access_denied"


def test_a_source_without_tokens_has_none(person: User) -> None:
    own = Client(HTTP_HOST="localhost")
    sign_in(own)
    assert own.get(ROUTE).status_code == 403


def test_it_is_for_cookies_only(tenant: Tenant) -> None:
    tenant(columns={"allow_upstream_token": True})
    caller = Caller()
    caller.hand_over()
    caller.fetch()
    stranger = Caller()
    stranger.pair = caller.pair
    assert stranger.get(ROUTE).status_code == 401
    assert caller.client.get(ROUTE).status_code == 200


def test_one_that_is_about_to_end_is_refreshed(browser: Client, peer: Upstream) -> None:
    with time_machine.travel(timezone.now() + timedelta(seconds=275)):
        assert browser.get(ROUTE).json()["access_token"] == "at-2"
        assert browser.get(ROUTE).json()["access_token"] == "at-2"
    assert peer.asked["/refresh"] == 1


def test_twenty_parallel_callers_share_one_refresh(browser: Client, peer: Upstream) -> None:
    cookie = browser.cookies["vestibule"].value

    def ask() -> Any:
        own = Client(HTTP_HOST="localhost")
        own.cookies["vestibule"] = cookie
        return own.get(ROUTE).json().get("access_token")

    with time_machine.travel(timezone.now() + timedelta(seconds=275)):
        assert set(parallel(20, ask)) <= {"at-bob", "at-2"}
    assert peer.asked["/refresh"] == 1


def test_an_upstream_that_refuses_ends_the_session(browser: Client, peer: Upstream) -> None:
    peer.refuses = {"/refresh"}
    with time_machine.travel(timezone.now() + timedelta(seconds=275)):
        assert browser.get(ROUTE).status_code == 401
    assert not StoredSession.objects.exists()


def test_an_upstream_that_is_down_is_said(browser: Client, peer: Upstream) -> None:
    peer.mood = "failing"
    with time_machine.travel(timezone.now() + timedelta(seconds=301)):
        answer = browser.get(ROUTE)
    assert answer.status_code == 503
    assert int(answer["Retry-After"]) > 0


def test_whoever_awaits_access_has_none(tenant: Tenant) -> None:
    tenant(columns={"allow_upstream_token": True, "require_assignment": True})
    own = Client(HTTP_HOST="localhost")
    enter(own, "town")
    assert own.get(ROUTE).status_code == 403
