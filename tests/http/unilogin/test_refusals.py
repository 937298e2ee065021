"""Who is not let in, what they are told, and that nobody who is refused stays signed in there."""

from __future__ import annotations

import time
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts import outbox
from accounts.models import Identity, OutboxItem, StoredSession, StoredTokens, User
from tests.http.conftest import sign_in
from tests.http.oidc.conftest import failure
from tests.http.onward import onward
from tests.http.unilogin.conftest import Make, later
from tests.http.unilogin.liar import Liar
from tests.http.unilogin.standin import Browser, Standin, outbound
from tests.peers.tampering import REMOVED, Page, page

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.wire]

REFUSED = {
    "another-municipality": "Bo",
    "no-licence": "Nils",
    "no-institution": "Vera",
    "a-test-institution": "Test",
}


def assert_nobody_came_in(browser: Browser) -> None:
    assert browser.session() == {"isLoggedIn": False, "type": "anonymous"}
    assert not StoredSession.objects.exists()
    assert not StoredTokens.objects.exists()
    assert not User.objects.exists()
    assert not Identity.objects.exists()


@pytest.mark.parametrize("who", REFUSED.values(), ids=REFUSED)
def test_a_refused_person_is_signed_out_at_the_broker_first(
    browser: Browser, source: Make, standin: Standin, who: str
) -> None:
    source()
    with outbound() as called:
        response = browser.enter(who, "/account/apps")
        assert called()[-1] == "logout"
    event = failure(response)
    assert event.reason == "not-authorized"
    told = browser.site.get(response["Location"])
    assert told.status_code == 403
    assert event.support_code in told.content.decode()
    assert standin.signed_in() == set()
    assert not OutboxItem.objects.exists()
    assert_nobody_came_in(browser)


def test_why_somebody_was_refused_stands_in_the_event_without_saying_who(
    browser: Browser, source: Make
) -> None:
    source()
    told = {who: failure(browser.enter(who)).detail for who in REFUSED.values()}
    assert "licence" in told["Nils"]
    assert "municipality" in told["Bo"]
    assert "institution" in told["Vera"]
    for detail in told.values():
        assert not {"A10101", "A14701", "boxx1234", "nils1234"} & set(detail.split())


def test_each_refusal_is_explained_and_names_whom_to_ask(browser: Browser, source: Make) -> None:
    source()
    said = {}
    for who in ("Nils", "Vera", "Bo"):
        page = browser.site.get(browser.enter(who)["Location"]).content.decode()
        said[who] = page
        assert "Sign in as somebody else" in page
    assert "your school has no licence" in said["Nils"]
    assert "Ask your school" in said["Nils"]
    assert "does not say which school you belong to" in said["Vera"]
    assert "Ask the office of your school" in said["Vera"]
    assert "in a municipality that this service is not for" in said["Bo"]
    assert "Ask the library where your school is" in said["Bo"]


@pytest.mark.parametrize("language", ["da", "de"])
def test_the_refusals_read_apart_in_each_language(
    browser: Browser, source: Make, language: str
) -> None:
    source()
    browser.site.cookies["vestibule-language"] = language
    said = set()
    for who in ("Nils", "Vera", "Bo"):
        problem = browser.site.get(browser.enter(who)["Location"]).context["problem"]
        said.add((str(problem["sentence"]), str(problem["advice"])))
    assert len({sentence for sentence, _advice in said}) == 3
    assert len({advice for _sentence, advice in said}) == 3
    assert not any("school" in sentence for sentence, _advice in said)  # it is translated


LOGOUT_IN_TROUBLE = {
    "500": page(500),
    "404": page(404),
    "hanging": page(200, after=8),
}


@pytest.mark.parametrize("trouble", LOGOUT_IN_TROUBLE.values(), ids=LOGOUT_IN_TROUBLE)
def test_a_refusal_that_the_broker_does_not_hear_of_is_told_later(
    client: Client, source: Make, liar: Liar, trouble: Page
) -> None:
    source(**liar.settings())
    liar.introspection["institution_ids"] = "[A14701]"
    good, liar.op.answers["end_session"] = liar.op.answers["end_session"], trouble
    assert failure(liar.enter(client)).reason == "not-authorized"
    assert OutboxItem.objects.count() == 1
    assert not StoredSession.objects.exists()
    liar.op.answers["end_session"] = good
    with later(60):
        assert outbox.deliver_due(timezone.now()) == 1
    [hint] = liar.left
    assert set(hint) == {"id_token_hint", "client_id"}
    assert not OutboxItem.objects.exists()


def test_a_refusal_that_is_told_later_ends_no_session_that_came_after(
    client: Client, source: Make, liar: Liar
) -> None:
    source(**liar.settings())
    good, liar.op.answers["introspect"] = liar.op.answers["introspect"], page(200, after=8)
    assert failure(liar.enter(client)).reason == "temporarily-unavailable"
    assert OutboxItem.objects.count() == 1
    liar.op.answers["introspect"] = good
    assert liar.enter(client)["Location"] == "/account/"
    with later(60):
        assert outbox.deliver_due(timezone.now()) == 0
    assert liar.left == []
    assert not OutboxItem.objects.exists()


LIES: dict[str, dict[str, Any]] = {
    "the-licence-is-missing": {"claims": {"has_license": REMOVED}},
    "the-licence-is-null": {"claims": {"has_license": None}},
    "the-licence-is-empty": {"claims": {"has_license": ""}},
    "the-licence-is-a-number": {"claims": {"has_license": 1}},
    "the-licence-is-a-list": {"claims": {"has_license": ["true"]}},
    "the-licence-is-False": {"claims": {"has_license": "False"}},
    "the-licence-is-false": {"claims": {"has_license": False}},
    "the-introspection-denies-the-licence": {"introspection": {"has_license": "false"}},
    "the-userinfo-denies-the-licence": {"userinfo": {"has_license": False}},
    "no-institutions": {"introspection": {"institution_ids": REMOVED}},
    "institutions-as-null": {"introspection": {"institution_ids": None}},
    "institutions-as-an-object": {"introspection": {"institution_ids": {"A10101": True}}},
    "institutions-as-a-number": {"introspection": {"institution_ids": 10101}},
    "institutions-that-are-none": {"introspection": {"institution_ids": "[../../A10101]"}},
    "unknown-institutions": {"introspection": {"institution_ids": "[Z99999,Z99998]"}},
}


def reason_of(client: Client, liar: Liar, lie: dict[str, Any]) -> str:
    """Return why nobody comes in with a lie, and is left signed in neither here nor there."""
    liar.op.claims |= lie.get("claims", {})
    liar.op.userinfo |= lie.get("userinfo", {})
    liar.introspection |= lie.get("introspection", {})
    reason = failure(liar.enter(client)).reason
    assert len(liar.left) == 1
    assert_nobody_came_in(Browser(client))
    return reason


@pytest.mark.parametrize("lie", LIES.values(), ids=LIES)
def test_what_is_missing_or_not_understood_is_a_no(
    client: Client, source: Make, liar: Liar, lie: dict[str, Any]
) -> None:
    source(**liar.settings())
    assert reason_of(client, liar, lie) == "not-authorized"


BROKEN: dict[str, dict[str, Any]] = {
    "not-active": {"introspection": {"active": False}},
    "active-as-text": {"introspection": {"active": "true"}},
    "active-missing": {"introspection": {"active": REMOVED}},
    "introspection-of-somebody-else": {"introspection": {"sub": "somebody-else"}},
    "uniid-missing": {"introspection": {"uniid": REMOVED}},
    "uniid-empty": {"introspection": {"uniid": ""}},
    "uniid-no-text": {"introspection": {"uniid": ["liar1234"]}},
    "uniid-endless": {"introspection": {"uniid": "x" * 5000}},
    "uniid-not-that-of-the-id-token": {"claims": {"uniid": "other123"}},
    "userinfo-of-somebody-else": {"userinfo": {"sub": "somebody-else"}},
    "userinfo-of-nobody": {"userinfo": {"sub": REMOVED}},
}


@pytest.mark.parametrize("lie", BROKEN.values(), ids=BROKEN)
def test_answers_that_do_not_fit_together_make_no_session_and_leave_none_there(
    client: Client, source: Make, liar: Liar, lie: dict[str, Any]
) -> None:
    source(**liar.settings())
    assert reason_of(client, liar, lie) == "login-failed"


def test_somebody_who_presses_cancel_is_told_so(browser: Browser, source: Make) -> None:
    source()
    event = failure(browser.enter(""))
    assert event.reason == "cancelled"
    assert_nobody_came_in(browser)


def test_a_person_who_was_refused_may_sign_in_as_somebody_else(
    browser: Browser, source: Make
) -> None:
    source()
    failure(browser.enter("Bo"))
    assert browser.enter("Ida")["Location"] == "/account/"


def test_a_person_whom_an_administrator_must_make_first_is_signed_out_there_too(
    browser: Browser, source: Make, standin: Standin
) -> None:
    source(columns={"enroll": False})
    assert failure(browser.enter("Ida")).reason == "not-registered"
    assert standin.signed_in() == set()


@pytest.mark.parametrize("signed_in", [False, True])
def test_whoever_is_refused_is_signed_out_there_unless_signed_in_here(
    browser: Browser, source: Make, standin: Standin, signed_in: bool
) -> None:
    source()
    if signed_in:
        browser.enter("Ida")
    browser.who = "Ida"
    begun = browser.start("unilogin", "/account/", strength="substantial")
    assert failure(browser.deliver(browser.go(begun))).reason == "too-weak"
    source(municipalities=["147"])
    begun = browser.start("unilogin", again="1")
    assert failure(browser.deliver(browser.go(begun))).reason == "not-authorized"
    assert bool(standin.signed_in()) is signed_in
    assert browser.session()["isLoggedIn"] is signed_in


def test_who_comes_while_somebody_else_is_signed_in_is_signed_out_there(
    browser: Browser, source: Make, standin: Standin, person: User
) -> None:
    """Two tabs begin; the other one is the first to come back. Asked whether to switch, the person
    may well stay, and nobody would end what is at the broker.
    """
    source()
    browser.who = "Ida"
    late = browser.go(browser.start("unilogin"))
    sign_in(browser.site)
    assert standin.signed_in()
    asked = browser.deliver(late)
    assert "switch=1" in asked["Location"]
    assert standin.signed_in() == set()
    assert browser.session()["type"] == "local"


@pytest.mark.parametrize("changed", [{}, {"sub": "another"}], ids=str)
def test_trouble_signs_nobody_out_there_by_whose_session_they_are_here(
    client: Client, source: Make, liar: Liar, changed: dict[str, str]
) -> None:
    source(**liar.settings())
    liar.op.claims["auth_time"] = int(time.time())
    liar.enter(client)
    liar.op.claims |= changed
    liar.op.answers["introspect"] = page(500)
    asked = client.get("/auth/login/unilogin", {"again": "1"})["Location"]
    refused = client.get("/auth/callback/unilogin", liar.op.authorize(asked))
    assert failure(refused).reason == "temporarily-unavailable"
    assert len(liar.left) == len(changed)
    assert client.get("/auth/session").json()["isLoggedIn"]


def test_whoever_is_linked_to_somebody_else_is_signed_out_there(
    browser: Browser, source: Make, standin: Standin, person: User
) -> None:
    source()
    other = Browser(Client())
    other.enter("Ida")
    other.leave()
    sign_in(browser.site)
    asked = onward(browser.site, browser.site.post("/account/sign-ins", {"link": "unilogin"}))
    browser.who = "Ida"
    refused = failure(browser.deliver(browser.go(asked["Location"])))
    assert "somebody else" in refused.detail
    assert standin.signed_in() == set()


def test_a_test_institution_comes_in_only_where_it_is_configured(source: Make) -> None:
    source()
    source("unilogin-test", test_institutions=["a04441"])
    assert failure(Browser(Client()).enter("Test")).reason == "not-authorized"
    tester = Browser(Client())
    assert tester.enter("Test", slug="unilogin-test")["Location"] == "/account/"
    assert tester.session()["uniLoginUserInfo"]["institutionIds"] == ["A04441"]


def test_a_test_institution_is_not_looked_up(source: Make, standin: Standin) -> None:
    source(test_institutions=["A04441"])
    standin.service_trouble("down")
    assert Browser().enter("Test")["Location"] == "/account/"


def test_a_source_for_tests_alone_lets_nobody_else_in(browser: Browser, source: Make) -> None:
    source(municipalities=[], test_institutions=["A04441"])
    assert failure(browser.enter("Ida")).reason == "not-authorized"
