"""The broker or the institution service in trouble at each step: nobody comes in, all are told."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts import outbox
from accounts.models import StoredSession, User
from tests.http.oidc.conftest import failure
from tests.http.unilogin.conftest import Make
from tests.http.unilogin.liar import Liar
from tests.http.unilogin.standin import Browser, Standin, outbound
from tests.peers import network, patience
from tests.peers.site import free_port
from tests.peers.tampering import REMOVED, Page, page
from tests.peers.trouble import TroubleServer
from tests.sandbox.unilogin.schools import HOME

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.wire]

HANGS = 16.0  # seconds
SERVICE = ("slow", "down", "refuses", "fault", "html", "bomb", "other", "huge")
SOAP = (
    '<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"><s:Body>{}</s:Body></s:Envelope>'
)
WIRE = ("/drip-body", "/hang", "/redirect", "/short", "/garbage", "/close", "/error", "/huge")


# What the service answers is no trouble of its own: our settings are wrong.
OUR_FAULT = {"refuses", "fault"}


def unavailable(client: Client, response: Any, reason: str = "temporarily-unavailable") -> None:
    """Hold that a response leads to the page of an upstream in trouble, and nobody came in."""
    event = failure(response)
    assert event.reason == reason, event.detail
    told = client.get(response["Location"])
    assert told.status_code == 503
    assert event.support_code in told.content.decode()
    assert not StoredSession.objects.exists()
    assert not User.objects.exists()


@pytest.mark.parametrize("kind", SERVICE)
def test_an_institution_service_in_trouble_lets_nobody_in_and_nobody_stays_signed_in_there(
    browser: Browser, source: Make, standin: Standin, kind: str
) -> None:
    source()
    standin.service_trouble(kind)
    reason = "misconfigured" if kind in OUR_FAULT else "temporarily-unavailable"
    unavailable(browser.site, browser.enter("Ida"), reason)
    standin.service_trouble("normal")
    # On a busy machine the call itself may take too long: it is made later then.
    outbox.deliver_due(timezone.now() + timedelta(minutes=1))
    assert standin.signed_in() == set()
    assert browser.enter("Ida")["Location"] == "/account/"


@pytest.mark.parametrize("path", WIRE)
def test_an_institution_service_that_breaks_the_wire(
    client: Client, source: Make, liar: Liar, path: str
) -> None:
    patience.hangs(path in {"/drip-body", "/hang"})
    with TroubleServer() as service:
        source(**liar.settings(ws_address=service.url(path)))
        unavailable(client, liar.enter(client))
        assert service.requests[path] == 1
    assert len(liar.left) == 1


def test_an_institution_service_that_is_gone(client: Client, source: Make, liar: Liar) -> None:
    source(**liar.settings(ws_address=f"http://127.0.0.1:{free_port()}/"))
    unavailable(client, liar.enter(client))
    assert len(liar.left) == 1


@pytest.mark.parametrize("wrong", [{"ws_password": "wrong"}, {"ws_user": "stranger"}])
def test_wrong_credentials_for_the_service_are_our_trouble_and_not_repeated(
    browser: Browser, source: Make, wrong: dict[str, str]
) -> None:
    source(**wrong)
    response = browser.enter("Ida")
    detail = failure(response).detail
    unavailable(browser.site, response, "misconfigured")
    assert "our fault" in browser.site.get(response["Location"]).content.decode()
    assert "ws_user" in detail
    assert not set(wrong.values()) & set(detail.split())


@pytest.mark.parametrize(
    "wrong", [{"ws_action": "https://example.org/x"}, {"ws_namespace": "https://example.org/x"}]
)
def test_a_service_that_expects_other_messages(
    browser: Browser, source: Make, wrong: dict[str, str]
) -> None:
    source(**wrong)
    unavailable(browser.site, browser.enter("Ida"), "misconfigured")


def test_what_is_known_of_a_school_lets_its_pupils_in_while_the_service_is_down(
    source: Make, standin: Standin
) -> None:
    source()
    Browser().enter("Ida")
    standin.service_trouble("down")
    assert Browser().enter("Ida")["Location"] == "/account/"


def test_one_school_that_fits_is_enough_when_the_service_fails_for_the_other(
    source: Make, standin: Standin
) -> None:
    source(municipalities=[HOME])
    Browser().enter("Ida")  # her school is known from now on, Tove's first school is not
    standin.service_trouble("fault")
    assert Browser(Client()).enter("Tove")["Location"] == "/account/"


def test_trouble_is_not_remembered_as_an_answer(
    browser: Browser, source: Make, standin: Standin
) -> None:
    source()
    standin.service_trouble("fault")
    failure(browser.enter("Ida"))
    standin.service_trouble("normal")
    with outbound() as called:
        assert browser.enter("Ida")["Location"] == "/account/"
        assert called().count("ws") == 1


def test_all_schools_together_are_asked_for_in_the_time_of_one(
    client: Client, source: Make, liar: Liar, settings: Any
) -> None:
    settings.VESTIBULE_HTTP_DEADLINE = 3.0
    ids = ",".join(f"A{number}" for number in range(1000, 1300))
    liar.introspection["institution_ids"] = f"[{ids}]"
    with TroubleServer() as service:
        source(**liar.settings(ws_address=service.url("/hang")))
        unavailable(client, liar.enter(client))
        assert 0 < service.requests["/hang"] <= 20


def test_a_second_school_is_asked_for_when_the_look_up_of_the_first_hangs(
    client: Client, source: Make, liar: Liar
) -> None:
    liar.introspection["institution_ids"] = "[A10102,A10101]"
    found = SOAP.format(
        "<hentInstitutionResponse><institution><instnr>A10101</instnr>"
        f"<kommunenr>{HOME}</kommunenr></institution></hentInstitutionResponse>"
    )

    def service(call: Any) -> tuple[int, bytes, str]:
        if "A10102" in str(call.form):
            liar.op.released.wait(HANGS)
        return 200, found.encode(), "application/soap+xml"

    liar.op.answers["ws"] = service
    source(**liar.settings(ws_address=liar.op.url("ws")), municipalities=[HOME])
    began = time.monotonic()
    assert liar.enter(client)["Location"] == "/account/"
    assert time.monotonic() - began < HANGS
    assert liar.op.calls["ws"] == 2


def test_a_very_long_list_of_schools_is_looked_at_only_so_far(
    client: Client, source: Make, liar: Liar
) -> None:
    ids = [f"A{number}" for number in range(1000, 1300)]
    liar.introspection["institution_ids"] = ids
    source(**liar.settings(), test_institutions=ids[25:26])
    with outbound() as called:
        assert failure(liar.enter(client)).reason == "not-authorized"
        assert called().count("ws") == 20


@pytest.mark.parametrize("kind", ["slow", "down"])
def test_a_broker_in_trouble_before_the_start(
    client: Client, source: Make, standin: Standin, kind: str
) -> None:
    source()
    standin.trouble(kind)
    unavailable(client, client.get("/auth/login/unilogin"))
    assert client.get("/login").status_code == 200


@pytest.mark.parametrize("kind", ["slow", "down"])
def test_a_broker_in_trouble_between_the_start_and_the_callback(
    browser: Browser, source: Make, standin: Standin, kind: str
) -> None:
    source()
    browser.who = "Ida"
    answer = browser.go(browser.start("unilogin"))
    standin.trouble(kind)
    unavailable(browser.site, browser.deliver(answer))


@pytest.mark.parametrize("kind", ["wrong-key", "wrong-issuer"])
def test_a_broker_that_is_not_believed(
    browser: Browser, source: Make, standin: Standin, kind: str
) -> None:
    source()
    standin.trouble(kind)
    assert failure(browser.enter("Ida")).reason == "login-failed"
    assert not StoredSession.objects.exists()


def test_a_broker_that_refuses_everybody(browser: Browser, source: Make, standin: Standin) -> None:
    source()
    browser.who = "Ida"
    answer = browser.go(browser.start("unilogin"))
    standin.trouble("refuses")
    assert failure(browser.deliver(answer)).reason == "login-failed"
    assert failure(browser.enter("Ida")).reason == "cancelled"


HTML = page(200, b"<html>")
STEPS: dict[str, tuple[str, Page]] = {
    "introspection-500": ("introspect", page(500)),
    "introspection-401": ("introspect", page(401)),
    "introspection-html": ("introspect", HTML),
    "introspection-list": ("introspect", page(200, b"[]", "application/json")),
    "introspection-hangs": ("introspect", page(200, after=8)),
    "userinfo-500": ("userinfo", page(500)),
    "userinfo-html": ("userinfo", HTML),
    "userinfo-hangs": ("userinfo", page(200, after=8)),
}


@pytest.mark.parametrize(("endpoint", "answer"), STEPS.values(), ids=STEPS)
def test_a_broker_in_trouble_after_the_token_is_left_again(
    client: Client, source: Make, liar: Liar, endpoint: str, answer: Page
) -> None:
    source(**liar.settings())
    liar.op.answers[endpoint] = answer
    unavailable(client, liar.enter(client))
    liar.op.answers.pop(endpoint)
    outbox.deliver_due(timezone.now() + timedelta(minutes=1))  # a call that failed is made later
    assert len(liar.left) == 1


@pytest.mark.parametrize("missing", ["introspection_endpoint", "userinfo_endpoint"])
def test_a_broker_without_an_endpoint_that_is_needed(
    client: Client, source: Make, liar: Liar, missing: str
) -> None:
    source(**liar.settings())
    liar.op.document[missing] = REMOVED
    unavailable(client, liar.enter(client))


def test_trouble_of_one_source_is_not_that_of_another(source: Make, standin: Standin) -> None:
    source()
    source("unilogin-test", ws_address=f"http://127.0.0.1:{free_port()}/")
    for _ in range(6):
        failure(Browser(Client()).enter("Ida", slug="unilogin-test"))
    assert Browser(Client()).enter("Ida")["Location"] == "/account/"


def test_a_service_that_keeps_failing_is_left_alone_for_a_while(
    source: Make, standin: Standin
) -> None:
    source()
    standin.service_trouble("down")
    for _ in range(10):
        unavailable(*_attempt())
    network.forget_trouble()
    standin.service_trouble("normal")
    assert Browser(Client()).enter("Ida")["Location"] == "/account/"


def _attempt() -> tuple[Client, Any]:
    browser = Browser(Client())
    return browser.site, browser.enter("Ida")
