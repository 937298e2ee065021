"""RFC 6749, 2.3.1, 5 and 6; OIDC Core 3.1.3 and 12: redeeming a code and renewing tokens."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from accounts.errors import InvalidGrant, TemporarilyUnavailable
from accounts.provider import TokenSet
from tests.peers.tampering import CLIENT_SECRET, REMOVED, SUBJECT, OpenIdProvider, error, page
from tests.rfc.oidc_core.portal import Portal

pytestmark = pytest.mark.wire

TROUBLE = {
    "500": page(500, b'{"error": "invalid_grant", "secret-of-the-body": 1}', "application/json"),
    "503 HTML": page(503, b"<html>secret-of-the-body</html>"),
    "200 HTML": page(200, b"<html>secret-of-the-body</html>"),
    "200 nothing": page(200),
    "200 a list": page(200, b"[]", "application/json"),
    "204": page(204),
    "302": page(302, b"", "/elsewhere"),
    "5 MB": page(200, b" " * 5_000_000, "application/json"),
    "X06 slow": page(200, b"{}", "application/json", after=5),
    "invalid_client": error("invalid_client", 401),
    "unauthorized_client": error("unauthorized_client"),
    "invalid_request": error("invalid_request"),
    "invalid_scope": error("invalid_scope"),
    "an error of its own": error("<script>secret-of-the-body</script>"),
}

# The same to a refresh, which worked before by the same client and parameters.
MEANS_THE_TOKEN = {"invalid_request", "invalid_scope", "an error of its own"}


@pytest.mark.parametrize("case", TROUBLE)
def test_trouble_says_nothing_of_the_person(portal: Portal, op: OpenIdProvider, case: str) -> None:
    source, tokens = portal.signed_in()
    op.answers["token"] = TROUBLE[case]
    found = portal.refused(source)
    assert isinstance(found, TemporarilyUnavailable)
    assert found.description
    with pytest.raises(InvalidGrant if case in MEANS_THE_TOKEN else TemporarilyUnavailable):
        source.refresh(tokens)


REFUSALS = {
    "LemonLDAP::NG": error("invalid_request"),
    "glewlwyd": page(400),
    "401": page(401),
    "403 HTML": page(403, b"<html>secret-of-the-body</html>"),
    "404": page(404),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_6_a_4xx_to_a_refresh_is_a_refusal(portal: Portal, op: OpenIdProvider, case: str) -> None:
    source, tokens = portal.signed_in()
    op.answers["token"] = REFUSALS[case]
    with pytest.raises(InvalidGrant):
        source.refresh(tokens)


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
def test_6_what_asks_for_another_try_is_no_refusal(
    portal: Portal, op: OpenIdProvider, status: int
) -> None:
    source, tokens = portal.signed_in()
    op.answers["token"] = page(status)
    with pytest.raises(TemporarilyUnavailable):
        source.refresh(tokens)


def test_a_refused_client_is_told_what_to_compare(portal: Portal, op: OpenIdProvider) -> None:
    found = portal.refused(client_secret="wrong")
    assert "client_secret" in found.description
    assert CLIENT_SECRET not in found.description


@pytest.mark.parametrize(
    "answer", [error("invalid_grant"), error("invalid_grant", 401), error("invalid_grant", 200)]
)
def test_invalid_grant_ends_it(portal: Portal, op: OpenIdProvider, answer: Any) -> None:
    source, tokens = portal.signed_in()
    op.answers["token"] = answer
    assert isinstance(portal.refused(source), InvalidGrant)
    with pytest.raises(InvalidGrant):
        source.refresh(tokens)


@pytest.mark.parametrize("method", ["basic", "post"])
def test_2_3_1_the_client_proves_itself_by_one_method(
    portal: Portal, op: OpenIdProvider, method: str
) -> None:
    op.client_auth = method
    assert portal.login(client_auth=method).subject == SUBJECT
    assert ("client_secret" in op.forms["token"]) is (method == "post")


def test_2_3_1_a_public_client_sends_no_secret(portal: Portal, op: OpenIdProvider) -> None:
    op.client_auth = "none"
    assert portal.login(client_secret="").subject == SUBJECT


@pytest.mark.parametrize(
    "tokens",
    [
        {"access_token": REMOVED},
        {"access_token": ""},
        {"access_token": ["a"]},
        {"access_token": "a\r\nX-Evil: 1"},
        {"token_type": "DPoP"},
        {"token_type": 1},
    ],
    ids=str,
)
def test_5_1_what_is_no_bearer_token_is_refused(
    portal: Portal, op: OpenIdProvider, tokens: dict[str, Any]
) -> None:
    op.tokens.update(tokens)
    assert isinstance(portal.refused(), InvalidGrant)


@pytest.mark.parametrize(
    ("expires_in", "seconds"),
    [(300, 300), ("300", 300), (REMOVED, None), (0, None), (-1, None), (True, None),
     (1e308, None), ("soon", None), (None, None), (10**400, None)],
    ids=str,
)  # fmt: skip
def test_5_1_when_a_token_ends(
    portal: Portal, op: OpenIdProvider, expires_in: Any, seconds: int | None
) -> None:
    op.tokens.update(expires_in=expires_in, refresh_expires_in=expires_in)
    before = portal.clock()
    _source, tokens = portal.signed_in()
    for end in (tokens.expires_at, tokens.refresh_expires_at):
        if seconds is None:
            assert end is None
        else:
            assert end is not None
            assert timedelta(0) <= end - before - timedelta(seconds=seconds) < timedelta(minutes=1)


def test_the_upstreams_own_end_is_that_of_the_refresh_token(
    portal: Portal, op: OpenIdProvider
) -> None:
    op.tokens.update(expires_in=300, refresh_expires_in=1800)
    outcome = portal.login()
    assert outcome.tokens is not None
    assert outcome.expires_at == outcome.tokens.refresh_expires_at
    op.tokens.update(refresh_token=REMOVED, refresh_expires_in=REMOVED)
    outcome = portal.login()
    assert outcome.tokens is not None
    assert outcome.expires_at == outcome.tokens.expires_at


def test_6_the_old_refresh_token_stays_when_none_comes(portal: Portal, op: OpenIdProvider) -> None:
    op.tokens["refresh_expires_in"] = 1800
    source, tokens = portal.signed_in()
    op.tokens.update(refresh_token=REMOVED, refresh_expires_in=REMOVED, id_token=REMOVED)
    fresh = source.refresh(tokens)
    assert fresh.access_token != tokens.access_token
    assert (fresh.refresh_token, fresh.id_token) == ("rt-1", tokens.id_token)
    assert fresh.refresh_expires_at == tokens.refresh_expires_at


def test_6_a_new_refresh_token_takes_its_place(portal: Portal, op: OpenIdProvider) -> None:
    source, tokens = portal.signed_in()
    op.tokens["refresh_token"] = "rt-2"
    fresh = source.refresh(tokens)
    assert fresh.refresh_token == "rt-2"
    assert fresh.id_token not in {"", tokens.id_token}


def test_6_without_a_refresh_token_nobody_is_asked(portal: Portal, op: OpenIdProvider) -> None:
    source, tokens = portal.signed_in()
    with pytest.raises(InvalidGrant):
        source.refresh(replace(tokens, refresh_token=""))
    assert op.calls["token"] == 1


@pytest.mark.parametrize(
    "claims",
    [{"iss": "https://evil.example"}, {"sub": "another"}, {"aud": "another"}, {"nonce": "another"},
     {"azp": "another"}, {"at_hash": "x"}],
    ids=str,
)  # fmt: skip
def test_12_2_a_new_id_token_is_held_against_the_old(
    portal: Portal, op: OpenIdProvider, claims: dict[str, Any]
) -> None:
    source, tokens = portal.signed_in()
    op.claims.update(claims)
    with pytest.raises(InvalidGrant):
        source.refresh(tokens)


def test_12_2_by_the_times_of_a_new_id_token_nobody_is_judged(
    portal: Portal, op: OpenIdProvider
) -> None:
    """The provider has just sent it: they say that a clock is wrong."""
    source, tokens = portal.signed_in()
    op.claims.update({"iat": 1, "exp": 2})
    assert source.refresh(tokens).id_token not in {"", tokens.id_token}


def test_12_2_an_id_token_is_not_taken_where_there_was_none(portal: Portal) -> None:
    source, tokens = portal.signed_in()
    with pytest.raises(InvalidGrant):
        source.refresh(TokenSet(refresh_token=tokens.refresh_token))
