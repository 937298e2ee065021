"""RFC 9068, 4; RFC 7662; OIDC Core 5.3: access tokens that others bring along."""

from __future__ import annotations

import json
from typing import Any

import pytest

from accounts.errors import AccessDenied, InvalidGrant, TemporarilyUnavailable
from tests.peers.tampering import CLIENT_ID, REMOVED, SUBJECT, OpenIdProvider, Page, page
from tests.rfc.oidc_core.portal import Portal

pytestmark = pytest.mark.wire

API = {"accept_bearer": True, "audience": ("https://api.city.example",)}
COGNITO = {"accept_bearer": True, "audience_claim": "client_id", "audience": ("app",)}


def token(op: OpenIdProvider, header: dict[str, Any] | None = None, **claims: Any) -> str:
    now = int(op.now())
    good = {
        "iss": op.issuer,
        "sub": SUBJECT,
        "aud": "https://api.city.example",
        "exp": now + 300,
        "iat": now - 4000,
        "jti": "1",
        "client_id": "app",
        "scope": "openid",
    }
    return op.sign({**good, **claims}, **{"typ": "at+jwt", **(header or {})})


def test_a_token_for_us_says_who_it_is(portal: Portal, op: OpenIdProvider) -> None:
    outcome = portal.source(**API).verify_bearer(token(op, name="Demo"))
    assert (outcome.subject, outcome.issuer, outcome.name) == (SUBJECT, op.issuer, "Demo")
    assert outcome.tokens is None
    assert op.calls["userinfo"] == op.calls["introspect"] == 0


def test_it_is_off_unless_the_settings_say_so(portal: Portal, op: OpenIdProvider) -> None:
    with pytest.raises(InvalidGrant):
        portal.source().verify_bearer(token(op, aud=CLIENT_ID))
    assert not op.calls


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": "https://evil.example"},
        {"aud": "https://other.example"},
        {"aud": REMOVED},
        {"exp": 1},
        {"exp": REMOVED},
        {"sub": REMOVED},
        {"nbf": 2**33},
        {"cnf": {"jkt": "x"}},
    ],
    ids=str,
)
def test_t06_a_token_that_does_not_hold(
    portal: Portal, op: OpenIdProvider, claims: dict[str, Any]
) -> None:
    with pytest.raises(InvalidGrant):
        portal.source(**API).verify_bearer(token(op, **claims))


@pytest.mark.parametrize("header", [{"alg": "none"}, {"alg": "HS256"}, {"crit": ["x"]}], ids=str)
def test_a_token_that_is_not_signed(
    portal: Portal, op: OpenIdProvider, header: dict[str, Any]
) -> None:
    with pytest.raises(InvalidGrant):
        portal.source(**API).verify_bearer(token(op, header))


@pytest.mark.parametrize("raw", ["", "x", "a.b.c", "æ", "a\0b", "x" * 100_000, "\ud800"])
def test_nonsense(portal: Portal, op: OpenIdProvider, raw: str) -> None:
    op.answers["introspect"] = page(200, b'{"active": false}', "application/json")
    op.answers["userinfo"] = page(401)
    for way in ("local", "introspection", "userinfo"):
        with pytest.raises(InvalidGrant):
            portal.source(**API, bearer_validation=way).verify_bearer(raw)


def test_nonsense_is_sent_to_nobody(portal: Portal, op: OpenIdProvider) -> None:
    for raw in ("", "æ", "a\0b", "x" * 100_000):
        with pytest.raises(InvalidGrant):
            portal.source(**API, bearer_validation="userinfo").verify_bearer(raw)
    assert not op.calls


def test_t07_an_id_token_is_no_access_token(portal: Portal, op: OpenIdProvider) -> None:
    _source, tokens = portal.signed_in()
    with pytest.raises(InvalidGrant):
        portal.source(accept_bearer=True).verify_bearer(tokens.id_token)


@pytest.mark.parametrize(
    "claims",
    [
        {"nonce": "x"},
        {"at_hash": "x"},
        {"typ": "ID"},
        {"typ": "Refresh"},
        {"token_use": "id"},
        {"events": {}},
        {"scope": REMOVED, "client_id": REMOVED},
    ],
    ids=str,
)
def test_t07_without_a_type_it_must_look_like_an_access_token(
    portal: Portal, op: OpenIdProvider, claims: dict[str, Any]
) -> None:
    source = portal.source(**API)
    assert source.verify_bearer(token(op, {"typ": "JWT"})).subject == SUBJECT
    with pytest.raises(InvalidGrant):
        source.verify_bearer(token(op, {"typ": "JWT"}, **claims))


def test_keycloak_and_cognito_write_them_in_their_own_ways(
    portal: Portal, op: OpenIdProvider
) -> None:
    keycloak = token(op, {"typ": "JWT"}, typ="Bearer", scope=REMOVED, client_id=REMOVED)
    assert portal.source(**API).verify_bearer(keycloak).subject == SUBJECT
    cognito = token(op, {"typ": REMOVED}, aud=REMOVED, token_use="access")
    assert portal.source(**COGNITO).verify_bearer(cognito).subject == SUBJECT
    for wrong in ({"token_use": "id"}, {"token_use": REMOVED}, {"client_id": "another"}):
        bad = token(op, {"typ": REMOVED}, **{"aud": REMOVED, "token_use": "access", **wrong})
        with pytest.raises(InvalidGrant):
            portal.source(**COGNITO).verify_bearer(bad)


def test_the_sources_rules_hold_for_it(portal: Portal, op: OpenIdProvider) -> None:
    source = portal.source(**API, required_role="clerk", required_role_claim="roles")
    assert source.verify_bearer(token(op, roles=["clerk"])).subject == SUBJECT
    with pytest.raises(AccessDenied):
        source.verify_bearer(token(op))


def _says(op: OpenIdProvider, **answer: Any) -> None:
    good = {"active": True, "sub": SUBJECT, "client_id": CLIENT_ID, "aud": [CLIENT_ID]}
    body = {name: value for name, value in {**good, **answer}.items() if value is not REMOVED}
    op.answers["introspect"] = page(200, json.dumps(body).encode(), "application/json")


def test_7662_the_provider_is_asked(portal: Portal, op: OpenIdProvider) -> None:
    source = portal.source(accept_bearer=True, bearer_validation="introspection")
    _says(op)
    assert source.verify_bearer("opaque").subject == SUBJECT
    assert op.forms["introspect"] == {"token": "opaque", "token_type_hint": "access_token"}


def refused(portal: Portal, op: OpenIdProvider, answer: dict[str, Any]) -> None:
    """Require that a token of which introspection says so lets nobody in."""
    source = portal.source(accept_bearer=True, bearer_validation="introspection")
    _says(op, **answer)
    with pytest.raises(InvalidGrant):
        source.verify_bearer("opaque")


@pytest.mark.parametrize(
    "answer",
    [
        {"active": False},
        {"active": "true"},
        {"active": REMOVED},
        {"sub": REMOVED},
        {"aud": "another"},
        {"aud": REMOVED},
        {"iss": "https://evil.example"},
        {"exp": 1},
        {"exp": "soon"},
        {"token_type": "refresh_token"},
        {"cnf": {}},
    ],
    ids=str,
)
def test_7662_a_token_that_does_not_hold(
    portal: Portal, op: OpenIdProvider, answer: dict[str, Any]
) -> None:
    refused(portal, op, answer)


@pytest.mark.parametrize(
    "answer",
    [
        {"typ": "ID"},
        {"typ": "Refresh"},
        {"typ": ["Bearer"]},
        {"token_use": "id"},
        {"token_use": "refresh_token"},
        {"token_use": None},
        {"nonce": "x", "at_hash": "x"},
        {"nonce": "x"},
        {"typ": "Bearer", "at_hash": "x"},
        {"events": {}},
    ],
    ids=str,
)
def test_t07_what_is_active_and_no_access_token_is_refused(
    portal: Portal, op: OpenIdProvider, answer: dict[str, Any]
) -> None:
    """The `aud` of an id_token is our client, and id_tokens stand in the addresses of logouts."""
    refused(portal, op, answer)


def test_t07_an_id_token_that_introspection_tells_nothing_of_is_read(
    portal: Portal, op: OpenIdProvider
) -> None:
    _source, tokens = portal.signed_in()
    source = portal.source(accept_bearer=True, bearer_validation="introspection")
    _says(op)
    for raw in (tokens.id_token, token(op, {"typ": "JWT"}, typ="Refresh")):
        with pytest.raises(InvalidGrant):
            source.verify_bearer(raw)
    assert source.verify_bearer(token(op)).subject == SUBJECT


@pytest.mark.parametrize(
    "answer",
    [
        {"typ": "Bearer", "token_type": "Bearer", "nonce": "x"},  # Keycloak up to 24
        {"token_use": "access_token", "token_type": "Bearer"},  # Ory Hydra
        {"token_use": "access", "token_type": "access_token"},
    ],
    ids=str,
)
def test_7662_an_access_token_is_taken_whatever_it_is_called(
    portal: Portal, op: OpenIdProvider, answer: dict[str, Any]
) -> None:
    source = portal.source(accept_bearer=True, bearer_validation="introspection")
    _says(op, **answer)
    assert source.verify_bearer("opaque").subject == SUBJECT


@pytest.mark.parametrize("way", ["introspection", "userinfo"])
def test_trouble_is_not_a_bad_token(portal: Portal, op: OpenIdProvider, way: str) -> None:
    op.answers["introspect"] = op.answers["userinfo"] = page(500, b"secret-of-the-body")
    raw = "opaque" if way == "introspection" else token(op)
    source = portal.source(**API, bearer_validation=way)
    for _ in range(6):  # whoever made them up closes the source to nobody
        with pytest.raises(TemporarilyUnavailable):
            source.verify_bearer(raw)
    assert op.calls["introspect"] + op.calls["userinfo"] == 6


def userinfo(**claims: Any) -> Page:
    return page(200, json.dumps(claims).encode(), "application/json")


def test_by_userinfo(portal: Portal, op: OpenIdProvider) -> None:
    source = portal.source(**API, bearer_validation="userinfo")
    op.answers["userinfo"] = userinfo(sub=SUBJECT, name="Demo T. User")
    assert source.verify_bearer(token(op)).name == "Demo T. User"
    op.answers["userinfo"] = page(401)
    with pytest.raises(InvalidGrant):
        source.verify_bearer(token(op))


def test_userinfo_says_not_how_strong_a_sign_in_was(portal: Portal, op: OpenIdProvider) -> None:
    """U33. What is not signed raises nobody: the token itself says how and when they signed in."""
    source = portal.source(**API, bearer_validation="userinfo", required_acr=("high",))
    told = {"acr": "high", "amr": ["mfa"], "auth_time": int(op.now()), "name": "Demo T. User"}
    op.answers["userinfo"] = userinfo(sub=SUBJECT, **told)
    with pytest.raises(AccessDenied):
        source.verify_bearer(token(op))
    found = portal.source(**API, bearer_validation="userinfo").verify_bearer(token(op, acr="low"))
    assert (found.acr, found.amr, found.auth_time) == ("low", (), None)
    assert found.name == "Demo T. User"
    assert source.verify_bearer(token(op, acr="high")).acr == "high"


def test_userinfo_says_not_for_whom_a_token_is_so_the_token_must(
    portal: Portal, op: OpenIdProvider
) -> None:
    source = portal.source(**API, bearer_validation="userinfo")
    for raw in ("opaque", token(op, aud="https://other.example")):
        with pytest.raises(InvalidGrant):
            source.verify_bearer(raw)
    assert op.calls["userinfo"] == 0
    op.answers["userinfo"] = userinfo(sub="somebody else")
    with pytest.raises(InvalidGrant):
        source.verify_bearer(token(op))
