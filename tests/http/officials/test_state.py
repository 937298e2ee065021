"""docs/contract.md 5: a state that is missing or unknown ends the attempt, forgets nothing else and
never loops. The rows of docs/threats.md 4.1 on the callback, and W2, W4, W5, W10 and W11.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.test import Client

from accounts.models import StoredSession, User
from accounts.session import people
from tests.http.conftest import stored
from tests.http.officials.conftest import Counter, sessions
from tests.http.oidc.browser import Browser
from tests.http.oidc.conftest import failure
from tests.peers.certified import Certified

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.wire]

WRONG: dict[str, Callable[[str], dict[str, str]]] = {
    "missing": lambda _: {},
    "empty": lambda _: {"state": ""},
    "wrong": lambda _: {"state": "0" * 32},
    "longer-with-the-same-prefix": lambda state: {"state": state + "0"},
    "shorter": lambda state: {"state": state[:-1]},
    "another-case": lambda state: {"state": state.swapcase()},
}


def flows(client: Client) -> set[str]:
    """Return the names of the flow cookies that a browser still has."""
    return {n for n, cookie in client.cookies.items() if n.startswith("vf-") and cookie.value}


def state_of(url: str) -> str:
    return parse_qs(urlsplit(url).query)["state"][0]


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG)
def test_a_wrong_state_ends_the_attempt_and_kills_no_other_tab(
    counter: Counter, browser: Browser, provider: Certified, wrong: Callable[[str], dict[str, str]]
) -> None:
    counter()
    answer = browser.go(browser.start("town"))
    before = flows(browser.site)
    provider.forget_requests()
    values = {"code": answer.values["code"], **wrong(answer.values["state"])}
    response = browser.site.get(answer.path, values)
    assert failure(response).reason == "login-failed"
    assert provider.requests("/token") == []
    assert flows(browser.site) == before
    assert browser.deliver(answer)["Location"] == "/"  # the other tab comes in
    assert sessions() == 1


def test_a_right_state_without_its_cookie_is_no_login(
    counter: Counter, browser: Browser, provider: Certified
) -> None:
    counter()
    answer = browser.go(browser.start("town"))
    stranger = Browser(Client())
    provider.forget_requests()
    assert failure(stranger.deliver(answer)).reason == "login-failed"
    assert provider.requests("/token") == []


def test_a_junk_link_throws_nobody_out(newcomer: User, browser: Browser) -> None:
    uid = stored(browser.site).uid
    for query in ({}, {"code": "x"}, {"code": "x", "state": "y"}, {"error": "access_denied"}):
        assert failure(browser.site.get("/auth/callback/town", query)).reason == "login-failed"
    assert stored(browser.site).uid == uid
    assert browser.session()["isLoggedIn"] is True


def test_a_failed_attempt_never_loops(counter: Counter, browser: Browser) -> None:
    counter()
    browser.site.cookies["vf-00000000"] = "broken"
    for _number in range(5):
        response = browser.site.get("/auth/callback/town", {"code": "x", "state": "y"})
        shown = browser.site.get(response["Location"])
        assert shown.status_code in {400, 403}  # a page, not the next redirect
        assert "Location" not in shown.headers
    assert browser.sign_in("town")["Location"] == "/"  # and the next attempt works


# --- Weaknesses of before -------------------------------------------------------------------------


def test_w2_the_state_is_no_session_key(counter: Counter, browser: Browser) -> None:
    counter()
    answer = browser.go(browser.start("town"))
    state = answer.values["state"]
    thief = Client()
    thief.cookies["vestibule"] = state
    browser.deliver(answer)
    cookie = browser.site.cookies["vestibule"].value
    assert state not in cookie
    assert thief.get("/auth/session").json()["isLoggedIn"] is False
    row = stored(browser.site)
    assert state not in {row.session_key, row.uid, row.state_digest}


def test_w2_the_state_counts_once(newcomer: User, counter: Counter) -> None:
    people.admit(newcomer)
    one = Browser(Client(), "bob")
    answer = one.go(one.start("town"))
    kept = one.site.cookies.copy()
    one.deliver(answer)
    again = Client()
    again.cookies = kept
    again.get(answer.path, answer.values)
    assert again.get("/auth/session").json()["isLoggedIn"] is False


def test_w2_a_session_that_was_planted_before_the_login_is_worth_nothing_after(
    counter: Counter, browser: Browser
) -> None:
    counter()
    planted = "planted-by-somebody-else-0123456789"
    browser.site.cookies["vestibule"] = planted
    browser.sign_in("town")
    assert browser.site.cookies["vestibule"].value != planted
    thief = Client()
    thief.cookies["vestibule"] = planted
    assert thief.get("/auth/session").json()["isLoggedIn"] is False


def test_w4_no_cookie_and_no_state_are_not_equal(
    counter: Counter, client: Client, provider: Certified
) -> None:
    counter()
    provider.forget_requests()
    assert failure(client.get("/auth/callback/town", {"code": "x"})).reason == "login-failed"
    assert provider.requests() == []
    assert not StoredSession.objects.exists()


def test_w5_no_redirect_can_be_kept_by_a_cache(counter: Counter, browser: Browser) -> None:
    counter()
    start = browser.site.get("/auth/login/town")
    done = browser.deliver(browser.go(start["Location"]))
    left = browser.leave()
    back = browser.site.get("/auth/logout/done")
    formerly = browser.site.get("/logout/")
    for response in (start, done, left, back, formerly):
        assert response.status_code in {302, 303}
        assert response["Cache-Control"] == "no-store"


def test_w5_each_start_has_a_state_of_its_own(counter: Counter, browser: Browser) -> None:
    counter()
    assert len({state_of(browser.start("town")) for _number in range(4)}) == 4


def test_w3_state_nonce_and_s256_are_on_the_wire(counter: Counter, browser: Browser) -> None:
    counter()
    asked = parse_qs(urlsplit(browser.start("town")).query)
    assert asked["code_challenge_method"] == ["S256"]
    assert len(asked["code_challenge"][0]) == 43
    assert len({asked[name][0] for name in ("state", "nonce", "code_challenge")}) == 3


def test_w10_cookies_are_out_of_reach_of_scripts_and_other_sites(
    counter: Counter, browser: Browser
) -> None:
    counter()
    browser.start("town")
    flow = next(iter(flows(browser.site)))
    browser.sign_in("town")
    for name in (flow, "vestibule"):
        cookie = browser.site.cookies[name]
        assert (cookie["httponly"], cookie["samesite"]) == (True, "Lax")


def test_w10_a_cookie_is_taken_back_as_it_was_given(counter: Counter, browser: Browser) -> None:
    counter()
    browser.sign_in("town")
    given = browser.site.cookies["vestibule"]
    before = {name: given[name] for name in ("path", "domain", "samesite")}
    browser.leave()
    gone = browser.site.cookies["vestibule"]
    assert (gone.value, gone["max-age"]) == ("", 0)
    assert {name: gone[name] for name in before} == before


@pytest.mark.parametrize(
    "wrong",
    [
        {"required_role": "nobody-has-it", "required_role_claim": "realm_access.roles"},
        {"client_secret": "not-the-secret-0123456789abcdef0123"},
    ],
    ids=["no-role", "the-provider-refuses-us"],
)
def test_w11_a_login_that_fails_leaves_nothing_behind(
    counter: Counter, browser: Browser, wrong: dict[str, Any]
) -> None:
    counter(**wrong)
    response = browser.sign_in("town")
    assert failure(response)
    assert flows(browser.site) == set()
    assert not StoredSession.objects.exists()
    assert "vestibule" not in browser.site.cookies or not browser.site.cookies["vestibule"].value
