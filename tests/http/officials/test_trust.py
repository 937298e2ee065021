"""Whom the site believes: nobody but the provider. docs/contract.md 5's options per source.

The rows of docs/threats.md 4.1 on the OAuth API, its service and the cookies' log, and W1, W3 and
W13.
"""

from __future__ import annotations

import logging
from typing import Any

import pytest
from django.test import Client
from structlog.stdlib import ProcessorFormatter

from accounts.models import StoredSession, User
from providers.oidc import discovery
from tests.http.officials.conftest import Counter, held, sessions
from tests.http.oidc.browser import Browser
from tests.http.oidc.conftest import failure
from tests.peers import fresh
from tests.peers.certified import Certified

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.wire]

KEY = "0123456789abcdef0123456789abcdef"
FORGED = {"username": "alice@town", "email": "alice@example.org", "sub": "alice"}


def known_to_the_provider(rule: dict[str, Any]) -> dict[str, Any]:
    return {"scope": "openid profile email groups roles offline_access", **rule}


# --- The OAuth API: nobody is believed who calls --------------------------------------------------


@pytest.mark.parametrize("path", ["/auth/callback/town", "/auth/login/town", "/workstation/oauth/"])
@pytest.mark.parametrize(
    "query",
    [{}, {"state": KEY}, {"state": "another-key-0123456789abcdef0123"}],
    ids=["no-state", "state-and-header-equal", "state-and-header-differ"],
)
def test_w1_a_caller_who_names_a_person_becomes_nobody(
    newcomer: User, path: str, query: dict[str, str]
) -> None:
    before = sessions()
    caller = Client(raise_request_exception=False)
    caller.cookies["X-AuthKey"] = KEY
    address = path + ("?state=" + query["state"] if query else "")
    for content in (FORGED, {}):
        answer = caller.post(
            address, content, content_type="application/json", headers={"X-AuthKey": KEY}
        )
        assert 300 <= answer.status_code < 500
    assert sessions() == before
    assert caller.get("/auth/session").json()["isLoggedIn"] is False


def test_w1_a_code_of_ones_own_making_is_worth_nothing(counter: Counter, browser: Browser) -> None:
    counter()
    answer = browser.go(browser.start("town"))
    values = {**answer.values, "code": "made-up"}
    assert failure(browser.site.get(answer.path, values)).reason == "login-failed"
    assert not User.objects.exists()


# --- The OAuth service: what the provider says, and does not say ----------------------------------


@pytest.mark.parametrize("kind", ["500", "404", "html", "empty", "list", "drop"])
def test_a_configuration_that_cannot_be_read_is_trouble_and_no_crash(
    counter: Counter, browser: Browser, provider: Certified, kind: str
) -> None:
    counter()
    discovery.kept.clear()
    fresh.caches()
    provider.trouble("/.well-known", kind)
    response = browser.site.get("/auth/login/town")
    assert failure(response).reason == "temporarily-unavailable"
    assert browser.site.get(response["Location"]).status_code == 503


@pytest.mark.parametrize("path", ["/token", "/me"])
@pytest.mark.parametrize("kind", ["500", "html", "empty", "list", "drop"])
def test_an_answer_that_is_none_makes_no_official(
    counter: Counter, browser: Browser, provider: Certified, path: str, kind: str
) -> None:
    counter()
    answer = browser.go(browser.start("town"))
    provider.trouble(path, kind)
    assert failure(browser.deliver(answer)).reason in {"temporarily-unavailable", "login-failed"}
    assert not User.objects.exists()
    assert not StoredSession.objects.exists()


@pytest.mark.parametrize("state", ["x" * 2000, "a b&c=d", "æ'\"<>", "%00", "a\nb"])
def test_a_long_or_special_state_is_unknown_and_nothing_more(
    counter: Counter, client: Client, state: str
) -> None:
    counter()
    response = client.get("/auth/callback/town", {"code": "x", "state": state})
    assert response.status_code in {303, 400}
    assert "Traceback" not in response.content.decode()
    assert not StoredSession.objects.exists()


# --- Options per source ---------------------------------------------------------------------------


OPTIONS: dict[str, tuple[dict[str, Any], set[str]]] = {
    "role": (
        {"required_role_claim": "realm_access.roles", "required_role": "portal-staff"},
        {"alice", "bob"},
    ),
    "w3-a-part-of-a-role-is-not-the-role": (
        {"required_role_claim": "realm_access.roles", "required_role": "portal"},
        set(),
    ),
    "w3-a-claim-that-is-missing-lets-nobody-in": (
        {"required_role_claim": "resource_access.zms.roles", "required_role": "portal-staff"},
        set(),
    ),
    "verified-mail": ({"verified_mail_only": True}, {"alice", "bob", "carol"}),
    "groups": ({"allowed_groups": ["guests", "admins"]}, {"alice", "dave"}),
}


@pytest.mark.parametrize("who", ["alice", "bob", "carol", "dave", "eve"])
@pytest.mark.parametrize("option", OPTIONS)
def test_an_option_lets_in_whom_it_names_and_nobody_else(
    counter: Counter, client: Client, option: str, who: str
) -> None:
    rule, let_in = OPTIONS[option]
    counter(columns={"require_assignment": False}, **known_to_the_provider(rule))
    response = Browser(client, who).sign_in("town")
    if who in let_in:
        assert response["Location"] == "/account/"
        return
    assert failure(response).reason == "not-authorized"
    assert not User.objects.exists()
    assert client.get(response["Location"]).status_code == 403


def test_an_option_also_stands_before_the_queue(counter: Counter, browser: Browser) -> None:
    counter(**known_to_the_provider(OPTIONS["role"][0]))
    browser.who = "carol"
    assert failure(browser.sign_in("town")).reason == "not-authorized"
    assert not User.objects.exists()


def _written(record: logging.LogRecord) -> str:
    """Return a line as the house writes it; what the provider's browser does here is not its."""
    if record.name.startswith("urllib3"):
        return ""
    house = (each for each in logging.getLogger().handlers
             if isinstance(each.formatter, ProcessorFormatter))  # fmt: skip
    return next(house).format(record)


# --- What is written down, and what is told -------------------------------------------------------


def test_w13_neither_cookie_nor_token_nor_state_is_logged(
    counter: Counter, browser: Browser, caplog: pytest.LogCaptureFixture
) -> None:
    counter()
    caplog.set_level(logging.DEBUG)
    answer = browser.go(browser.start("town"))
    browser.deliver(answer)
    cookie, tokens = browser.site.cookies["vestibule"].value, held(browser)
    browser.leave()
    said = "\n".join(_written(record) for record in caplog.records)
    assert "login.succeeded" in said
    secrets = (cookie, tokens.access_token, tokens.refresh_token, tokens.id_token)
    for secret in (*secrets, answer.values["state"], answer.values["code"]):
        assert secret not in said


def test_w13_no_error_shows_how_the_house_is_built(newcomer: User, browser: Browser) -> None:
    for path in ("/auth/upstream-token", "/auth/callback/town?code=x", "/workstation/oauth/"):
        body = browser.site.get(path, follow=True, headers={"Accept": "*/*"}).content.decode()
        assert "Traceback" not in body
        assert ".py" not in body
