"""The way of a login (docs/architecture.md 4), by a redirecting source and by a form."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.db import connections
from django.test import Client
from django.utils import timezone

from accounts.keyring import digest
from accounts.login import flow
from accounts.models import Event, Identity, Source, StoredSession, StoredTokens, User
from portal.server.turns import LATE
from tests.http.conftest import PASSWORD, at_most, begin, enter, later, sign_in, stored
from tests.http.onward import onward
from tests.peers.upstream import Upstream

pytestmark = pytest.mark.django_db(transaction=True)
Tenant = Callable[..., Source]


def flows(client: Client) -> list[str]:
    return [n for n, c in client.cookies.items() if n.startswith("vf-") and c.value]


def failure(response: Any) -> Event:
    assert response.status_code == 303, response.content
    assert response["Location"].startswith("/login/failed/"), response["Location"]
    return Event.objects.get(support_code=response["Location"].split("/")[3].split("?")[0])


def another(sealed: str) -> str:
    """Return the text with another letter in its middle; of the last some bits are never read."""
    middle = len(sealed) // 2
    return sealed[:middle] + ("a" if sealed[middle] != "a" else "b") + sealed[middle + 1 :]


def test_a_person_signs_in_by_a_redirecting_source(client: Client, tenant: Tenant) -> None:
    tenant()
    asked = begin(client, "town", "/account/sessions")
    assert asked["code_challenge_method"] == "S256"
    assert asked["redirect_uri"] == "http://localhost:8000/auth/callback/town"
    assert asked["nonce"]
    assert asked["state"]
    assert not StoredSession.objects.exists()
    response = client.get("/auth/callback/town", {"code": "bob", "state": asked["state"]})
    assert response.status_code == 303
    assert response["Location"] == "/account/sessions"
    assert response["Cache-Control"] == "no-store"
    body = client.get("/auth/session").json()
    assert body["isLoggedIn"] is True
    assert body["type"] == "tenant"
    assert body["source"] == "town"
    assert body["user"]["name"] == "Bob"
    assert body["tenantInfo"] == {"sub": "bob"}
    assert flows(client) == []
    assert StoredTokens.objects.count() == 1


def test_a_person_signs_in_with_a_password(client: Client, person: User) -> None:
    response = sign_in(client)
    assert (response.status_code, response["Location"]) == (303, "/account/")
    body = client.get("/auth/session").json()
    assert body == {
        "isLoggedIn": True,
        "type": "local",
        "source": "local",
        "status": "active",
        "user": {"name": "Alice Åberg", "username": "alice"},
        "expires": body["expires"],
        "refresh_expires": None,
    }


def test_the_flow_cookie_is_ours_alone(client: Client, tenant: Tenant) -> None:
    tenant()
    asked = begin(client, "town")
    name = flow.cookie_name(asked["state"])
    cookie = client.cookies[name]
    assert cookie["httponly"]
    assert cookie["samesite"] == "Lax"
    assert cookie["max-age"] == 600 + 3600, "who is late is told so"
    assert asked["nonce"] not in cookie.value
    assert asked["state"] not in name


def test_two_tabs_never_disturb_each_other(client: Client, tenant: Tenant) -> None:
    tenant()
    one = begin(client, "town", "/account/sessions")
    two = begin(client, "town", "/account/sign-ins")
    assert len(flows(client)) == 2
    first = client.get("/auth/callback/town", {"code": "bob", "state": two["state"]})
    assert first["Location"] == "/account/sign-ins"
    second = client.get("/auth/callback/town", {"code": "bob", "state": one["state"]})
    assert second["Location"] == "/account/sessions"
    assert StoredSession.objects.count() == 1  # the second sign-in of one person replaces the first


def test_at_most_five_flows_are_kept(client: Client, tenant: Tenant) -> None:
    tenant()
    states = [begin(client, "town")["state"] for _ in range(8)]
    assert len(flows(client)) == 5
    assert failure(client.get("/auth/callback/town", {"code": "b", "state": states[0]}))
    kept = client.get("/auth/callback/town", {"code": "bob", "state": states[-1]})
    assert kept["Location"] == "/account/"


@pytest.mark.wire
def test_s10_ten_thousand_starts_leave_nothing_behind(client: Client, tenant: Tenant) -> None:
    tenant()
    for _ in range(200):
        Client().get("/auth/login/town")
    assert not StoredSession.objects.exists()
    assert not Event.objects.exists()


def test_s11_prefetch_starts_nothing(client: Client, tenant: Tenant) -> None:
    tenant()
    response = client.get("/auth/login/town", headers={"Sec-Purpose": "prefetch;prerender"})
    assert response.status_code == 204
    assert flows(client) == []


@pytest.mark.parametrize("slug", ["nowhere", "off", "TOWN", "t%C3%B6wn", ".."])
def test_an_unknown_or_disabled_source_is_404(client: Client, tenant: Tenant, slug: str) -> None:
    tenant()
    tenant("off", {"enabled": False})
    for route in ("login", "callback"):
        assert client.get(f"/auth/{route}/{slug}").status_code == 404


def test_a_state_that_is_missing_or_unknown_changes_nothing_else(
    client: Client, tenant: Tenant
) -> None:
    tenant()
    asked = begin(client, "town")
    for state in ({}, {"state": ""}, {"state": "made-up"}, {"state": "x" * 5000}):
        event = failure(client.get("/auth/callback/town", {"code": "bob", **state}))
        assert event.reason == "login-failed"
    assert len(flows(client)) == 1
    response = client.get("/auth/callback/town", {"code": "bob", "state": asked["state"]})
    assert response["Location"] == "/account/"


def test_a_state_from_another_browser_is_refused(client: Client, tenant: Tenant) -> None:
    tenant()
    asked = begin(Client(), "town")
    assert failure(client.get("/auth/callback/town", {"code": "eve", "state": asked["state"]}))
    assert not StoredSession.objects.exists()


def test_s05_a_state_at_another_sources_door_is_refused(
    client: Client, tenant: Tenant, peer: Upstream
) -> None:
    tenant()
    tenant("school")
    asked = begin(client, "town")
    assert failure(client.get("/auth/callback/school", {"code": "bob", "state": asked["state"]}))
    assert peer.asked["/token"] == 0


def test_s10_a_flow_that_took_too_long_is_told_so(client: Client, tenant: Tenant) -> None:
    tenant()
    asked = begin(client, "town", "/account/data")
    with later(client, seconds=601):
        answer = client.get("/auth/callback/town", {"code": "bob", "state": asked["state"]})
    assert failure(answer).reason == "expired"
    page = client.get(answer["Location"]).content.decode()
    assert 'href="/auth/login/town?next=%2Faccount%2Fdata"' in page
    asked = begin(client, "town", "/account/data")
    with later(client, minutes=71):
        unknown = client.get("/auth/callback/town", {"code": "bob", "state": asked["state"]})
    assert failure(unknown).reason == "login-failed"
    assert "or your browser keeps no cookies" in client.get(unknown["Location"]).content.decode()


def test_r21_a_tampered_flow_is_unknown(client: Client, tenant: Tenant) -> None:
    tenant()
    asked = begin(client, "town")
    name = flow.cookie_name(asked["state"])
    value = client.cookies[name].value
    client.cookies[name] = value[:-4] + "AAAA"
    assert failure(client.get("/auth/callback/town", {"code": "bob", "state": asked["state"]}))


def test_s03_a_reload_of_a_used_callback_leads_where_the_person_would_be(
    client: Client, tenant: Tenant, peer: Upstream
) -> None:
    tenant(columns={"after_login": "/account/sessions"})
    asked = begin(client, "town")
    query = {"code": "bob", "state": asked["state"]}
    client.get("/auth/callback/town", query)
    again = client.get("/auth/callback/town", query)
    assert (again.status_code, again["Location"]) == (303, "/account/sessions")
    assert StoredSession.objects.count() == 1
    assert peer.asked["/token"] == 1
    assert failure(Client().get("/auth/callback/town", query))


def test_an_answer_that_waited_too_long_for_its_turn_may_come_again(
    client: Client, tenant: Tenant, peer: Upstream
) -> None:
    tenant()
    asked = begin(client, "town", "/account/sessions")
    answer = {"code": "bob", "state": asked["state"]}
    late: dict[str, Any] = {LATE: True}
    refused = client.get("/auth/callback/town", answer, **late)
    assert (failure(refused).reason, refused["Retry-After"]) == ("busy", "5")
    assert peer.asked["/token"] == 0
    assert client.get("/auth/callback/town", answer)["Location"] == "/account/sessions"


@pytest.mark.parametrize("name", ["code", "state", "iss", "error"])
def test_i07_a_repeated_parameter_is_refused(client: Client, tenant: Tenant, name: str) -> None:
    tenant()
    asked = begin(client, "town")
    query = f"code=bob&state={asked['state']}&{name}=one&{name}=two"
    assert failure(client.get(f"/auth/callback/town?{query}")).detail.startswith("invalid_request")
    assert not StoredSession.objects.exists()


def test_the_upstreams_no_is_told_apart(client: Client, tenant: Tenant, peer: Upstream) -> None:
    tenant()
    asked = begin(client, "town")
    query = {"error": "access_denied", "error_description": "<script>", "state": asked["state"]}
    response = client.get("/auth/callback/town", query)
    assert failure(response).reason == "cancelled"
    page = client.get(response["Location"])
    assert b"<script>" not in page.content
    assert flows(client) == []


@pytest.mark.parametrize("mood", ["failing", "hanging"])
def test_an_upstream_in_trouble_is_temporarily_unavailable(
    client: Client, tenant: Tenant, peer: Upstream, mood: str
) -> None:
    tenant()
    asked = begin(client, "town", "/account/sessions")
    peer.mood = mood
    query = {"code": "bob", "state": asked["state"]}
    response = client.get("/auth/callback/town", query)
    event = failure(response)
    assert event.reason == "temporarily-unavailable"
    page = client.get(response["Location"])
    assert page.status_code == 503
    assert event.support_code in page.content.decode()
    assert "/auth/login/town?next=%2Faccount%2Fsessions" in page.content.decode()


def test_a_person_who_is_refused_is_told_why(
    client: Client, tenant: Tenant, peer: Upstream
) -> None:
    tenant()
    peer.extra = {"denied": "not-registered"}
    assert failure(enter(client, "town")).reason == "not-registered"
    assert not User.objects.exists()


def test_one_that_is_refused_is_logged_out_upstream_first(
    client: Client, tenant: Tenant, peer: Upstream
) -> None:
    tenant(leaves_by="call")
    peer.extra = {"denied": "not-authorized"}
    failure(enter(client, "town"))
    assert peer.hints == ["it-bob"]


def test_a_source_that_does_not_enroll_knows_nobody(client: Client, tenant: Tenant) -> None:
    tenant(columns={"enroll": False})
    assert failure(enter(client, "town")).reason == "not-registered"


def test_a_disabled_person_is_told_so(client: Client, tenant: Tenant) -> None:
    tenant()
    enter(client, "town")
    User.objects.update(status="disabled")
    assert failure(enter(Client(), "town")).reason == "disabled"


def test_u09_the_same_subject_of_two_sources_is_two_people(client: Client, tenant: Tenant) -> None:
    tenant()
    tenant("school")
    enter(client, "town")
    enter(Client(), "school")
    assert User.objects.count() == 2
    assert Identity.objects.filter(subject="bob").count() == 2


def test_name_and_mail_follow_the_source(client: Client, tenant: Tenant, peer: Upstream) -> None:
    tenant()
    enter(client, "town")
    peer.extra = {"name": "Bob the Second", "email": "bob@example.org"}
    enter(Client(), "town")
    user = User.objects.get()
    assert (user.name, user.email) == ("Bob the Second", "bob@example.org")
    peer.extra = {"name": "", "email": ""}
    enter(Client(), "town")
    user.refresh_from_db()
    assert user.name == "Bob the Second"


def test_claims_give_nobody_rights(client: Client, tenant: Tenant, peer: Upstream) -> None:
    tenant()
    peer.extra = {"is_staff": True, "groups": ["admins"], "is_superuser": 1}
    enter(client, "town")
    user = User.objects.get()
    assert not user.is_staff
    assert not user.is_superuser
    assert not user.has_usable_password()
    assert not user.groups.exists()


def test_e01_the_session_id_changes_at_every_sign_in(client: Client, tenant: Tenant) -> None:
    tenant()
    client.cookies["vestibule"] = "a" * 43
    enter(client, "town")
    first = client.cookies["vestibule"].value
    assert first != "a" * 43
    client.get("/auth/login/town?again=1")
    enter_again = begin_again(client)
    assert enter_again != first
    old = Client()
    old.cookies["vestibule"] = first
    assert old.get("/auth/session").json()["isLoggedIn"] is False


def begin_again(client: Client) -> str:
    asked = client.get("/auth/login/town?again=1")
    state = asked["Location"].split("state=")[1].split("&")[0]
    client.get("/auth/callback/town", {"code": "bob", "state": state})
    return str(client.cookies["vestibule"].value)


def test_signed_in_already_leads_on(client: Client, person: User) -> None:
    sign_in(client)
    for route in ("/login", "/auth/login/local"):
        response = client.get(route, {"next": "/account/sessions"})
        assert (response.status_code, response["Location"]) == (303, "/account/sessions")


def test_another_type_is_asked_about_once(client: Client, person: User, tenant: Tenant) -> None:
    tenant(leaves_by="call")
    sign_in(client)
    page = client.get("/auth/login/town?next=/account/sessions")
    assert page.status_code == 200
    assert "Town" in page.content.decode()
    assert client.get("/auth/session").json()["type"] == "local"
    left = onward(client, client.post("/auth/login/town?next=/account/sessions", {"switch": "1"}))
    assert left["Location"] == "/auth/login/town?next=%2Faccount%2Fsessions"
    assert not StoredSession.objects.exists()
    assert enter(client, "town").status_code == 303
    assert client.get("/auth/session").json()["type"] == "tenant"


def test_a_switch_over_an_upstreams_logout_comes_back_to_the_new_start(
    client: Client, person: User, tenant: Tenant, peer: Upstream
) -> None:
    tenant(leaves_by="visit")
    enter(client, "town")
    left = onward(client, client.post("/auth/login/local?next=/account/sessions", {"switch": "1"}))
    assert left["Location"].startswith(f"{peer.url}/logout")
    back = onward(client, client.get("/auth/logout/done?state=whatever"))
    assert back["Location"] == "/auth/login/local?next=%2Faccount%2Fsessions"
    assert client.get("/auth/logout/done")["Location"] == "/"


def test_a_callback_while_somebody_else_is_signed_in_never_swaps(
    client: Client, tenant: Tenant
) -> None:
    tenant()
    asked = begin(client, "town")
    enter(client, "town", "alice")
    response = client.get("/auth/callback/town", {"code": "eve", "state": asked["state"]})
    assert response["Location"] == "/auth/login/town?switch=1"
    assert client.get(response["Location"]).status_code == 200
    assert client.get("/auth/session").json()["user"]["name"] == "Alice"
    assert not User.objects.filter(name="Eve").exists()


def test_someone_awaiting_access_gets_no_further_than_the_front_page(
    client: Client, tenant: Tenant
) -> None:
    tenant(columns={"require_assignment": True})
    response = enter(client, "town", next_url="/account/sessions")
    assert response["Location"] == "/"
    assert client.get("/auth/session").json()["status"] == "awaiting_access"
    assert client.get("/account/")["Location"] == "/"
    assert client.get("/account/", headers={"Accept": "application/json"}).status_code == 403


def parallel(count: int, work: Callable[[], Any]) -> list[Any]:
    results: list[Any] = []
    gate = threading.Barrier(count)

    def run() -> None:
        gate.wait()
        try:
            results.append(work())
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == count
    return results


@pytest.mark.parametrize("cache_works", [True, False])
@pytest.mark.remembers
def test_twenty_parallel_callbacks_of_one_flow_make_one_session(
    tenant: Tenant, peer: Upstream, monkeypatch: Any, cache_works: bool
) -> None:
    tenant()
    if not cache_works:
        monkeypatch.setattr(flow, "claim", lambda state: True)
    browser = Client()
    asked = begin(browser, "town")
    cookies = {name: morsel.value for name, morsel in browser.cookies.items()}

    def answer() -> Any:
        mine = Client(raise_request_exception=False)
        for name, value in cookies.items():
            mine.cookies[name] = value
        return mine.get("/auth/callback/town", {"code": "bob", "state": asked["state"]})

    responses = parallel(20 if cache_works else 4, answer)
    assert {response.status_code for response in responses} == {303}
    assert StoredSession.objects.count() == 1
    assert User.objects.count() == 1
    if cache_works:
        assert peer.asked["/token"] == 1


def test_twenty_parallel_first_sign_ins_of_one_person_make_one_user(
    tenant: Tenant, settings: Any
) -> None:
    settings.VESTIBULE_HTTP_PER_UPSTREAM = 20
    settings.VESTIBULE_THREADS = 64
    tenant()
    responses = parallel(20, lambda: enter(Client(raise_request_exception=False), "town"))
    assert {r.status_code for r in responses} == {303}
    assert {r["Location"] for r in responses} == {"/account/"}
    assert User.objects.count() == 1
    assert Identity.objects.filter(subject="bob").count() == 1
    assert StoredSession.objects.count() == 20


def test_a_form_post_comes_back_by_get_and_decides_nothing(
    client: Client, tenant: Tenant, peer: Upstream
) -> None:
    tenant(form_post=True)
    asked = begin(client, "town")
    strict = Client(enforce_csrf_checks=True)
    posted = strict.post("/auth/callback/town", {"code": "bob", "state": asked["state"]})
    name = f"vestibule-post-{digest(asked['state'])[:16]}"
    back = f"/auth/callback/town?posted={name[-16:]}"
    assert (posted.status_code, posted["Location"]) == (303, back)
    sealed = strict.cookies[name]
    assert sealed["path"] == "/auth/callback/town"
    assert sealed["max-age"] == 60
    assert "bob" not in sealed.value
    assert peer.asked["/token"] == 0
    client.cookies[name] = sealed.value
    finished = client.get(back)
    assert finished["Location"] == "/account/"
    assert client.cookies[name]["max-age"] == 0
    assert client.get("/auth/session").json()["isLoggedIn"] is True


def test_s09_two_tabs_whose_answers_are_posted_at_once_both_finish(
    client: Client, tenant: Tenant
) -> None:
    tenant(form_post=True)
    there = ("/account/sessions", "/account/apps")
    states = [begin(client, "town", each)["state"] for each in there]
    answers = [{"code": "bob", "state": state} for state in states]
    ways = [client.post("/auth/callback/town", each)["Location"] for each in answers]
    assert tuple(client.get(way)["Location"] for way in ways) == there
    for number in range(9):  # by any page
        way = client.post("/auth/callback/town", {"code": "x", "state": f"{number}"})["Location"]
    client.get(way)
    held = [name for name in client.cookies if name.startswith("vestibule-post-")]
    assert sum(client.cookies[name].value != "" for name in held) <= flow.AT_MOST


def test_a_form_post_is_refused_where_it_is_not_expected(client: Client, tenant: Tenant) -> None:
    tenant()
    assert client.post("/auth/callback/town", {"code": "x"}).status_code == 405
    assert client.head("/auth/callback/town").status_code == 405
    tenant("forms", form_post=True)
    long = client.post("/auth/callback/forms", {"code": "x" * 5000, "state": "y"})
    assert failure(long).reason == "login-failed"


def test_an_unsolicited_answer_is_taken_only_where_declared(client: Client, tenant: Tenant) -> None:
    tenant(unsolicited=True)
    client.cookies["TENANTabc"] = "carol"
    response = client.get("/auth/callback/town")
    assert response["Location"] == "/account/"
    assert client.get("/auth/session").json()["user"]["name"] == "Carol"
    tenant("strict")
    assert failure(Client().get("/auth/callback/strict"))


def test_an_unsolicited_answer_never_replaces_a_session(
    client: Client, tenant: Tenant, person: User
) -> None:
    tenant(unsolicited=True)
    sign_in(client)
    client.cookies["TENANTabc"] = "carol"
    client.get("/auth/callback/town")
    assert client.get("/auth/session").json()["type"] == "local"


def test_wrong_credentials_stay_on_the_form(client: Client, person: User) -> None:
    response = sign_in(client, password="wrong")
    page = response.content.decode()
    assert response.status_code == 400
    assert Event.objects.get().support_code in page
    assert 'value="alice"' in page
    assert "wrong" not in page
    assert not StoredSession.objects.exists()


def carried_by(page: Any) -> dict[str, str]:
    """Return what the form of a source posts unseen, but for the CSRF token."""
    (form,) = re.findall(r'<form class="form".*?</form>', page.content.decode(), re.DOTALL)
    hidden = re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', form)
    return {name: value for name, value in hidden if name != "csrfmiddlewaretoken"}


@pytest.mark.parametrize("page", ["/login?choose=1&", "/auth/login/local?"])
def test_the_form_carries_where_its_person_goes_on_to(
    client: Client, person: User, page: str
) -> None:
    carried = carried_by(client.get(f"{page}next=/account/sessions"))
    form = {"username": "alice", "password": PASSWORD, **carried}
    again = client.post("/auth/login/local", {**form, "password": "wrong"})
    assert carried_by(again) == carried
    assert client.post("/auth/login/local", form)["Location"] == "/account/sessions"


def test_a_form_leads_nowhere_else(client: Client, person: User) -> None:
    form = {"username": "alice", "password": PASSWORD, "next": "https://evil.example/"}
    assert client.post("/auth/login/local", form)["Location"] == "/account/"


def test_e04_a_password_is_never_taken_without_the_csrf_token(person: User) -> None:
    strict = Client(enforce_csrf_checks=True)
    response = strict.post("/auth/login/local", {"username": "alice", "password": PASSWORD})
    assert response.status_code == 403
    assert not StoredSession.objects.exists()


def test_whose_browser_keeps_no_cookies_reads_so(person: User) -> None:
    """Who has any is told that the form was open for too long, as a cookie may have expired."""
    browser = Client(enforce_csrf_checks=True)
    form = {"username": "alice", "password": PASSWORD}
    without = browser.post("/auth/login/local", form, headers={"Accept-Language": "da"})
    assert "<h1>Din browser sendte ingen cookies</h1>" in without.content.decode()
    browser.cookies["another"] = "one"
    with_one = browser.post("/auth/login/local", form)
    assert "<h1>This form was open for too long</h1>" in with_one.content.decode()


def test_a_form_that_came_too_late_leads_back_to_its_address(person: User) -> None:
    browser = Client(enforce_csrf_checks=True)

    def way_on(path: str, **posted: str) -> str:
        page = browser.post(path, posted)
        assert page.status_code == 403
        found = re.findall(r'<a class="button" href="([^"]*)"', page.content.decode())
        return str(found[0]).replace("&amp;", "&")

    signs_in = way_on("/auth/login/local", next="/account/data", shared="1")
    assert signs_in == "/auth/login/local?next=%2Faccount%2Fdata&shared=1"
    assert way_on("/auth/login/local", next="https://evil.example/") == "/auth/login/local"
    assert way_on("/auth/login/local", link="x") == "/"
    assert way_on("/login/forgotten") == "/login/forgotten"
    assert way_on("/i18n/setlang/") == "/"
    assert way_on("/account/sessions", end="others") == "/account/sessions"
    assert way_on("/account/app-passwords") == "/account/app-passwords"
    assert way_on("/admin/auth/group/add/?_popup=0") == "/admin/auth/group/add/?_popup=0"


@pytest.mark.parametrize(
    ("path", "advice"),
    [("/account/sessions", "Open it again and"), ("/i18n/setlang/", "Go back, ")],
)
def test_a_form_that_came_too_late_says_what_its_page_offers(path: str, advice: str) -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.cookies["another"] = "one"
    assert f"<p>{advice}" in browser.post(path).content.decode()


TWICE: list[tuple[dict[str, str], dict[str, str], str]] = [
    ({}, {}, "/account/data"),
    ({"username": "Alice", "next": ""}, {}, "/account/"),
    ({"next": "https://evil.example/"}, {}, "/account/"),
    ({"next": "/auth/logout"}, {}, "/account/"),
    ({"username": "bob"}, {}, "/auth/login/local?next=%2Faccount%2Fdata&switch=1"),
    ({}, {"Origin": "https://evil.example"}, ""),
    ({}, {"X-Requested-With": "XMLHttpRequest"}, ""),
    ({"csrfmiddlewaretoken": ""}, {}, ""),
    ({"link": "x"}, {}, ""),
    ({"switch": "1"}, {}, ""),
]


def test_a_form_that_is_sent_twice_leads_on_and_changes_nothing(person: User) -> None:
    browser = Client(enforce_csrf_checks=True)
    page = browser.get("/login?choose=1&next=/account/data")
    (token, *_) = re.findall(r'name="csrfmiddlewaretoken" value="(\w+)"', page.content.decode())
    form = {"username": "alice", "password": PASSWORD, "csrfmiddlewaretoken": token}
    form |= carried_by(page)
    assert browser.post("/auth/login/local", form)["Location"] == "/account/data"
    before = stored(browser).uid
    for changed, headers, leads_to in TWICE:
        again = browser.post("/auth/login/local", {**form, **changed}, headers=headers)
        assert again.status_code == (303 if leads_to else 403), changed
        where = again.get("Location", "")
        assert (onward(browser, again)["Location"] if "onward" in where else where) == leads_to
        assert stored(browser).uid == before
    passkey = browser.post("/login/passkey", {**form, "credential": "{}"})
    assert (passkey.status_code, passkey["Location"]) == (303, "/account/data")
    other = browser.post("/account/sessions", {**form, "end": "others"})
    assert other.status_code == 403


def test_a_fresh_proof_is_a_new_session_of_the_same_person(client: Client, person: User) -> None:
    sign_in(client)
    before = stored(client).uid
    assert client.get("/auth/login/local?again=1").status_code == 200
    wrong = sign_in(client, password="wrong")
    assert wrong.status_code == 400
    assert stored(client).uid == before
    assert sign_in(client).status_code == 303
    assert stored(client).uid != before
    assert StoredSession.objects.count() == 1


def test_a_mail_address_that_is_not_verified_is_marked_and_replaces_no_verified_one(
    client: Client, person: User, tenant: Tenant, peer: Upstream
) -> None:
    source = tenant()
    peer.extra = {"email": "new@example.org"}
    enter(client, "town")
    newcomer = stored(client).user
    assert (newcomer.email, newcomer.email_verified) == ("new@example.org", False)
    assert "(not verified)" in client.get("/account/").content.decode()
    person.identities.create(source=source, subject="carol")
    other = Client()
    enter(other, "town", "carol")
    person.refresh_from_db()
    assert (person.email, person.email_verified) == ("alice@example.org", True)
    assert "(not verified)" not in other.get("/account/").content.decode()
    peer.extra = {"email": "alice@new.example", "email_verified": True}
    enter(Client(), "town", "carol")
    person.refresh_from_db()
    assert (person.email, person.email_verified) == ("alice@new.example", True)


def test_linking_adds_a_way_in_to_the_person_who_asked(
    client: Client, person: User, tenant: Tenant
) -> None:
    tenant()
    sign_in(client)
    asked = onward(client, client.post("/account/sign-ins", {"link": "town"}))
    state = asked["Location"].split("state=")[1].split("&")[0]
    done = client.get("/auth/callback/town", {"code": "bob", "state": state})
    assert done["Location"] == "/account/sign-ins"
    assert client.get("/auth/session").json()["type"] == "local"
    assert set(person.identities.values_list("source__slug", flat=True)) == {"local", "town"}
    other = Client()
    enter(other, "town")
    assert stored(other).user == person


def test_s12_a_planted_link_flow_links_nothing_to_who_planted_it(
    client: Client, person: User, tenant: Tenant, peer: Upstream
) -> None:
    """S04: the attacker's flow cookie in a victim's browser, who is a stranger or somebody else."""
    tenant()
    sign_in(client)
    asked = onward(client, client.post("/account/sign-ins", {"link": "town"}))
    state = asked["Location"].split("state=")[1].split("&")[0]
    planted = {n: c.value for n, c in client.cookies.items() if n.startswith("vf-")}
    stranger, mallory = Client(), Client()
    User.objects.create_user("mallory", PASSWORD).give_local_identity()
    sign_in(mallory, "mallory")
    for victim in (stranger, mallory):
        victim.cookies.load(planted)
        calls = peer.asked.total()
        answer = victim.get("/auth/callback/town", {"code": "bob", "state": state})
        assert failure(answer).reason == "expired"
        assert peer.asked.total() == calls
    assert not person.identities.filter(source__slug="town").exists()


def test_a_planted_form_links_nothing_to_who_planted_it(client: Client, two_ways: User) -> None:
    form = linking_form(client)
    assert failure(Client().post("/auth/login/local", form)).reason == "expired"
    assert not Event.objects.filter(name="identity.linked").exists()


def test_e07_over_https_no_neighbour_can_plant_a_cookie(
    client: Client, tenant: Tenant, settings: Any
) -> None:
    tenant(unsolicited=True)
    settings.SESSION_COOKIE_SECURE = True
    asked = begin(client, "town")
    mine = {n: c for n, c in client.cookies.items() if c.value}
    assert {n for n in mine if n.startswith("__Host-vf-")}
    assert "__Host-vestibule-started" in mine
    for name, cookie in mine.items():
        assert name.startswith("__Host-"), name
        assert (cookie["path"], cookie["secure"], cookie["domain"]) == ("/", True, "")
    neighbour = Client()  # a browser to which a neighbour gave what it can: no such name
    neighbour.cookies.load({n.removeprefix("__Host-"): c.value for n, c in mine.items()})
    answer = {"code": "bob", "state": asked["state"]}
    neighbour.get("/auth/callback/town", answer)
    assert not StoredSession.objects.exclude(state_digest=None).exists()
    done = client.get("/auth/callback/town", answer)
    assert done["Location"] == "/account/"
    assert all(c["secure"] for n, c in done.cookies.items() if n.startswith("__Host-"))


def test_the_owner_gets_in_from_a_known_browser_while_strangers_guess(
    client: Client, person: User
) -> None:
    """U01: twenty guesses from elsewhere shut nobody out of a browser that they have used."""
    sign_in(client)
    assert client.cookies["vestibule-device"]["httponly"]
    client.post("/auth/logout")
    for host in range(20):
        stranger = Client(REMOTE_ADDR=f"198.51.100.{host}")
        assert sign_in(stranger, password="wrong").status_code == 400
    assert sign_in(Client()).status_code == 429
    client.cookies["vestibule-device"] = client.cookies["vestibule-device"].value
    assert sign_in(client).status_code == 303
    changed = Client()
    changed.cookies["vestibule-device"] = another(client.cookies["vestibule-device"].value)
    User.objects.create_user("mallory", PASSWORD).give_local_identity()
    mallory = Client()
    sign_in(mallory, "mallory")
    mallory.post("/auth/logout")
    for _ in range(20):
        stranger = Client(REMOTE_ADDR="203.0.113.1")
        sign_in(stranger, password="wrong")
    for number in range(20):
        sign_in(Client(REMOTE_ADDR=f"203.0.113.{number}"), password="wrong")
    for other in (changed, mallory):  # forged, or of another person
        assert sign_in(other).status_code == 429
    assert sign_in(client).status_code == 303


def test_a_sign_in_turns_the_csrf_token_of_a_browser_that_has_one(person: User) -> None:
    known, new = Client(), Client()
    known.get("/auth/session")
    before = known.cookies["csrftoken"].value
    assert sign_in(known).status_code == sign_in(new).status_code == 303
    assert known.cookies["csrftoken"].value != before
    assert "csrftoken" not in new.cookies


def test_a_guesser_at_a_school_shuts_nobody_out_who_has_been_there(person: User) -> None:
    school = Client(REMOTE_ADDR="192.0.2.77")
    sign_in(school)
    for number in range(100):
        sign_in(Client(REMOTE_ADDR="192.0.2.77"), f"pupil{number}", "wrong")
    assert sign_in(Client(REMOTE_ADDR="192.0.2.77"), "pupil0", "x").status_code == 429
    assert sign_in(Client(REMOTE_ADDR="192.0.2.77")).status_code == 303


def linking_form(client: Client) -> dict[str, str]:
    """Ask for the password of this site to be linked. Returns what the form posts."""
    shown = client.post("/account/sign-ins", {"link": "local"})
    assert shown.status_code == 200
    return {"username": "alice", "password": PASSWORD, **carried_by(shown)}


@pytest.fixture
def two_ways(client: Client, person: User, tenant: Tenant) -> User:
    """Sign alice in by another source, at which she is known as well."""
    source = tenant()
    person.identities.create(source=source, subject="bob")
    enter(client, "town")
    return person


def test_a_way_in_with_a_form_is_linked_by_its_form(client: Client, two_ways: User) -> None:
    two_ways.identities.filter(source__slug="local").delete()
    form = linking_form(client)
    wrong = client.post("/auth/login/local", {**form, "password": "wrong"})
    assert (wrong.status_code, carried_by(wrong)["link"]) == (400, form["link"])
    assert wrong.context["page_address"] == "/account/sign-ins"
    done = client.post("/auth/login/local", form)
    assert done["Location"] == "/account/sign-ins"
    assert client.get("/auth/session").json()["type"] == "tenant"
    assert two_ways.identities.filter(source__slug="local", subject=two_ways.uid).exists()


def test_a_wish_to_link_that_is_old_or_forged_links_nothing(client: Client, two_ways: User) -> None:
    form = linking_form(client)
    with time_machine.travel(timezone.now() + timedelta(minutes=11), tick=False):
        assert failure(client.post("/auth/login/local", form)).reason == "expired"
    forged = client.post("/auth/login/local", {**form, "link": another(form["link"])})
    assert forged.status_code == 200  # a sign-in by another source, which is asked about first
    assert b"Town" in forged.content
    assert not Event.objects.filter(name="identity.linked").exists()


def test_an_identity_of_somebody_else_cannot_be_linked(
    client: Client, person: User, tenant: Tenant
) -> None:
    tenant()
    enter(Client(), "town")
    sign_in(client)
    asked = onward(client, client.post("/account/sign-ins", {"link": "town"}))
    state = asked["Location"].split("state=")[1].split("&")[0]
    answer = client.get("/auth/callback/town", {"code": "bob", "state": state})
    assert failure(answer).reason == "not-authorized"
    assert person.identities.count() == 1


def test_s12_linking_needs_a_post_with_the_token_and_a_recent_sign_in(
    person: User, tenant: Tenant
) -> None:
    tenant()
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = Client().cookies
    plain = Client()
    sign_in(plain)
    strict.cookies["vestibule"] = plain.cookies["vestibule"].value
    assert strict.post("/account/sign-ins", {"link": "town"}).status_code == 403
    with time_machine.travel(timezone.now() + timedelta(hours=1), tick=False):
        later = onward(plain, plain.post("/account/sign-ins", {"link": "town"}))
    assert later["Location"].startswith("/auth/login/local?next=")
    assert later["Location"].endswith("again=1")


def test_signing_in_costs_few_statements(client: Client, tenant: Tenant) -> None:
    tenant()
    enter(Client(), "town")
    client.get("/auth/session")
    with at_most(0):
        asked = begin(client, "town")
    with at_most(12):
        client.get("/auth/callback/town", {"code": "bob", "state": asked["state"]})


def test_a_first_sign_in_costs_few_statements(client: Client, tenant: Tenant) -> None:
    tenant()
    with at_most(18):
        enter(client, "town")


def test_an_anonymous_page_costs_none(client: Client, person: User) -> None:
    client.get("/login")
    with at_most(0):
        for route in ("/", "/login", "/auth/session", "/auth/sources"):
            assert client.get(route).status_code == 200


def test_a_session_is_found_by_the_digest_of_its_cookie(client: Client, person: User) -> None:
    sign_in(client)
    value = client.cookies["vestibule"].value
    assert StoredSession.objects.get().session_key == digest(value)
