"""Each weakness that docs/threats.md 2.10 found in Unilogin's sign-in, shown closed; W names it."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.test import Client
from django.utils import timezone
from structlog.testing import capture_logs

from accounts import outbox
from accounts.models import Event, Source, StoredSession, StoredTokens, User
from accounts.session import people, vault
from accounts.source import catalogue
from portal.configuration import logs
from providers.oidc import discovery
from tests.http.conftest import stored
from tests.http.oidc.conftest import failure
from tests.http.unilogin.conftest import Make, later, typed
from tests.http.unilogin.liar import Liar
from tests.http.unilogin.standin import Answer, Browser, Standin, outbound
from tests.peers import fresh
from tests.sandbox.unilogin.broker import CLIENT_SECRET
from tests.sandbox.unilogin.schools import WS_PASSWORD

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.wire]
ANONYMOUS = {"isLoggedIn": False, "type": "anonymous"}


@pytest.fixture
def ida(browser: Browser, source: Make) -> Browser:
    source()
    assert browser.enter("Ida")["Location"] == "/account/"
    return browser


def answered(browser: Browser, who: str = "Ida") -> Answer:
    """Return the broker's answer, which nobody has delivered yet."""
    browser.who = who
    return browser.go(browser.start("unilogin"))


def changed(answer: Answer, **values: str) -> Answer:
    return Answer(answer.method, answer.url, {**answer.values, **values})


def test_w1_no_page_and_no_answer_shows_a_secret(ida: Browser) -> None:
    paths = ("/", "/login?choose=1", "/account/", "/auth/session", "/auth/sources")
    shown = "".join(ida.site.get(path).content.decode() for path in paths)
    assert CLIENT_SECRET not in shown
    assert WS_PASSWORD not in shown


def test_w3_a_cookie_of_rubbish_is_nobody_and_touches_nobody(ida: Browser) -> None:
    stranger = Client()
    for rubbish in ("Fe26.2*1*a*b*c*d*e*f", "*" * 8, "x" * 4000, "%00%ff", '"'):
        stranger.cookies["vestibule"] = rubbish
        assert stranger.get("/auth/session").json() == ANONYMOUS
    assert ida.session()["user"]["username"] == "idax1234"


@pytest.mark.parametrize("state", ["", "another-state", None], ids=["empty", "foreign", "missing"])
def test_w5_an_answer_without_our_state_makes_no_session(
    browser: Browser, source: Make, state: str | None
) -> None:
    source()
    answer = answered(browser)
    values = {name: value for name, value in answer.values.items() if name != "state"}
    if state is not None:
        values["state"] = state
    failed = browser.deliver(Answer(answer.method, answer.url, values))
    assert failure(failed).reason == "login-failed"
    assert browser.session() == ANONYMOUS


def test_w5_an_answer_that_nobody_asked_for_makes_no_session(source: Make) -> None:
    source()
    victim, attacker = Browser(Client()), Browser(Client())
    failed = victim.deliver(answered(attacker))
    assert failure(failed).reason == "login-failed"
    assert victim.session() == ANONYMOUS


def test_w5_a_code_of_somebody_else_does_not_fit_our_verifier_or_nonce(source: Make) -> None:
    source()
    victim, attacker = Browser(Client()), Browser(Client())
    stolen = answered(attacker, "Tove").values["code"]
    failed = victim.deliver(changed(answered(victim), code=stolen))
    assert failure(failed).reason == "login-failed"
    assert victim.session() == ANONYMOUS


def test_w5_an_id_token_of_another_request_is_refused(
    client: Client, source: Make, liar: Liar
) -> None:
    source(**liar.settings())
    liar.op.claims["nonce"] = "of-another-request"
    assert failure(liar.enter(client)).reason == "login-failed"
    assert liar.op.calls["introspect"] == 0


def test_w5_an_answer_works_once(browser: Browser, source: Make) -> None:
    source()
    answer = answered(browser)
    assert browser.deliver(answer)["Location"] == "/account/"
    with outbound() as called:
        assert browser.deliver(answer)["Location"] == "/account/"  # where they would be anyway
        thief = Browser(Client())
        assert failure(thief.deliver(answer)).reason == "login-failed"
        assert called() == []
    assert StoredSession.objects.count() == 1


def test_w5_an_answer_after_ten_minutes_is_too_late(browser: Browser, source: Make) -> None:
    source()
    answer = answered(browser)
    with later(601):
        failed = browser.deliver(answer)
        assert failed["Location"].startswith("/login/failed/")
        assert browser.session() == ANONYMOUS


def test_w6_other_pages_and_other_tabs_disturb_no_sign_in(browser: Browser, source: Make) -> None:
    source()
    first = answered(browser)
    for path in ("/", "/login?choose=1", "/auth/session", "/auth/login/unilogin"):
        browser.site.get(path)
    failure(browser.site.get("/auth/callback/unilogin", {"code": "x", "state": "junk"}))
    assert browser.deliver(first)["Location"] == "/account/"


def test_w7_a_broker_that_is_down_keeps_nobody_signed_in(ida: Browser, standin: Standin) -> None:
    standin.trouble("down")
    response = ida.leave()
    assert (response.status_code, response["Location"]) == (303, "/")
    assert ida.session() == ANONYMOUS


def test_w7_a_refusal_while_the_broker_is_down_is_a_page_and_no_error(
    client: Client, source: Make, liar: Liar
) -> None:
    source(**liar.settings())
    liar.introspection["institution_ids"] = "[]"
    liar.op.answers["end_session"] = lambda call: (503, b"", "text/html")
    response = liar.enter(client)
    assert failure(response).reason == "not-authorized"
    assert client.get(response["Location"]).status_code == 403


def test_w8_whoever_left_stays_out(ida: Browser) -> None:
    ida.leave()
    for path in ("/", "/login", "/auth/session"):
        ida.site.get(path)
    assert ida.session() == ANONYMOUS
    assert ida.site.get("/account/")["Location"].startswith("/login")


def test_w10_no_secret_is_in_a_log_an_event_or_an_address(
    browser: Browser, source: Make, standin: Standin, caplog: pytest.LogCaptureFixture
) -> None:
    source()
    with capture_logs() as lines:
        start = browser.start("unilogin")
        browser.who = "Ida"
        answer = browser.go(start)
        browser.deliver(answer)
        tokens = vault.tokens_of(typed(browser).uid)
        with later(275):
            browser.session()
        browser.leave()
        failed = browser.enter("Bo")
        standin.service_trouble("fault")
        browser.enter("Tove")
    assert tokens is not None
    written = [logs.redact(None, "", dict(line)) for line in lines]
    said = json.dumps(
        [written, list(Event.objects.values("name", "detail", "reason"))], default=str
    )
    said += caplog.text + failed["Location"]
    secrets = [tokens.access_token, tokens.refresh_token, tokens.id_token, answer.values["code"]]
    secrets += [CLIENT_SECRET, WS_PASSWORD, "idax1234", "boxx1234", "tove1234", "A10101", "eyJ"]
    for secret in secrets:
        assert secret not in said
    assert "code_verifier" not in start
    assert parse_qs(urlsplit(start).query)["state"][0] not in said


def test_w11_the_browser_holds_no_token_and_the_database_only_sealed_ones(ida: Browser) -> None:
    tokens = vault.tokens_of(typed(ida).uid)
    assert tokens is not None
    cookies = {name: morsel.value for name, morsel in ida.site.cookies.items()}
    sealed = StoredTokens.objects.get().sealed
    for token in (tokens.access_token, tokens.refresh_token, tokens.id_token):
        assert token not in json.dumps(cookies)
        assert token not in str(sealed)
    assert ida.site.cookies["vestibule"]["httponly"]
    assert not any("id_token" in name or "type" in name for name in cookies)


def test_w12_e02_a_copied_cookie_is_worthless_after_logout(ida: Browser) -> None:
    thief = Client()
    thief.cookies["vestibule"] = ida.site.cookies["vestibule"].value
    ida.leave()
    assert thief.get("/auth/session").json() == ANONYMOUS


def test_w12_the_session_gets_a_new_name_at_each_sign_in(browser: Browser, source: Make) -> None:
    source()
    first, second = answered(browser), answered(browser)
    browser.deliver(first)
    before = browser.site.cookies["vestibule"].value
    browser.deliver(second)
    assert browser.site.cookies["vestibule"].value != before
    assert StoredSession.objects.count() == 1


def test_w12_an_operator_can_end_it_from_afar(ida: Browser) -> None:
    people.end_with_children(StoredSession.objects.filter(uid=stored(ida.site).uid))
    assert ida.session() == ANONYMOUS


def test_w12_the_broker_can_end_it_from_afar(client: Client, source: Make, liar: Liar) -> None:
    source(**liar.settings())
    liar.enter(client)
    subject = stored(client).subject
    token = liar.op.logout_token({"typ": "JWT"}, sub=subject, typ="Logout")
    form = f"logout_token={token}"
    answer = client.post("/auth/backchannel/unilogin", form, "application/x-www-form-urlencoded")
    assert answer.status_code == 200
    fresh.feed()
    assert client.get("/auth/session").json() == ANONYMOUS


def test_w13_renewed_tokens_are_kept_before_anybody_is_answered(
    ida: Browser, standin: Standin
) -> None:
    before = vault.tokens_of(typed(ida).uid)
    with later(275):
        ida.session()
        kept = vault.tokens_of(typed(ida).uid)
    assert before is not None
    assert kept is not None
    assert kept.refresh_token != before.refresh_token
    provider: Any = catalogue.instance(Source.objects.get(slug="unilogin"))
    assert provider.refresh(kept).access_token  # the kept one is the one that the broker takes
    assert len(standin.kept("spent-refresh")) == 2


@pytest.mark.parametrize("kind", ["down", "slow"])
def test_w14_pages_stand_while_the_broker_does_not(
    ida: Browser, standin: Standin, kind: str
) -> None:
    standin.trouble(kind)
    discovery.kept.clear()
    fresh.caches()
    with later(275):
        assert ida.site.get("/account/").status_code == 200
        assert ida.session()["isLoggedIn"] is True


def test_w15_what_is_known_is_not_asked_again_and_no_description_is_fetched(ida: Browser) -> None:
    with outbound() as called:
        Browser(Client()).enter("Ida")
        asked = called()
    assert sorted(asked) == ["introspect", "token", "userinfo"]
    assert not any("wsdl" in each.lower() or "xsd" in each.lower() for each in asked)


def test_w16_strangers_cause_no_calls(source: Make) -> None:
    source()
    Browser().start("unilogin")
    with outbound() as called:
        for _ in range(5):
            stranger = Client()
            for path in ("/", "/login?choose=1", "/auth/session", "/auth/login/unilogin"):
                stranger.get(path)
            stranger.get("/auth/callback/unilogin", {"code": "x", "state": "y"})
        assert called() == []


def test_w18_nobody_is_signed_out_by_an_image_or_a_foreign_form(ida: Browser) -> None:
    foreign = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}
    assert ida.site.get("/auth/logout", headers=foreign).status_code == 200  # the confirm page
    strict = Client(enforce_csrf_checks=True)
    strict.cookies["vestibule"] = ida.site.cookies["vestibule"].value
    assert strict.post("/auth/logout").status_code == 403
    assert ida.session()["isLoggedIn"] is True


def test_w19_the_session_tells_what_the_contract_names_and_is_kept_by_no_cache(
    browser: Browser, source: Make
) -> None:
    source()
    browser.start("unilogin")
    assert browser.session() == ANONYMOUS  # also while a sign-in is pending
    browser.enter("Ida")
    answer = browser.site.get("/auth/session")
    assert "no-store" in answer["Cache-Control"]
    assert set(answer.json()) == {
        *("isLoggedIn", "type", "source", "status", "user", "expires", "refresh_expires"),
        "uniLoginUserInfo",
    }
    assert set(answer.json()["uniLoginUserInfo"]) == {"sub", "uniid", "institutionIds"}


def test_w20_nobody_becomes_somebody_else_without_being_asked(
    browser: Browser, source: Make
) -> None:
    source()
    first, second = answered(browser, "Ida"), answered(browser, "Tove")
    browser.deliver(first)
    assert "switch" in browser.deliver(second)["Location"]
    assert browser.session()["user"]["username"] == "idax1234"
    assert StoredSession.objects.count() == StoredTokens.objects.count() == 1


def test_w21_the_test_school_is_closed_unless_it_is_configured_and_is_nobody_elses(
    source: Make,
) -> None:
    source()
    assert failure(Browser(Client()).enter("Test")).reason == "not-authorized"
    source(test_institutions=["A04441"])
    tester = Browser(Client())
    tester.enter("Test")
    assert tester.session()["uniLoginUserInfo"]["institutionIds"] == ["A04441"]


@pytest.mark.parametrize("who", ["Nils", "Vera", "Bo"])
def test_w22_the_rule_fails_closed(browser: Browser, source: Make, who: str) -> None:
    source()
    assert failure(browser.enter(who)).reason == "not-authorized"


def test_w22_an_inactive_token_is_refused(client: Client, source: Make, liar: Liar) -> None:
    source(**liar.settings())
    liar.introspection["active"] = False
    assert failure(liar.enter(client)).reason == "login-failed"


def test_w22_all_institutions_are_tried_and_municipalities_are_numbers(source: Make) -> None:
    source(municipalities=["0101"])
    assert Browser(Client()).enter("Tove")["Location"] == "/account/"


@pytest.mark.parametrize("endpoint", ["introspect", "userinfo"])
def test_w23_whatever_fails_after_the_token_nobody_stays_signed_in_there(
    client: Client, source: Make, liar: Liar, endpoint: str
) -> None:
    source(**liar.settings())
    liar.op.answers[endpoint] = lambda call: (500, b"", "text/html")
    failure(liar.enter(client))
    outbox.deliver_due(timezone.now() + timedelta(minutes=1))
    assert len(liar.left) == 1


def test_w24_large_tokens_and_many_schools_fit(client: Client, source: Make, liar: Liar) -> None:
    liar.op.claims["padding"] = "x" * 20_000
    liar.introspection["institution_ids"] = ["A10101", *(f"B{n}" for n in range(1000, 5000))]
    source(**liar.settings())
    assert liar.enter(client)["Location"] == "/account/"
    session = client.get("/auth/session").json()
    assert len(session["uniLoginUserInfo"]["institutionIds"]) == 20
    assert len(client.cookies["vestibule"].value) < 200


def test_w33_the_book_that_the_child_wanted_is_not_lost(browser: Browser, source: Make) -> None:
    source()
    assert browser.enter("Ida", "/?book=870970-basis:1")["Location"] == "/?book=870970-basis:1"


@pytest.mark.parametrize("evil", ["https://evil.example/", "//evil.example", "/\\evil.example"])
def test_w33_and_nobody_is_sent_elsewhere(browser: Browser, source: Make, evil: str) -> None:
    source()
    assert browser.enter("Ida", evil)["Location"] == "/account/"


def test_w34_a_source_that_is_off_has_no_button_and_no_silent_bounce(
    client: Client, source: Make
) -> None:
    source(columns={"enabled": False})
    assert "/auth/login/unilogin" not in client.get("/login?choose=1").content.decode()
    assert client.get("/auth/login/unilogin").status_code == 404


def test_w35_the_uniid_is_nobodys_name(ida: Browser) -> None:
    user = User.objects.get()
    assert user.name == ""
    assert "idax1234" not in user.username
    assert "idax1234" not in ida.session()["user"]["name"]


def test_w35_a_name_that_the_broker_tells_is_used(client: Client, source: Make, liar: Liar) -> None:
    liar.op.claims["name"] = "Ida Iversen"
    source(**liar.settings())
    liar.enter(client)
    assert client.get("/auth/session").json()["user"] == {
        "name": "Ida Iversen", "username": "liar1234",
    }  # fmt: skip


def test_w38_trouble_of_either_half_can_be_seen_by_operators(
    source: Make, standin: Standin
) -> None:
    standin.service_trouble("down")
    found = catalogue.instance(source()).check()
    assert any("institution service" in each.message for each in found if not each.ok)


def test_w39_a_failure_has_a_code_by_which_its_reason_is_found(
    browser: Browser, source: Make
) -> None:
    source()
    response = browser.enter("Nils")
    event = failure(response)
    assert event.support_code in browser.site.get(response["Location"]).content.decode()
    assert (event.source, event.reason) == ("unilogin", "not-authorized")
    assert "licence" in event.detail
