"""What docs/threats.md 2.8 and 2.9 expect of Unilogin: the rows of its table, and its tests as
cases.
"""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from accounts.models import Event, StoredSession, User
from tests.http.conftest import sign_in, stored
from tests.http.oidc.conftest import failure
from tests.http.unilogin.conftest import Make, later
from tests.http.unilogin.liar import Liar
from tests.http.unilogin.standin import Answer, Browser, Standin, outbound

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.wire]
ANONYMOUS = {"isLoggedIn": False, "type": "anonymous"}


@pytest.fixture
def ida(browser: Browser, source: Make) -> Browser:
    source()
    assert browser.enter("Ida")["Location"] == "/account/"
    return browser


# --- 4: expected behaviour of a session -----------------------------------------------------------


def test_row_3_whoever_is_signed_in_goes_to_the_profile_and_not_to_the_choice(
    ida: Browser,
) -> None:
    assert ida.site.get("/login")["Location"] == "/account/"
    assert ida.site.get("/auth/login/unilogin")["Location"] == "/account/"
    assert ida.site.get("/account/").status_code == 200


def test_row_4_whoever_wants_the_other_type_leaves_first(
    ida: Browser, person: User, standin: Standin
) -> None:
    asked = sign_in(ida.site)
    assert asked.status_code in {200, 303}
    assert ida.session()["type"] == "unilogin"
    assert StoredSession.objects.count() == 1
    ida.site.post("/auth/login/local", {"switch": "1"})
    assert ida.session() == ANONYMOUS
    assert standin.signed_in() == set()
    sign_in(ida.site)
    assert ida.session()["type"] == "local"


def test_row_6_a_session_that_ran_out_is_over(ida: Browser) -> None:
    with later(1800):
        assert ida.session() == ANONYMOUS


def test_row_10_leaving_ends_it_there_and_here_and_lands_on_the_front_page(
    ida: Browser, standin: Standin
) -> None:
    response = ida.leave()
    assert response["Location"] == "/"
    assert standin.signed_in() == set()
    assert ida.session() == ANONYMOUS


def test_row_11_the_profile_is_closed_to_strangers(client: Client, source: Make) -> None:
    source()
    assert client.get("/account/")["Location"] == "/login?next=%2Faccount%2F"


def test_row_12_a_broken_session_ends_as_anonymous_on_the_front_page(ida: Browser) -> None:
    StoredSession.objects.update(session_data="broken")
    response = ida.leave()
    assert (response.status_code, response["Location"]) == (303, "/")
    assert ida.session() == ANONYMOUS
    assert not StoredSession.objects.exists()


# --- 5: their tests as cases ----------------------------------------------------------------------


def test_case_2_the_button_leads_to_the_login_route(client: Client, source: Make) -> None:
    source()
    assert "/auth/login/unilogin" in client.get("/login?choose=1").content.decode()
    [listed] = [s for s in client.get("/auth/sources").json() if s["slug"] == "unilogin"]
    assert (listed["type"], listed["kind"]) == ("unilogin", "redirect")
    assert listed["loginUrl"].endswith("/auth/login/unilogin")


def test_case_4_a_good_callback_ends_on_the_profile(browser: Browser, source: Make) -> None:
    source()
    assert browser.enter("Ida")["Location"] == "/account/"
    assert browser.site.get("/account/").status_code == 200


def test_case_4_a_callback_without_a_start_ends_nowhere(client: Client, source: Make) -> None:
    source()
    with outbound() as called:
        failed = client.get("/auth/callback/unilogin", {"code": "a", "session_state": "b"})
        assert called() == []
    assert failure(failed).reason == "login-failed"


def test_case_6_logout_ends_on_the_front_page(ida: Browser) -> None:
    click = {
        "Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document",
    }  # fmt: skip
    assert ida.site.get("/auth/logout", headers=click)["Location"] == "/"
    assert ida.session() == ANONYMOUS


def test_case_10_back_to_the_page_that_one_came_from(browser: Browser, source: Make) -> None:
    source()
    assert browser.enter("Ida", "/account/apps?work=1")["Location"] == "/account/apps?work=1"


def test_case_16_with_59_seconds_left_it_is_renewed_once(ida: Browser) -> None:
    with later(300 - 29), outbound() as called:
        for _ in range(3):
            assert ida.session()["isLoggedIn"] is True
        assert called() == ["token"]


def test_case_17_with_the_refresh_token_over_it_is_over_once(ida: Browser) -> None:
    with later(1800):
        for _ in range(3):
            assert ida.session() == ANONYMOUS


def test_case_22_strangers_are_told_401_and_pupils_are_not(ida: Browser, client: Client) -> None:
    assert ida.site.get("/auth/session").status_code == 200
    assert Client().get("/auth/session").json() == ANONYMOUS


# --- 5: what nobody tested ------------------------------------------------------------------------

ERRORS = {
    "access_denied": "cancelled",
    "temporarily_unavailable": "temporarily-unavailable",
    "server_error": "temporarily-unavailable",
    "login_required": "login-failed",
    "invalid_request": "login-failed",
    "an_error_of_its_own": "login-failed",
}


@pytest.mark.parametrize(("error", "reason"), ERRORS.items())
def test_an_error_of_the_broker_is_a_page_with_a_reason(
    browser: Browser, source: Make, error: str, reason: str
) -> None:
    source()
    browser.who = "Ida"
    answer = browser.go(browser.start("unilogin"))
    told = {"error": error, "error_description": "<script>", "state": answer.values["state"],
            "iss": answer.values["iss"]}  # fmt: skip
    response = browser.deliver(Answer("GET", answer.url, told))
    event = failure(response)
    assert event.reason == reason
    assert "<script>" not in event.detail


@pytest.mark.parametrize("name", ["code", "state", "iss", "session_state"])
def test_a_repeated_parameter_is_refused(browser: Browser, source: Make, name: str) -> None:
    source()
    browser.who = "Ida"
    answer = browser.go(browser.start("unilogin"))
    values: dict[str, Any] = dict(answer.values)
    values[name] = [values.get(name, "x"), "again"]
    failed = browser.site.get(answer.path, values)
    assert failed.status_code >= 400 or failure(failed).reason == "login-failed"
    assert browser.session() == ANONYMOUS


def test_an_answer_of_another_issuer_is_refused(browser: Browser, source: Make) -> None:
    source()
    browser.who = "Ida"
    answer = browser.go(browser.start("unilogin"))
    values = {**answer.values, "iss": "https://evil.example"}
    assert failure(browser.deliver(Answer("GET", answer.url, values))).reason == "login-failed"


def test_an_answer_at_the_door_of_another_source_is_refused(source: Make) -> None:
    source()
    source("unilogin-test")
    browser = Browser(Client())
    browser.who = "Ida"
    answer = browser.go(browser.start("unilogin"))
    failed = browser.site.get("/auth/callback/unilogin-test", answer.values)
    assert failure(failed).reason == "login-failed"
    assert browser.session() == ANONYMOUS


def test_one_pupil_at_two_sources_is_two_people(source: Make) -> None:
    source()
    source("unilogin-test")
    for slug in ("unilogin", "unilogin-test"):
        assert Browser(Client()).enter("Ida", slug=slug)["Location"] == "/account/"
    assert User.objects.count() == 2


def test_a_pupil_who_comes_back_is_the_same_person(ida: Browser) -> None:
    ida.leave()
    ida.enter("Ida")
    assert User.objects.count() == 1
    assert Event.objects.filter(name="person.enrolled").count() == 1


def test_a_disabled_person_is_not_let_in_and_is_signed_out_there(
    ida: Browser, standin: Standin
) -> None:
    ida.leave()
    User.objects.update(status=User.Status.DISABLED)
    assert failure(ida.enter("Ida")).reason == "disabled"
    assert standin.signed_in() == set()


def test_nothing_of_a_pupil_is_kept_but_what_is_needed(
    client: Client, source: Make, liar: Liar
) -> None:
    liar.op.claims |= {"email": "ida@school.example", "email_verified": True, "cpr": "0101011234"}
    source(**liar.settings())
    liar.enter(client)
    user = User.objects.get()
    assert (user.name, user.email) == ("", "")
    assert stored(client).subject
    assert "0101011234" not in client.get("/auth/session").content.decode()
