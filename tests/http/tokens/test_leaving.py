"""The end of a session, whichever way, is the end of its tokens (docs/contract.md 2;
docs/threats.md 3.3, T04).
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.test import Client
from django.utils import timezone
from oauth2_provider.models import get_access_token_model, get_refresh_token_model

from accounts.models import Event, OutboxItem, Source, StoredSession, StoredTokens, User
from accounts.provider import Visit
from accounts.session import people
from accounts.session.store import SessionStore
from tests.http.conftest import sign_in, stored
from tests.http.tokens.caller import LOGOUT, Caller, dead_for_good, is_alive
from tests.peers.upstream import Upstream

pytestmark = pytest.mark.django_db(transaction=True)
Tenant = Callable[..., Source]


@pytest.fixture
def caller(person: User) -> Caller:
    own = Caller()
    own.login()
    return own


@pytest.fixture
def handed(tenant: Tenant) -> Callable[..., Caller]:
    """Make a caller whose session, in a browser, has an upstream that is left by `leaves_by`."""

    def make(leaves_by: str) -> Caller:
        tenant(leaves_by=leaves_by)
        own = Caller()
        own.hand_over()
        assert own.fetch().status_code == 200
        return own

    return make


def nothing_is_left() -> bool:
    return not any(
        each.objects.exists()
        for each in (
            StoredSession, StoredTokens, get_access_token_model(), get_refresh_token_model(),
        )
    )  # fmt: skip


@pytest.mark.parametrize("method", ["POST", "DELETE"])
def test_leaving_by_token_ends_session_and_tokens(caller: Caller, method: str) -> None:
    answer = caller.leave(method)
    assert answer.status_code == 200
    assert answer.json() == {"ended": True, "upstream": "none"}
    assert answer["Cache-Control"] == "no-store"
    assert not answer.cookies
    assert dead_for_good(caller)
    assert nothing_is_left()
    assert Event.objects.filter(name="logout", session_type="local").count() == 1
    assert caller.leave(method).status_code == 401


def test_leaving_by_cookie_ends_session_and_tokens(handed: Callable[..., Caller]) -> None:
    caller = handed("nothing")
    browser = Client(HTTP_HOST="localhost", enforce_csrf_checks=True)
    browser.cookies["vestibule"] = caller.client.cookies["vestibule"].value
    assert browser.post(LOGOUT).status_code == 403
    browser.get("/auth/session")
    answer = browser.post(LOGOUT, headers={"X-CSRFToken": browser.cookies["csrftoken"].value})
    assert answer.status_code == 200
    assert answer.cookies["vestibule"]["max-age"] == 0
    assert dead_for_good(caller)
    assert nothing_is_left()


def test_a_token_that_leaves_takes_its_browsers_cookie_along(
    handed: Callable[..., Caller],
) -> None:
    caller = handed("nothing")
    answer = caller.leave()
    assert answer.cookies["vestibule"]["max-age"] == 0
    assert caller.client.get("/auth/session").json() == {"isLoggedIn": False, "type": "anonymous"}


def test_another_session_of_the_same_browser_stays(caller: Caller) -> None:
    sign_in(caller.client)
    caller.leave()
    assert caller.client.get("/auth/session").json()["isLoggedIn"] is True
    assert stored(caller.client).kind == "browser"


def test_an_upstream_that_is_called_has_ended_it(
    handed: Callable[..., Caller], peer: Upstream
) -> None:
    caller = handed("call")
    assert caller.leave("DELETE").json() == {"ended": True, "upstream": "ended"}
    assert peer.hints == ["it-bob"]
    assert not OutboxItem.objects.exists()


def test_an_upstream_that_is_down_is_told_later(
    handed: Callable[..., Caller], peer: Upstream
) -> None:
    caller = handed("call")
    peer.mood = "failing"
    assert caller.leave().json() == {"ended": True, "upstream": "pending"}
    assert dead_for_good(caller)
    assert OutboxItem.objects.get().source == "town"


def test_an_upstream_that_must_be_visited_is_named(
    handed: Callable[..., Caller], peer: Upstream
) -> None:
    caller = handed("visit")
    body = caller.leave().json()
    assert body["upstream"] == "visit"
    done = "http%3A%2F%2Flocalhost%3A8000%2Fauth%2Flogout%2Fdone"
    assert body["logoutUrl"] == f"{peer.url}/logout?return_to={done}"
    assert dead_for_good(caller)


def test_a_defect_in_a_provider_keeps_nobody_in(handed: Callable[..., Caller]) -> None:
    caller = handed("raise")
    assert caller.leave().json() == {"ended": True, "upstream": "none"}
    assert nothing_is_left()


def test_whoever_awaits_access_may_leave(caller: Caller, person: User) -> None:
    User.objects.filter(pk=person.pk).update(status="awaiting_access")
    assert caller.leave().status_code == 200


def test_a_session_that_cannot_be_read_can_be_left_by_its_cookie(person: User) -> None:
    browser = Client(HTTP_HOST="localhost")
    sign_in(browser)
    StoredSession.objects.update(session_data="garbage")
    assert browser.post(LOGOUT).json() == {"ended": True, "upstream": "none"}
    assert nothing_is_left()


@pytest.mark.parametrize("body", ["[]", "{", "x" * 1_000_000, "\0"])
def test_what_is_posted_along_decides_nothing(caller: Caller, body: str) -> None:
    answer = caller.post(LOGOUT, body, **caller.bearer())
    assert answer.status_code == 200


# --- Every other way out --------------------------------------------------------------------------


def by_the_logout_page(caller: Caller, person: User) -> None:
    caller.client.post("/auth/logout")


def by_the_sessions_page(caller: Caller, person: User) -> None:
    uid = StoredSession.objects.get().uid
    assert people.end_one(person.pk, uid, Visit())


def by_ending_all_others(caller: Caller, person: User) -> None:
    other = Client(HTTP_HOST="localhost")
    sign_in(other)
    other.post("/account/sessions", {"all": "1"})
    people.end_others(person.pk, SessionStore(other.cookies["vestibule"].value).typed, Visit())


def by_an_administrator(caller: Caller, person: User) -> None:
    User.objects.create_superuser("root", "a long enough password")
    admin = Client(HTTP_HOST="localhost")
    sign_in(admin, "root", "a long enough password")
    rows = StoredSession.objects.filter(user=person)
    chosen = {"action": "end_sessions", "_selected_action": [row.uid for row in rows]}
    assert admin.post("/admin/accounts/storedsession/", chosen).status_code == 302


def by_ending_all(caller: Caller, person: User) -> None:
    people.end_all(person.pk, "for a test")


def by_disabling_the_person(caller: Caller, person: User) -> None:
    people.disable(person)


def by_changing_the_password(caller: Caller, person: User) -> None:
    people.change_password(person, "another long password", Visit(), None)


def by_deleting_the_person(caller: Caller, person: User) -> None:
    person.delete()


def by_signing_in_again(caller: Caller, person: User) -> None:
    sign_in(caller.client)


WAYS_OUT = (
    by_the_logout_page, by_the_sessions_page, by_ending_all_others, by_an_administrator,
    by_ending_all, by_disabling_the_person, by_changing_the_password, by_deleting_the_person,
    by_signing_in_again,
)  # fmt: skip


@pytest.mark.parametrize("leave", WAYS_OUT, ids=lambda leave: leave.__name__)
def test_t04_a_session_that_ends_ends_its_tokens_at_once(
    person: User, leave: Callable[[Caller, User], None]
) -> None:
    from portal.tokens import pair

    caller = Caller()
    sign_in(caller.client)
    row = StoredSession.objects.select_related("user").get()
    own = Caller()
    own.pair = pair.issue(row).public()
    assert is_alive(own)
    leave(caller, person)
    assert dead_for_good(own)
    assert not get_refresh_token_model().objects.filter(session_id=row.uid).exists()
    assert not get_access_token_model().objects.filter(session_id=row.uid).exists()


def test_t04_a_session_that_expires_takes_its_tokens_along(person: User) -> None:
    from portal.tokens import pair

    browser = Client(HTTP_HOST="localhost")
    sign_in(browser)
    own = Caller()
    own.pair = pair.issue(StoredSession.objects.select_related("user").get()).public()
    StoredSession.objects.update(expire_date=timezone.now() + timedelta(seconds=60))
    with time_machine.travel(timezone.now() + timedelta(seconds=61)):
        assert dead_for_good(own)
        SessionStore.clear_expired()
    assert nothing_is_left()


def test_ending_one_session_leaves_the_tokens_of_another(caller: Caller) -> None:
    other = Caller()
    other.login()
    caller.leave()
    assert is_alive(other)


def test_no_other_session_can_be_ended_by_this_route(caller: Caller) -> None:
    victim: Any = Caller()
    victim.login()
    uid = StoredSession.objects.order_by("-created_at").first()
    assert uid
    caller.client.delete(f"{LOGOUT}/{uid.uid}", headers=caller.bearer())
    caller.post(LOGOUT, {"uid": uid.uid, "session": uid.uid}, **caller.bearer())
    assert is_alive(victim)
