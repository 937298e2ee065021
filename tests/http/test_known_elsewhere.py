"""Signed in there means signed in here: the marker, recognition, revalidation, leaving there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from django.test import Client

from accounts.login import flow
from accounts.models import Event, Source, StoredSession, User
from tests.http.conftest import begin, later, sign_in, stored
from tests.peers.upstream import Upstream

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.wire]
Tenant = Callable[..., Source]
FROM_THE_CMS = {
    "Sec-Fetch-Site": "same-site",
    "Sec-Fetch-Mode": "navigate",
    "Sec-Fetch-Dest": "document",
}


def name_of(client: Client) -> str:
    return str(client.get("/auth/session").json().get("user", {}).get("name", ""))


def known_as(client: Client, subject: str) -> None:
    client.cookies["TENANTabc"] = subject


def test_an_answer_without_a_state_finds_the_flow_that_started_here(
    client: Client, tenant: Tenant
) -> None:
    tenant(unsolicited=True)
    begin(client, "town", "/account/sessions")
    marker = client.cookies["vestibule-started"]
    assert marker["path"] == "/"
    response = client.get("/auth/callback/town", {"code": "bob"})
    assert response["Location"] == "/account/sessions"
    assert response.cookies["vestibule-started"]["max-age"] == 0
    assert StoredSession.objects.get().state_digest


def test_the_marker_counts_once(client: Client, tenant: Tenant) -> None:
    tenant(unsolicited=True)
    begin(client, "town", "/account/sessions")
    client.get("/auth/callback/town", {"code": "bob"})
    used = client.get("/auth/callback/town", {"code": "eve"})
    assert used["Location"] == "/account/"
    assert name_of(client) == "Bob"


def test_an_answer_that_comes_too_late_counts_as_one_that_nobody_asked_for(
    client: Client, tenant: Tenant, person: User
) -> None:
    """Its person still goes on to where they were going, at a shared computer for a short time."""
    tenant(unsolicited=True)
    client.get("/auth/login/town?shared=1&next=/account/sessions")
    name, held = next(each for each in client.cookies.items() if each[0].startswith("vf-"))
    begun = flow.open_flow(held.value)
    assert begun
    client.cookies[name].set(name, sealed := flow.seal_flow(replace(begun, again=True)), sealed)
    known_as(client, "carol")
    with later(client, seconds=601):
        response = client.get("/auth/callback/town")
        assert response["Location"] == "/account/sessions"
        assert stored(client).shared
        assert not client.session.typed.auth_time, "it is no fresh proof"  # type: ignore[attr-defined]
        assert "so you are signed in here too" in client.get("/account/sessions").content.decode()
    assert not [n for n, held in client.cookies.items() if n.startswith("vf-") and held.value]
    assert client.cookies["vestibule-started"]["max-age"] == 0
    another = Client()
    begin(another, "town", "/account/sessions")
    sign_in(another)
    known_as(another, "carol")
    with later(another, seconds=601):
        assert another.get("/auth/callback/town")["Location"] == "/account/sessions"
        assert name_of(another) == "Alice Åberg"


def test_a_link_that_was_given_up_is_in_nobodys_way(
    client: Client, tenant: Tenant, person: User
) -> None:
    tenant(unsolicited=True)
    sign_in(client)
    client.post("/account/sign-ins", {"link": "town"})
    client.post("/auth/logout")
    known_as(client, "carol")
    with later(client, seconds=661):
        assert client.get("/auth/callback/town")["Location"] == "/account/"
        assert name_of(client) == "Carol"


def test_a_shared_sign_in_counts_for_anonymous_people_only(
    client: Client, tenant: Tenant, person: User
) -> None:
    tenant(unsolicited=True)
    sign_in(client)
    known_as(client, "carol")
    assert client.get("/auth/callback/town")["Location"] == "/account/"
    assert name_of(client) == "Alice Åberg"
    stranger = Client()
    known_as(stranger, "carol")
    stranger.get("/auth/callback/town")
    assert name_of(stranger) == "Carol"


def test_an_upstream_with_one_address_answers_at_its_providers_name(
    client: Client, tenant: Tenant
) -> None:
    tenant("town", unsolicited=True)
    known_as(client, "carol")
    assert client.get("/auth/callback/tenant")["Location"] == "/account/"
    assert client.get("/auth/session").json()["source"] == "town"
    tenant("village", unsolicited=True)
    other = Client()
    assert other.get("/auth/callback/tenant").status_code == 404
    begin(other, "village")
    assert other.get("/auth/callback/tenant", {"code": "dave"})["Location"] == "/account/"
    assert other.get("/auth/session").json()["source"] == "village"


def test_protected_pages_sign_in_without_a_click(client: Client, tenant: Tenant) -> None:
    tenant()
    known_as(client, "carol")
    response = client.get("/account/sessions", follow=True)
    assert [where for where, _status in response.redirect_chain] == [
        "/login?next=%2Faccount%2Fsessions",
        "/account/sessions",
    ]
    assert name_of(client) == "Carol"


def test_the_choice_offers_to_continue(client: Client, tenant: Tenant) -> None:
    tenant()
    known_as(client, "carol")
    page = client.get("/login")
    assert page.context["buttons"][0]["label"] == "Continue as patron of Town"
    assert name_of(client) == ""
    client.get(page.context["buttons"][0]["url"])
    assert name_of(client) == "Carol"


def test_who_just_left_is_not_signed_in_again_without_a_click(
    client: Client, tenant: Tenant
) -> None:
    tenant()
    known_as(client, "carol")
    client.get("/account/", follow=True)
    client.post("/auth/logout")
    assert client.get("/account/", follow=True).status_code == 200
    assert name_of(client) == ""


@pytest.mark.remembers
def test_strangers_cost_the_upstream_nothing(
    client: Client, tenant: Tenant, peer: Upstream
) -> None:
    tenant()
    client.get("/login")
    assert peer.asked.total() == 0
    known_as(client, "wrong")
    for _ in range(5):
        client.get("/login")
    assert peer.asked["/cookie"] == 1


@pytest.mark.remembers
def test_an_upstream_in_trouble_knows_nobody(
    client: Client, tenant: Tenant, peer: Upstream
) -> None:
    tenant()
    known_as(client, "carol")
    peer.mood = "failing"
    assert client.get("/login").status_code == 200
    assert client.get("/auth/sources").json()[0]["trouble"]


def test_who_was_a_stranger_by_trouble_is_asked_about_again_at_once(
    client: Client, tenant: Tenant, peer: Upstream
) -> None:
    tenant()
    known_as(client, "carol")
    peer.mood = "failing"
    client.get("/account/", follow=True)
    assert name_of(client) == ""
    peer.mood = "live"
    client.get("/account/", follow=True)
    assert name_of(client) == "Carol"


def shared_session(client: Client) -> None:
    known_as(client, "carol")
    client.get("/account/", follow=True)
    assert name_of(client) == "Carol"


def test_an_unchanged_cookie_keeps_the_session(client: Client, tenant: Tenant) -> None:
    tenant()
    shared_session(client)
    uid = StoredSession.objects.get().uid
    assert [name_of(client) for _ in range(3)] == ["Carol"] * 3
    assert StoredSession.objects.get().uid == uid


def test_a_changed_cookie_of_somebody_else_ends_the_former_session(
    client: Client, tenant: Tenant
) -> None:
    tenant()
    shared_session(client)
    known_as(client, "dave")
    assert client.get("/auth/session").json() == {"isLoggedIn": False, "type": "anonymous"}
    assert not StoredSession.objects.exists()
    client.get("/account/", follow=True)
    assert name_of(client) == "Dave"


def test_a_cookie_that_is_gone_ends_the_session(client: Client, tenant: Tenant) -> None:
    tenant()
    shared_session(client)
    del client.cookies["TENANTabc"]
    assert client.get("/account/")["Location"].startswith("/login")
    assert Event.objects.get(name="session.ended").detail == "the cookie is gone"


def test_an_upstream_that_is_down_ends_no_shared_session(
    client: Client, tenant: Tenant, peer: Upstream
) -> None:
    tenant()
    shared_session(client)
    peer.mood = "failing"
    assert name_of(client) == "Carol"


@pytest.mark.parametrize("enabled", [True, False])
def test_leaving_there_ends_the_session_here(
    client: Client, tenant: Tenant, peer: Upstream, enabled: bool
) -> None:
    tenant(home="https://cms.example/")
    shared_session(client)
    tenant(columns={"enabled": enabled}, home="https://cms.example/")
    response = client.get("/auth/logout/cms", headers=FROM_THE_CMS)
    assert response["Location"] == "https://cms.example/"
    assert not StoredSession.objects.exists()
    assert bool(client.get("/account/", follow=True).context["buttons"]) is enabled


@pytest.mark.parametrize(
    "headers", [{}, {**FROM_THE_CMS, "Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Dest": "image"}]
)
def test_a_foreign_page_ends_nothing(
    client: Client, tenant: Tenant, headers: dict[str, str]
) -> None:
    tenant(home="https://cms.example/")
    shared_session(client)
    asked = client.get("/auth/logout/cms", headers=headers)
    assert (asked.status_code, asked.templates[0].name) == (200, "logout/confirm.html")
    assert name_of(client) == "Carol"
    stranger = Client()
    assert stranger.get("/auth/logout/cms", headers=headers)["Location"] == "https://cms.example/"
    assert "vestibule-left" not in stranger.cookies


def test_leaving_there_ends_no_other_kind_of_session(
    client: Client, tenant: Tenant, person: User
) -> None:
    tenant(home="https://cms.example/")
    sign_in(client)
    assert (
        client.get("/auth/logout/cms", headers=FROM_THE_CMS)["Location"] == "https://cms.example/"
    )
    assert name_of(client) == "Alice Åberg"
