"""MapStore's way: `/openid/...` (docs/contract.md 2; docs/threats.md 3.2, 3.3)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import time_machine
from django.test import Client
from django.utils import timezone

from accounts.models import Event, Source, StoredSession, User
from accounts.source import catalogue
from portal.tokens import handover
from portal.tokens.models import HandOver
from tests.http.conftest import enter, sign_in, way_out
from tests.http.onward import onward
from tests.http.test_way_in import parallel
from tests.http.tokens.caller import Caller, is_alive
from tests.peers import fresh
from tests.peers.site import free_port
from tests.peers.upstream import Upstream

pytestmark = pytest.mark.django_db(transaction=True)
Tenant = Callable[..., Source]


@pytest.fixture
def caller(tenant: Tenant) -> Caller:
    tenant()
    return Caller()


def offered(response: Any) -> set[str]:
    return {name for name, morsel in response.cookies.items() if morsel.value} & {
        handover.KEY,
        handover.PROVIDER,
    }


def test_the_providers_are_the_redirecting_sources(caller: Caller, person: User) -> None:
    answer = caller.client.get("/openid/providers")
    assert answer.json() == [
        {
            "name": "town",
            "loginUrl": "http://localhost:8000/openid/town/login",
            "label": "Town",
        }
    ]
    assert answer["Cache-Control"] == "no-store"


def test_a_disabled_provider_is_nowhere(caller: Caller) -> None:
    row = Source.objects.get(slug="town")
    row.enabled = False
    catalogue.save(row)
    fresh.sources()
    assert caller.client.get("/openid/providers").json() == []
    for page in ("login", "callback"):
        assert caller.client.get(f"/openid/town/{page}").status_code == 404
    assert caller.client.get("/openid/town/tokens?identifier=x").status_code == 404


def test_the_way_upstream_has_state_nonce_challenge_and_its_own_redirect_uri(
    caller: Caller,
) -> None:
    started = caller.client.get("/openid/town/login")
    assert started.status_code == 302
    assert started["Cache-Control"] == "no-store"
    asked = {k: v[0] for k, v in parse_qs(urlsplit(started["Location"]).query).items()}
    assert asked["redirect_uri"] == "http://localhost:8000/openid/town/callback"
    assert asked["code_challenge_method"] == "S256"
    assert all(len(asked[name]) >= 43 for name in ("state", "nonce", "code_challenge"))


def test_after_a_refusal_somebody_else_is_handed_over_too(caller: Caller, tenant: Tenant) -> None:
    caller.hand_over()
    tenant(columns={"enroll": False})
    other = Caller()
    path = way_out(other.client, other.hand_over(subject="carol", next_url="/account/sessions"))
    assert path.startswith("/openid/town/login?")
    started = other.client.get(path)
    asked = {k: v[0] for k, v in parse_qs(urlsplit(started["Location"]).query).items()}
    back = other.client.get("/openid/town/callback", {"code": "bob", "state": asked["state"]})
    assert back["Location"] == "/account/sessions"
    assert offered(back) == {"tokens_key", "authProvider"}
    assert other.fetch().status_code == 200


@pytest.mark.parametrize("path", ["/openid/away/login", "/auth/login/away"])
def test_who_tries_again_goes_the_way_of_before(caller: Caller, path: str) -> None:
    nobody = {"issuer": f"http://localhost:{free_port()}", "client_id": "portal"}
    catalogue.save(Source(slug="away", provider="oidc", label="Away", settings=nobody))
    fresh.sources()
    failed = caller.client.get(path, {"next": "/account/sessions"})
    page = caller.client.get(failed["Location"]).content.decode()
    assert f'href="{path}?next=%2Faccount%2Fsessions">Try again<' in page


def test_success_lands_on_the_front_page_with_exactly_the_two_cookies(caller: Caller) -> None:
    back = caller.hand_over()
    assert (back.status_code, back["Location"]) == (303, "/")
    assert back["Cache-Control"] == "no-store"
    assert offered(back) == {"tokens_key", "authProvider"}
    assert back.cookies["authProvider"].value == "town"
    for name in ("tokens_key", "authProvider"):
        cookie = back.cookies[name]
        assert (cookie["max-age"], cookie["path"], cookie["samesite"]) == (120, "/", "Lax")
        assert not cookie["httponly"]
        assert not cookie["domain"]


def test_an_answer_by_form_post_comes_back_by_get_and_hands_over(tenant: Tenant) -> None:
    tenant(form_post=True)
    caller, abroad = Caller(), Client(enforce_csrf_checks=True)
    started = caller.client.get("/openid/town/login")
    (state,) = parse_qs(urlsplit(started["Location"]).query)["state"]
    posted = abroad.post("/openid/town/callback", {"code": "bob", "state": state})
    back, _, key = posted["Location"].partition("?posted=")
    assert (posted.status_code, back) == (303, "/openid/town/callback")
    assert offered(posted) == set()
    caller.client.cookies.load(abroad.cookies)
    finished = caller.client.get(back, {"posted": key})
    assert (finished.status_code, finished["Location"]) == (303, "/")
    assert offered(finished) == {"tokens_key", "authProvider"}


def test_on_https_the_cookies_are_secure(caller: Caller, settings: Any) -> None:
    settings.SESSION_COOKIE_SECURE = True
    back = caller.hand_over()
    assert back.cookies["tokens_key"]["secure"]
    assert back.cookies["authProvider"]["secure"]


def test_next_is_kept_and_a_foreign_one_dropped(caller: Caller) -> None:
    assert caller.hand_over(next_url="/account/sessions")["Location"] == "/account/sessions"
    assert Caller().hand_over(next_url="https://evil.example/")["Location"] == "/"


def test_the_sources_own_landing_page_comes_before_the_front_page(tenant: Tenant) -> None:
    tenant(columns={"after_login": "/account/sign-ins"})
    assert Caller().hand_over()["Location"] == "/account/sign-ins"


def test_the_pair_opens_the_persons_details_and_belongs_to_the_browsers_session(
    caller: Caller,
) -> None:
    caller.hand_over()
    answer = caller.fetch()
    assert answer.status_code == 200
    assert answer["Cache-Control"] == "no-store"
    assert set(answer.json()) == {
        "access_token",
        "refresh_token",
        "token_type",
        "expires",
        "expires_in",
    }
    assert caller.get().json()["User"]["role"] == "USER"
    assert StoredSession.objects.get().kind == "browser"
    assert caller.get("/auth/session").json()["type"] == "tenant"


def test_the_pair_is_fetched_by_post_too_where_the_identifier_stands_in_no_address(
    caller: Caller,
) -> None:
    caller.hand_over()
    identifier = caller.client.cookies["tokens_key"].value
    assert caller.post("/openid/town/tokens", {"identifier": identifier}).status_code == 200


def test_the_cookies_are_gone_after(caller: Caller) -> None:
    caller.hand_over()
    gone = caller.fetch()
    assert gone.cookies["tokens_key"]["max-age"] == 0
    assert gone.cookies["authProvider"]["max-age"] == 0


def nothing_there(answer: Any) -> bool:
    return bool(answer.status_code == 404 and answer.json()["error"] == "invalid_grant")


def test_u06_an_identifier_is_worth_something_once(caller: Caller) -> None:
    caller.hand_over()
    identifier = caller.client.cookies["tokens_key"].value
    caller.fetch()
    caller.client.cookies["tokens_key"] = identifier
    assert nothing_there(caller.fetch())


def test_an_identifier_is_worth_something_for_two_minutes(caller: Caller) -> None:
    caller.hand_over()
    with time_machine.travel(timezone.now() + timedelta(seconds=121)):
        assert nothing_there(caller.fetch())
        assert handover.clear_expired() == 1
    assert not HandOver.objects.exists()


def test_an_identifier_is_worth_nothing_without_its_cookie(caller: Caller) -> None:
    caller.hand_over()
    identifier = str(caller.client.cookies["tokens_key"].value)
    thief = Caller()
    assert nothing_there(thief.fetch(identifier=identifier))
    thief.client.cookies["tokens_key"] = "another"
    assert nothing_there(thief.fetch(identifier=identifier))
    assert caller.fetch().status_code == 200


def test_e07_an_identifier_that_a_neighbour_plants_is_worth_nothing(
    caller: Caller, person: User
) -> None:
    """Its page has to know the names of the two cookies, so they cannot begin with `__Host-`."""
    caller.hand_over(subject="mallory")
    victim = Caller()
    victim.client.cookies["tokens_key"] = str(caller.client.cookies["tokens_key"].value)
    assert nothing_there(victim.fetch())
    sign_in(victim.client)
    assert nothing_there(victim.fetch())
    assert caller.fetch().status_code == 200


def test_an_identifier_belongs_to_its_source(caller: Caller, tenant: Tenant) -> None:
    tenant("school")
    caller.hand_over()
    assert nothing_there(caller.fetch("school"))
    assert caller.fetch("town").status_code == 200


@pytest.mark.parametrize("query", ["", "?identifier=", "?identifier=x", "?identifier=%00"])
def test_no_identifier_is_nothing_to_fetch(caller: Caller, query: str) -> None:
    answer = caller.client.get(f"/openid/town/tokens{query}")
    assert answer.status_code in {400, 404}
    assert b"access_token" not in answer.content


def test_a_repeated_or_malformed_identifier_is_a_bad_request(caller: Caller) -> None:
    for query in ("?identifier=a&identifier=b", f"?identifier={'x' * 2000}"):
        answer = caller.client.get(f"/openid/town/tokens{query}")
        assert answer.status_code == 400
    for body in ("[]", '{"identifier": 7}', '{"identifier": null}'):
        assert caller.post("/openid/town/tokens", body).status_code == 400


def test_x08_u06_of_twenty_parallel_redemptions_one_wins(caller: Caller) -> None:
    caller.hand_over()
    held = {name: morsel.value for name, morsel in caller.client.cookies.items()}

    def fetch() -> Any:
        own = Caller()
        own.client.cookies.load(held)
        return own.fetch()

    answers = parallel(20, fetch)
    assert sorted(answer.status_code for answer in answers) == [200] + [404] * 19


def test_what_waits_ends_with_its_session(caller: Caller) -> None:
    caller.hand_over()
    cookie = caller.client.cookies["tokens_key"].value
    caller.client.post("/auth/logout")
    assert not HandOver.objects.exists()
    assert nothing_there(caller.fetch(identifier=str(cookie)))


def test_a_person_who_awaits_access_gets_nothing_to_fetch(tenant: Tenant) -> None:
    tenant(columns={"require_assignment": True})
    back = Caller().hand_over()
    assert back["Location"] == "/"
    assert not offered(back)
    assert not HandOver.objects.exists()


def test_a_person_who_is_disabled_in_between_gets_nothing(caller: Caller) -> None:
    caller.hand_over()
    User.objects.update(status="disabled")
    assert nothing_there(caller.fetch())


# --- Signed in already ----------------------------------------------------------------------------


def test_whoever_is_in_has_the_hand_over_at_once(caller: Caller) -> None:
    enter(caller.client, "town")
    back = caller.client.get("/openid/town/login?next=/account/")
    assert (back.status_code, back["Location"]) == (303, "/account/")
    assert offered(back) == {"tokens_key", "authProvider"}
    assert caller.fetch().status_code == 200
    assert StoredSession.objects.count() == 1


@pytest.mark.parametrize("asks", [{"again": "1"}, {"strength": "substantial"}], ids=str)
def test_whoever_must_prove_it_once_more_is_sent_upstream_and_handed_over_anew(
    caller: Caller, asks: dict[str, str]
) -> None:
    caller.hand_over()
    before = StoredSession.objects.get().uid
    started = caller.client.get("/openid/town/login", {"next": "/map", **asks})
    assert started.status_code == 302
    assert not offered(started)
    asked = {k: v[0] for k, v in parse_qs(urlsplit(started["Location"]).query).items()}
    assert asked["prompt"] == "login"
    answer = {"code": "bob", "state": asked["state"]}
    if "again" in asks:
        back = caller.client.get("/openid/town/callback", answer)
        assert (back["Location"], len(offered(back))) == ("/map", 2)
        assert StoredSession.objects.get().uid != before


def test_x03_whoever_is_in_by_another_source_is_asked_first(caller: Caller, person: User) -> None:
    sign_in(caller.client)
    asked = caller.client.get("/openid/town/login?next=/account/")
    assert asked.status_code == 200
    assert not offered(asked)
    assert StoredSession.objects.get().type == "local"
    posted = caller.client.post("/openid/town/login?next=/account/", {"switch": "1"})
    switched = onward(caller.client, posted)
    assert switched["Location"] == "/openid/town/login?next=%2Faccount%2F"
    assert not StoredSession.objects.exists()


def test_x03_an_answer_for_somebody_else_swaps_nobody_silently(caller: Caller) -> None:
    caller.hand_over(subject="bob")
    browser = Caller()
    started = browser.client.get("/openid/town/login")
    state = parse_qs(urlsplit(started["Location"]).query)["state"][0]
    for name, morsel in browser.client.cookies.items():
        caller.client.cookies[name] = morsel.value
    back = caller.client.get("/openid/town/callback", {"code": "eve", "state": state})
    assert back["Location"] == "/openid/town/login?next=%2F&switch=1"
    assert not offered(back)
    assert StoredSession.objects.get().subject == "bob"


# --- Answers that must not be believed ------------------------------------------------------------


@pytest.mark.parametrize("query", ["", "?code=bob", "?code=bob&state=x", "?error=access_denied"])
def test_an_answer_without_its_state_ends_on_the_failure_page(caller: Caller, query: str) -> None:
    back = caller.client.get(f"/openid/town/callback{query}")
    assert back["Location"].startswith("/login/failed/")
    assert not offered(back)
    assert not StoredSession.objects.exists()


def test_an_answer_at_the_other_road_is_refused(caller: Caller) -> None:
    """The redirect URI that was asked for is the one that counts (RFC 9700, 4.4)."""
    for there, here in (("openid/town/login", "auth/callback/town"),
                        ("auth/login/town", "openid/town/callback")):  # fmt: skip
        started = caller.client.get(f"/{there}")
        state = parse_qs(urlsplit(started["Location"]).query)["state"][0]
        back = caller.client.get(f"/{here}", {"code": "bob", "state": state})
        assert back["Location"].startswith("/login/failed/")
    assert not StoredSession.objects.exists()


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PROPFIND", "HEAD"])
def test_x01_a_callback_is_a_get(caller: Caller, method: str) -> None:
    answer = caller.client.generic(method, "/openid/town/callback?code=bob&state=x")
    assert answer.status_code == 405


def test_x01_a_parameter_that_comes_twice_is_refused(caller: Caller) -> None:
    started = caller.client.get("/openid/town/login")
    state = parse_qs(urlsplit(started["Location"]).query)["state"][0]
    for query in (f"code=bob&code=eve&state={state}", f"code=bob&state={state}&state=x"):
        back = caller.client.get(f"/openid/town/callback?{query}")
        assert back["Location"].startswith("/login/failed/")
    both = {"code": "bob", "error": "access_denied", "state": state}
    caller.client.get("/openid/town/callback", both)
    assert not StoredSession.objects.exists()


@pytest.mark.parametrize("slug", ["..", "Town", "town%2f..", "t%C3%B6wn", "nowhere", "town "])
def test_x02_a_name_that_is_no_source_is_not_found(caller: Caller, slug: str) -> None:
    for page in ("login", "callback"):
        assert caller.client.get(f"/openid/{slug}/{page}").status_code == 404


@pytest.mark.remembers
def test_x05_of_twenty_parallel_callbacks_one_makes_a_session(
    caller: Caller, peer: Upstream
) -> None:
    started = caller.client.get("/openid/town/login")
    state = parse_qs(urlsplit(started["Location"]).query)["state"][0]
    held = {name: morsel.value for name, morsel in caller.client.cookies.items()}

    def answer() -> Any:
        own = Caller()
        for name, value in held.items():
            own.client.cookies[name] = value
        return own.client.get("/openid/town/callback", {"code": "bob", "state": state})

    answers = parallel(20, answer)
    assert StoredSession.objects.count() == 1
    assert peer.asked["/token"] == 1
    assert sum(bool(offered(each)) for each in answers) == 1


def test_x06_an_upstream_that_is_down_is_said_on_the_failure_page(
    caller: Caller, peer: Upstream
) -> None:
    peer.mood = "failing"
    back = caller.hand_over()
    code = back["Location"].split("/")[3].split("?")[0]
    assert Event.objects.get(support_code=code).reason == "temporarily-unavailable"
    assert not offered(back)


def test_a_prefetch_starts_nothing(caller: Caller) -> None:
    answer = caller.client.get("/openid/town/login", headers={"Sec-Purpose": "prefetch"})
    assert answer.status_code == 204
    assert not answer.cookies


def test_a_form_source_is_entered_by_its_form(caller: Caller, person: User) -> None:
    assert caller.client.get("/openid/local/login")["Location"] == "/auth/login/local"


def test_a_source_with_a_form_forgets_nothing_on_the_way_to_it(
    caller: Caller, person: User
) -> None:
    sign_in(caller.client)
    form = caller.client.get("/openid/local/login?next=/map/&again=1&strength=low&max_age=60")
    parts = urlsplit(form["Location"])
    asked = {"next": ["/map/"], "again": ["1"], "strength": ["low"], "max_age": ["60"]}
    assert (parts.path, parse_qs(parts.query)) == ("/auth/login/local", asked)
    page = caller.client.get(form["Location"])
    assert page.status_code == 200  # asked once more, and not sent on
    elsewhere = caller.client.get("/openid/local/login?next=https://evil.example/")
    assert elsewhere["Location"] == "/auth/login/local"


def test_an_upstream_with_one_fixed_way_back_hands_over_too(tenant: Tenant) -> None:
    tenant(unsolicited=True)
    caller = Caller()
    started = caller.client.get("/openid/town/login")
    asked = {k: v[0] for k, v in parse_qs(urlsplit(started["Location"]).query).items()}
    back = caller.client.get("/auth/callback/town", {"code": "bob", "state": asked["state"]})
    assert back["Location"] == "/openid/town/login"
    landed = caller.client.get(back["Location"])
    assert landed["Location"] == "/"
    assert offered(landed) == {"tokens_key", "authProvider"}
    caller.fetch()
    assert is_alive(caller)


def test_x09_x12_x13_the_pages_on_this_road_are_neither_framed_nor_kept(
    caller: Caller, person: User
) -> None:
    sign_in(caller.client)
    page = caller.client.get("/openid/town/login")
    assert page["X-Frame-Options"] == "DENY"
    assert "frame-ancestors 'none'" in page["Content-Security-Policy"]
    assert page["Cache-Control"] == "no-store"


def test_no_client_state_is_needed(caller: Caller) -> None:
    assert Client().get("/openid/town/tokens?identifier=x").status_code == 404
