"""Documents and tokens that lie, over the whole site: a sentence and a code, never a 500."""

from __future__ import annotations

import json
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs

import pytest
from django.test import Client

from accounts.models import StoredSession, User
from accounts.source import outage
from tests.http.oidc.browser import Browser
from tests.http.oidc.conftest import Make, failure
from tests.peers.tampering import (
    CLIENT_ID,
    CLIENT_SECRET,
    REMOVED,
    SUBJECT,
    OpenIdProvider,
    page,
    tampering_provider,
)

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.wire]


@pytest.fixture
def op() -> Iterator[OpenIdProvider]:
    with tampering_provider() as running:
        yield running


@pytest.fixture
def hostile(op: OpenIdProvider, source: Make, client: Client) -> Browser:
    """Give the browser of a site whose only provider is `op`."""
    peer: Any = SimpleNamespace(issuer=op.issuer)
    source(peer, client_id=CLIENT_ID, client_secret=CLIENT_SECRET)
    return Browser(client)


def refused(browser: Browser, response: Any, *reasons: str) -> None:
    """Hold that nobody is signed in and that the person is told so."""
    event = failure(response)
    assert event.reason in reasons, event.detail
    told = browser.site.get(response["Location"])
    assert told.status_code in {400, 403, 503}
    assert event.support_code in told.content.decode()
    assert not StoredSession.objects.exists()
    assert not User.objects.exists()


DOCUMENTS: dict[str, dict[str, Any]] = {
    "issuer-with-a-slash-more": {"issuer": "+/"},
    "issuer-in-capitals": {"issuer": "UPPER"},
    "no-issuer": {"issuer": REMOVED},
    "issuer-is-a-list": {"issuer": ["x"]},
    "no-token-endpoint": {"token_endpoint": REMOVED},
    "token-endpoint-is-a-number": {"token_endpoint": 7},
    "token-endpoint-is-a-file": {"token_endpoint": "file:///etc/passwd"},
    "token-endpoint-is-gopher": {"token_endpoint": "gopher://127.0.0.1/"},
    "token-endpoint-leads-inside": {"token_endpoint": "https://169.254.169.254/latest"},
    "token-endpoint-leads-inside-by-octal": {"token_endpoint": "https://0177.0.0.01/"},
    "token-endpoint-leads-inside-by-name": {"token_endpoint": "https://localhost/"},
    "jwks-uri-leads-inside": {"jwks_uri": "https://[::1]/"},
    "jwks-uri-has-a-user": {"jwks_uri": "https://user:pw@example.org/"},
    "authorization-endpoint-is-a-script": {"authorization_endpoint": "javascript:alert(1)"},
    "authorization-endpoint-has-a-line-break": {
        "authorization_endpoint": "https://a.example/\r\nSet-Cookie: a=b"
    },
    "userinfo-endpoint-leads-inside": {"userinfo_endpoint": "https://10.0.0.1/"},
}


@pytest.mark.parametrize("lie", DOCUMENTS)
def test_a_discovery_document_that_lies(hostile: Browser, op: OpenIdProvider, lie: str) -> None:
    told = {"+/": op.issuer + "/", "UPPER": op.issuer.upper()}
    op.document.update(
        {
            name: told.get(value, value) if isinstance(value, str) else value
            for name, value in DOCUMENTS[lie].items()
        }
    )
    refused(hostile, hostile.site.get("/auth/login/town"), "temporarily-unavailable")
    assert op.calls["authorize"] == op.calls["token"] == 0


BODIES: dict[str, bytes] = {
    "nothing": b"",
    "html": b"<h1>maintenance</h1>",
    "null": b"null",
    "a-list": b"[]",
    "a-number": b"12",
    "cut-short": b'{"issuer": "htt',
    "not-utf-8": b'{"issuer": "\xff\xfe"}',
    "nested": b"[" * 100_000,
    "huge": b'{"keys": "' + b"x" * 3_000_000 + b'"}',
    "nan": b'{"keys": [NaN], "expires_in": 1e999, "access_token": Infinity}',
}


@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize("place", [".well-known/openid-configuration", "jwks", "token", "userinfo"])
def test_a_body_that_is_none(hostile: Browser, op: OpenIdProvider, place: str, body: str) -> None:
    op.answers[place] = page(200, BODIES[body], "application/json")
    if place.startswith(".well-known"):
        response = hostile.site.get("/auth/login/town")
    else:
        response = hostile.deliver(hostile.go(hostile.start("town")))
    refused(hostile, response, "temporarily-unavailable", "login-failed")


def test_made_up_codes_close_no_source_whatever_the_provider_answers_to_them(
    hostile: Browser, op: OpenIdProvider
) -> None:
    op.answers["token"] = page(500, b"<h1>no such code</h1>")
    for _ in range(6):
        made_up = hostile.go(hostile.start("town"))
        refused(hostile, hostile.deliver(made_up), "temporarily-unavailable")
    assert op.calls["token"] == 6
    del op.answers["token"]
    assert hostile.sign_in("town")["Location"] == "/account/"
    assert outage.since(["town"]) == {}


KEYS: dict[str, list[Any]] = {
    "no-keys": [],
    "no-objects": [1, "x", None, []],
    "three-hundred": [{"kty": "RSA", "kid": str(n), "n": "AQAB", "e": "AQAB"} for n in range(300)],
    "broken": [{"kty": "RSA", "kid": "rsa-1", "n": "!", "e": "AQAB"}],
    "a-weak-one": [{"kty": "RSA", "kid": "rsa-1", "n": "AQAB", "e": "AQAB"}],
    "a-secret": [{"kty": "oct", "kid": "rsa-1", "k": "AAAA"}],
}


@pytest.mark.parametrize("keys", KEYS)
def test_keys_that_are_none(hostile: Browser, op: OpenIdProvider, keys: str) -> None:
    op.jwks = KEYS[keys]
    response = hostile.deliver(hostile.go(hostile.start("town")))
    refused(hostile, response, "temporarily-unavailable", "login-failed")
    assert op.calls["userinfo"] == 0


ANSWERS: dict[str, dict[str, str]] = {
    "an-error-in-html": {"error": "access_denied", "error_description": "<script>x</script>"},
    "an-error-of-its-own": {"error": "<script>", "error_description": "\u202e"},
    "an-error-and-a-code": {"error": "access_denied", "code": "x"},
    "no-code": {"code": ""},
    "a-long-code": {"code": "x" * 9000},
    "a-code-with-a-line-break": {"code": "a\r\nb"},
    "a-code-beyond-ascii": {"code": "Æ"},
    "another-issuer": {"iss": "https://elsewhere.example"},
}


@pytest.mark.parametrize("mode", ["query", "form_post"])
@pytest.mark.parametrize("answer", ANSWERS)
def test_an_answer_that_is_none(
    op: OpenIdProvider, source: Make, client: Client, answer: str, mode: str
) -> None:
    peer: Any = SimpleNamespace(issuer=op.issuer)
    source(peer, client_id=CLIENT_ID, client_secret=CLIENT_SECRET, response_mode=mode)
    browser = Browser(client)
    good = browser.go(browser.start("town"))
    values = {name: value for name, value in good.values.items() if name != "code"}
    values = {**values, **ANSWERS[answer]}
    method = client.get if mode == "query" else client.post
    response = method(good.path, values)
    if mode == "form_post" and response["Location"].startswith(f"{good.path}?"):
        response = client.get(response["Location"])
    refused(browser, response, "login-failed", "cancelled")
    told = client.get(response["Location"]).content
    assert b"<script>" not in told
    assert op.calls["token"] == 0


@pytest.mark.parametrize(
    "claims",
    [
        {"name": ["a", "list"], "email": {"an": "object"}, "sid": 7},
        {"name": "x" * 100_000, "email": "y" * 5000},
        {"name": "nul\x00 and \ud800 half a pair", "email": "a\r\nb@example.org"},
        {"groups": "x", "realm_access": 5, "preferred_username": None},
        json.loads('{"name": ' + "[" * 50 + "]" * 50 + "}"),
    ],
    ids=["other-types", "too-long", "no-letters", "groups-that-are-none", "nested"],
)
def test_claims_of_the_wrong_kind_break_nothing(
    hostile: Browser, op: OpenIdProvider, claims: dict[str, Any]
) -> None:
    op.userinfo.update(claims)
    op.claims.update({"sid": claims["sid"]} if "sid" in claims else {})
    assert hostile.deliver(hostile.go(hostile.start("town")))["Location"] == "/account/"
    user = User.objects.get()
    assert len(user.name) <= 300
    assert user.name.isprintable()
    assert hostile.site.get("/account/").status_code == 200


@pytest.mark.parametrize("raw", ['{"\\ud800": 1}', "[1e999]"], ids=str)
def test_a_claim_that_cannot_be_written_again_breaks_no_answer(
    op: OpenIdProvider, source: Make, client: Client, raw: str
) -> None:
    peer: Any = SimpleNamespace(issuer=op.issuer)
    source(peer, client_id=CLIENT_ID, client_secret=CLIENT_SECRET, public=["badge", "locale"])
    said = f'{{"sub": "{SUBJECT}", "locale": "da", "badge": {raw}}}'
    op.answers["userinfo"] = page(200, said.encode(), "application/json")
    browser = Browser(client)
    assert browser.sign_in("town")["Location"] == "/account/"
    assert browser.session()["locale"] == "da"
    assert client.get("/account/data").status_code == 200


@pytest.mark.parametrize("subject", ["", "x" * 300, 7, None, ["a"], "nul\x00", "\ud800"])
def test_a_subject_that_is_none(hostile: Browser, op: OpenIdProvider, subject: Any) -> None:
    op.claims["sub"] = op.userinfo["sub"] = subject
    refused(hostile, hostile.deliver(hostile.go(hostile.start("town"))), "login-failed")


def test_who_leaves_with_a_long_id_token_is_signed_out_upstream_without_it(
    hostile: Browser, op: OpenIdProvider
) -> None:
    op.claims["groups"] = [f"group-{number:05}" for number in range(1500)]
    assert hostile.sign_in("town")["Location"] == "/account/"
    left = hostile.leave()
    assert left.status_code == 303
    place, _, query = left["Location"].partition("?")
    assert place == op.url("end_session")
    assert {"client_id", "post_logout_redirect_uri"} <= set(parse_qs(query))
    assert "id_token_hint" not in query
    assert not StoredSession.objects.exists()


def test_who_has_lost_their_last_group_there_has_lost_it_here(
    op: OpenIdProvider, source: Make, client: Client
) -> None:
    """Keycloak leaves the claim out then, and so do Cognito and Entra."""
    peer: Any = SimpleNamespace(issuer=op.issuer)
    registered = {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}
    mapped: dict[str, Any] = {"claims": {"roles": "resource_access.zms.roles"}, **registered}
    source(peer, columns={"groups": {"boss": "Managers"}}, **mapped)
    op.userinfo["resource_access"] = {"zms": {"roles": ["boss"]}}
    Browser(client).sign_in("town")
    user = User.objects.get()
    assert user.groups.filter(name="Managers").exists()
    op.userinfo["resource_access"] = {"account": {"roles": ["view-profile"]}}
    Browser(Client()).sign_in("town")
    assert User.objects.get() == user
    assert not user.groups.exists()
