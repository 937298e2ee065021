"""OIDC Core 5.3: what the userinfo endpoint says, and what it cannot say."""

from __future__ import annotations

from typing import Any

import pytest

from accounts.errors import InvalidGrant, ProtocolError, TemporarilyUnavailable
from tests.peers.tampering import REMOVED, SUBJECT, OpenIdProvider, page
from tests.rfc.oidc_core.portal import Portal

pytestmark = pytest.mark.wire

PLAIN = "application/json"


@pytest.mark.parametrize("sub", ["another", "", None, 1, [SUBJECT], SUBJECT.upper(), REMOVED])
def test_5_3_2_the_subject_must_be_the_same(portal: Portal, op: OpenIdProvider, sub: Any) -> None:
    op.userinfo["sub"] = sub
    assert isinstance(portal.refused(), InvalidGrant)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (page(401), InvalidGrant),
        (page(403), InvalidGrant),
        (page(500, b"secret-of-the-body"), TemporarilyUnavailable),
        (page(302, b"", "/elsewhere"), TemporarilyUnavailable),
        (page(200, b"<html>secret-of-the-body"), TemporarilyUnavailable),
        (page(200, b"[]", PLAIN), TemporarilyUnavailable),
        (page(200, b'"user-subject-1234531"', PLAIN), TemporarilyUnavailable),
        (page(200, b" " * 5_000_000, PLAIN), TemporarilyUnavailable),
        (page(200, b"{}", PLAIN, after=5), TemporarilyUnavailable),
        (page(200, b"no token", "application/jwt"), InvalidGrant),
        (page(200, b"\xff\xfe", "application/jwt"), InvalidGrant),
    ],
    ids=["401", "403", "500", "302", "HTML", "list", "text", "huge", "slow", "no JWT", "no text"],
)
def test_without_it_there_is_no_half_identity(
    portal: Portal, op: OpenIdProvider, answer: Any, expected: type[ProtocolError]
) -> None:
    op.answers["userinfo"] = answer
    assert isinstance(portal.refused(), expected)


def test_a_provider_may_have_none(portal: Portal, op: OpenIdProvider) -> None:
    op.document["userinfo_endpoint"] = REMOVED
    op.claims["name"] = "Of the id_token"
    assert portal.login().name == "Of the id_token"
    assert isinstance(portal.refused(userinfo="on"), TemporarilyUnavailable)


def test_it_can_be_switched_off(portal: Portal, op: OpenIdProvider) -> None:
    assert portal.login(userinfo="off").subject == SUBJECT
    assert op.calls["userinfo"] == 0


def test_j15_it_cannot_speak_over_what_the_protocol_says(
    portal: Portal, op: OpenIdProvider
) -> None:
    op.claims.update(acr="low", amr=["pwd"])
    op.userinfo.update(iss="https://evil.example", sid="another", acr="high", amr=["mfa"], aud="x")
    outcome = portal.login()
    assert (outcome.issuer, outcome.sid) == (op.issuer, "sid-1")
    assert (outcome.acr, outcome.amr) == ("low", ("pwd",))
    assert outcome.claims["iss"] == op.issuer


def test_it_is_fresher_than_the_id_token(portal: Portal, op: OpenIdProvider) -> None:
    op.claims.update(name="Old", locale="da")
    op.userinfo.update(name="New")
    outcome = portal.login()
    assert (outcome.name, outcome.claims["locale"]) == ("New", "da")


def test_an_address_is_verified_by_the_side_that_says_it(
    portal: Portal, op: OpenIdProvider
) -> None:
    op.claims.update(email="own@example.com", email_verified=True)
    assert portal.login().email_verified
    op.userinfo["email"] = "victim@example.com"
    outcome = portal.login()
    assert (outcome.email, outcome.email_verified) == ("victim@example.com", False)


# What each side says of an address, by claims of these names; and whether it is verified.
VERIFIED: dict[str, tuple[dict[str, Any], dict[str, Any], bool]] = {
    "the userinfo says it of no address": (
        {"email": "own@example.com", "email_verified": False},
        {"email_verified": True},
        False,
    ),
    "the userinfo takes it from no address": (
        {"email": "own@example.com", "email_verified": True},
        {"email_verified": False},
        True,
    ),
    "the id_token says it of no address": (
        {"email_verified": True},
        {"email": "own@example.com"},
        False,
    ),
    "both say both": (
        {"email": "old@example.com", "email_verified": False},
        {"email": "own@example.com", "email_verified": True},
        True,
    ),
}


@pytest.mark.parametrize("case", VERIFIED)
@pytest.mark.parametrize(
    "names",
    [{}, {"email": "mail", "email_verified": "mail_ok"}, {"email": "https://a.b/m"}],
    ids=["usual", "mapped", "mapped-without"],
)
def test_no_side_verifies_what_the_other_says(
    portal: Portal, op: OpenIdProvider, case: str, names: dict[str, str]
) -> None:
    """U08. Who may set one of the two at a provider could verify an address of somebody else."""
    *sides, verified = VERIFIED[case]
    for held, said in zip((op.claims, op.userinfo), sides, strict=True):
        held.update({names.get(name, name): value for name, value in said.items()})
    found = portal.login(claims=names)
    assert found.email.endswith("@example.com")
    assert found.email_verified is (verified and names.keys() != {"email"})


def test_what_stands_in_one_claim_is_of_one_side(portal: Portal, op: OpenIdProvider) -> None:
    names = {"email": "contact.mail", "email_verified": "contact.ok"}
    op.claims["contact"] = {"mail": "own@example.com", "ok": True}
    assert portal.login(claims=names).email_verified
    op.userinfo["contact"] = {"mail": "own@example.com"}
    assert not portal.login(claims=names).email_verified


def test_what_stands_beside_it_in_one_claim_stays(portal: Portal, op: OpenIdProvider) -> None:
    names = {"email_verified": "account.ok", "roles": "account.roles"}
    op.claims["account"] = {"ok": True, "roles": ["clerk"]}
    op.userinfo["email"] = "own@example.com"
    found = portal.login(claims=names)
    assert (found.email_verified, found.groups) == (False, ("clerk",))


@pytest.mark.parametrize("alg", ["none", "HS256"])
def test_5_3_2_signed_userinfo_is_signed_by_the_provider(
    portal: Portal, op: OpenIdProvider, alg: str
) -> None:
    op.userinfo["signed"] = op.sign({"sub": SUBJECT, "name": "Signed"}, alg=alg)
    assert isinstance(portal.refused(), InvalidGrant)


def test_5_3_2_signed_userinfo_by_another_key_or_too_late(
    portal: Portal, op: OpenIdProvider
) -> None:
    op.userinfo["signed"] = op.sign({"sub": SUBJECT, "exp": int(op.now()) - 60})
    assert isinstance(portal.refused(), InvalidGrant)
    op.key = "rsa-66"
    forged = op.sign({"sub": SUBJECT}, kid="rsa-1")
    op.key, op.userinfo["signed"] = "rsa-1", forged
    assert isinstance(portal.refused(), InvalidGrant)
