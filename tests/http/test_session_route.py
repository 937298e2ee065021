"""`/auth/session` and `/auth/sources` (docs/contract.md 1)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.test import Client
from django.utils import timezone

from accounts.models import Source, StoredSession, User
from accounts.session.ending import end
from accounts.session.store import SEEN_EVERY, SessionStore, rewrite
from accounts.session.typed import Session
from portal.server.kept import KEEP, Keep
from tests.http.at_front import by_django, told
from tests.http.conftest import PASSWORD, at_most, enter, sign_in, stored
from tests.peers import fresh
from tests.peers.upstream import Upstream

pytestmark = pytest.mark.django_db(transaction=True)
ANONYMOUS = {"isLoggedIn": False, "type": "anonymous"}


def test_nobody_is_anonymous(client: Client, db: None) -> None:
    response = client.get("/auth/session")
    assert (response.status_code, response.json()) == (200, ANONYMOUS)
    assert response["Cache-Control"] == "no-store"
    assert "csrftoken" in client.cookies


def test_a_front_end_keeps_the_csrf_cookie_that_it_has(client: Client, db: None) -> None:
    client.get("/auth/session")
    again = client.get("/auth/session")
    assert "csrftoken" not in again.cookies
    client.cookies["csrftoken"] = "not ours"
    assert client.get("/auth/session").cookies["csrftoken"].value != "not ours"


def test_a_script_that_asks_with_a_former_cookie_deletes_no_new_one(person: User) -> None:
    """Its answer may come after that of the sign-in that replaced the session."""
    browser = Client()
    former = sign_in(browser).cookies["vestibule"].value
    end(StoredSession.objects.all())  # as the next sign-in does with the former one
    late = Client(headers={"Sec-Fetch-Mode": "cors"})
    late.cookies["vestibule"] = former
    answer = late.get("/auth/session")
    assert answer.json() == ANONYMOUS
    assert "vestibule" not in answer.cookies
    page = late.get("/", headers={"Sec-Fetch-Mode": "navigate"})
    assert page.cookies["vestibule"].value == ""


def test_the_csrf_token_comes_with_the_answer(person: User, settings: Any) -> None:
    settings.CORS_ALLOWED_ORIGINS = ["https://front.example"]
    strict = Client(enforce_csrf_checks=True)
    tag = token = ""
    for status in (200, 304):
        headers = {"Origin": "https://front.example", "If-None-Match": tag}
        answer = strict.get("/auth/session", headers=headers)
        assert answer.status_code == status
        exposed = set(answer["Access-Control-Expose-Headers"].split(", "))
        assert exposed == {"X-CSRFToken", "WWW-Authenticate", "Retry-After", "ETag"}
        tag, token = answer["ETag"], answer["X-CSRFToken"]
    form = {"username": "alice", "password": PASSWORD}
    assert strict.post("/auth/login/local", form).status_code == 403
    assert strict.post("/auth/login/local", form, headers={"X-CSRFToken": token}).status_code == 303
    after = strict.get("/auth/session")["X-CSRFToken"]
    assert strict.delete("/session/logout").status_code == 403
    assert strict.delete("/session/logout", headers={"X-CSRFToken": after}).status_code == 200


def test_no_secret_is_shown(client: Client, tenant: Callable[..., Source], peer: Upstream) -> None:
    tenant(leaves_by="call")
    peer.extra = {"sid": "sid-of-bob"}
    enter(client, "town")
    text = client.get("/auth/session").content.decode()
    for secret in ("at-bob", "rt-bob", "it-bob", "sid-of-bob", "verifier", "nonce"):
        assert secret not in text


def test_what_is_known_already_is_not_sent_again(client: Client, person: User) -> None:
    sign_in(client)
    first = client.get("/auth/session")
    own = first["ETag"]
    for same in (f"W/{own}", f'"x", {own}', f'{own}, "x"', "*", own):  # RFC 9110, 13.1.2
        again = client.get("/auth/session", headers={"If-None-Match": same})
        assert again.status_code == 304, same
    assert (again.status_code, again.content) == (304, b"")
    client.post("/auth/logout")
    changed = client.get("/auth/session", headers={"If-None-Match": first["ETag"]})
    assert changed.json() == ANONYMOUS


@pytest.mark.parametrize("value", ["x", "a" * 43, "%00", "æøå", "a" * 9000, '"quoted"', "a;b"])
def test_a_malformed_cookie_is_anonymous_and_cleared(
    client: Client, person: User, value: str
) -> None:
    response = Client(headers={"Cookie": f"vestibule={value}"}).get("/auth/session")
    assert (response.status_code, response.json()) == (200, ANONYMOUS)
    assert response.cookies["vestibule"]["max-age"] == 0


def test_a_payload_that_cannot_be_read_is_anonymous_to_the_outside(
    client: Client, person: User
) -> None:
    sign_in(client)
    StoredSession.objects.update(session_data="broken")
    fresh.caches()
    assert client.get("/auth/session").json() == ANONYMOUS


@pytest.mark.parametrize("method", ["post", "put", "delete", "patch", "trace"])
def test_other_methods_are_refused(client: Client, db: None, method: str) -> None:
    response = getattr(client, method)("/auth/session")
    assert response.status_code == 405
    assert response.json()["error"] == "invalid_request"


def test_front_ends_that_are_configured_may_ask_with_credentials(
    client: Client, settings: Any, person: User
) -> None:
    settings.CORS_ALLOWED_ORIGINS = ["https://front.example"]
    good = client.get("/auth/session", headers={"Origin": "https://front.example"})
    assert good["Access-Control-Allow-Origin"] == "https://front.example"
    assert good["Access-Control-Allow-Credentials"] == "true"
    for origin in ("https://evil.example", "null", "https://front.example.evil.example"):
        bad = client.get("/auth/session", headers={"Origin": origin})
        assert "Access-Control-Allow-Origin" not in bad
    mine = {"Origin": "https://front.example", "Access-Control-Request-Method": "GET"}
    preflight = client.options("/auth/session", headers=mine)
    assert {"authorization", "if-none-match", "x-csrftoken"} <= set(
        preflight["Access-Control-Allow-Headers"].split(", ")
    )
    refused = client.get("/users/user/details", headers=mine)
    assert (refused.status_code, refused["Access-Control-Allow-Origin"]) == (401, mine["Origin"])
    assert "WWW-Authenticate" in refused["Access-Control-Expose-Headers"].split(", ")
    error = client.post("/auth/session", headers={"Origin": "https://front.example"})
    assert error["Access-Control-Allow-Origin"] == "https://front.example"


def test_sources_in_their_order(client: Client, tenant: Callable[..., Source]) -> None:
    tenant("town", {"order": 2})
    tenant("school", {"order": 1})
    tenant("closed", {"enabled": False})
    body = client.get("/auth/sources").json()
    assert [each["slug"] for each in body] == ["school", "town", *_rest(body)]
    assert body[0] == {
        "slug": "school",
        "label": "School",
        "type": "tenant",
        "kind": "redirect",
        "loginUrl": "http://localhost:8000/auth/login/school",
        "logo": None,
        "trouble": None,
    }


def _rest(body: list[dict[str, Any]]) -> list[str]:
    return [each["slug"] for each in body if each["type"] != "tenant"]


def test_the_session_costs_one_query(client: Client, person: User) -> None:
    sign_in(client)
    client.get("/auth/session")
    with at_most(1):
        assert client.get("/auth/session").json()["isLoggedIn"]


def kept(client: Client, **more: str) -> Keep | None:
    """Return what the view says of how long its answer stands."""
    cookies = "; ".join(f"{name}={each.value}" for name, each in client.cookies.items())
    environ = told("GET", "/auth/session", HTTP_COOKIE=cookies, **more)
    by_django(environ)
    found: Keep | None = environ.get(KEEP)
    return found


def test_an_answer_stands_until_the_session_is_marked_as_used(client: Client, person: User) -> None:
    assert kept(client), "nobody's as well"
    sign_in(client)
    row = stored(client)
    found = kept(client)
    assert found
    assert found.until == (row.last_seen_at + SEEN_EVERY).timestamp()
    assert found.marks == {("session", row.uid), ("key", row.session_key)}
    with time_machine.travel(row.last_seen_at + SEEN_EVERY, tick=False):
        again = kept(client)
    seen = stored(client).last_seen_at
    assert seen == row.last_seen_at + SEEN_EVERY, "then Django is asked, which notes the use"
    assert again
    assert again.until == (seen + SEEN_EVERY).timestamp()


def test_an_answer_stands_no_longer_than_the_session(client: Client, person: User) -> None:
    sign_in(client)
    ends = timezone.now() + timedelta(seconds=20)
    StoredSession.objects.update(expire_date=ends)
    fresh.caches()
    found = kept(client)
    assert found
    assert found.until == ends.timestamp()


def test_an_answer_stands_until_the_upstreams_tokens_are_due(
    client: Client, tenant: Callable[..., Source], peer: Upstream
) -> None:
    tenant()
    enter(client, "town")
    soon = timezone.now() + timedelta(seconds=40)
    due = replace(incoming_session(client), tokens_expire_at=soon, tokens_lifetime=100)
    rewrite(StoredSession.objects.all(), lambda _session: due)
    found = kept(client)
    assert found
    assert found.until == (soon - timedelta(seconds=10)).timestamp()


def incoming_session(client: Client) -> Session:
    return SessionStore(client.cookies["vestibule"].value).typed


def test_what_is_no_sessions_answer_is_not_kept(client: Client, person: User) -> None:
    assert kept(client, HTTP_AUTHORIZATION="Bearer x") is None
    sign_in(client)
    StoredSession.objects.update(session_data="broken")
    fresh.caches()
    assert kept(client) is None
    client.cookies["vestibule"] = "a" * 43
    assert kept(client) is None
