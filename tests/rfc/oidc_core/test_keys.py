"""OIDC Core 10.1 and RFC 7517: which keys verify, and when they are fetched again."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from jwt.algorithms import RSAAlgorithm

from accounts.errors import InvalidGrant, InvalidRequest, ProtocolError, TemporarilyUnavailable
from tests.peers.tampering import REMOVED, SUBJECT, OpenIdProvider, encoded, jwk, page, private_key
from tests.rfc.oidc_core.portal import Portal

pytestmark = pytest.mark.wire
NEVER_OVER = {"exp": 2**33}


def _private(name: str) -> dict[str, Any]:
    both = RSAAlgorithm.to_jwk(private_key(name), True)
    return {member: both[member] for member in ("d", "p", "q", "dp", "dq", "qi")}


UNUSABLE: dict[str, Callable[[], list[dict[str, Any]]]] = {
    "J09 use enc": lambda: [jwk("rsa-1", use="enc")],
    "J09 use unknown": lambda: [jwk("rsa-1", use="tls")],
    "J09 key_ops without verify": lambda: [jwk("rsa-1", key_ops=["encrypt"])],
    "J09 key_ops a text": lambda: [jwk("rsa-1", key_ops="verify")],
    "J09 private key": lambda: [jwk("rsa-1", **_private("rsa-1"))],
    "J09 e of 1": lambda: [jwk("rsa-1", e="AQ")],
    "J09 alg of another": lambda: [jwk("rsa-1", alg="RS512")],
    "J09 n missing": lambda: [jwk("rsa-1", n=REMOVED)],
    "J09 n empty": lambda: [jwk("rsa-1", n="")],
    "J09 n a number": lambda: [jwk("rsa-1", n=1)],
    "J09 oct": lambda: [{"kty": "oct", "kid": "rsa-1", "k": encoded(b"x" * 32)}],
    "J09 kty missing": lambda: [jwk("rsa-1", kty=REMOVED)],
    "two of one name": lambda: [jwk("rsa-1"), jwk("rsa-2", kid="rsa-1")],
}


@pytest.mark.parametrize("case", UNUSABLE)
def test_a_key_that_may_not_verify_does_not(portal: Portal, op: OpenIdProvider, case: str) -> None:
    op.jwks = UNUSABLE[case]()
    assert isinstance(portal.refused(), InvalidGrant)


def test_j09_what_is_no_key_is_left_out(portal: Portal, op: OpenIdProvider) -> None:
    op.jwks = ["rsa-1", 1, None]  # type: ignore[list-item]
    assert isinstance(portal.refused(), TemporarilyUnavailable)


def test_j09_a_weak_rsa_key_is_not_used(portal: Portal, op: OpenIdProvider) -> None:
    op.key, op.jwks = "weak-1", [jwk("weak-1")]
    assert isinstance(portal.refused(), InvalidGrant)


def test_j09_an_invalid_point_is_not_used(portal: Portal, op: OpenIdProvider) -> None:
    op.algorithm, op.key, op.jwks = "ES256", "p256-1", [jwk("p256-1", x=encoded(bytes(32)))]
    assert isinstance(portal.refused(), InvalidGrant)


@pytest.mark.parametrize("algorithm", ["ES256K", "ES256"])
def test_secp256k1_is_stepped_over_and_never_used(
    portal: Portal, op: OpenIdProvider, algorithm: str
) -> None:
    assert portal.login().subject == SUBJECT
    op.algorithm, op.key = algorithm, "k256-1"
    assert isinstance(portal.refused(), InvalidGrant)


def test_same_name_for_another_kind_of_key_is_told_apart(
    portal: Portal, op: OpenIdProvider
) -> None:
    op.jwks = [jwk("p256-1", kid="rsa-1"), jwk("rsa-2", kid="rsa-1", use="enc"), jwk("rsa-1")]
    assert portal.login().subject == SUBJECT


def test_without_a_name_the_kind_of_the_key_decides(portal: Portal, op: OpenIdProvider) -> None:
    op.algorithm, op.key, op.header["kid"] = "ES256", "p256-1", REMOVED
    op.jwks = [jwk("p384-1", crv="P-384", kid=REMOVED), jwk("p256-1", kid=REMOVED), jwk("rsa-1")]
    assert portal.login().subject == SUBJECT


def test_j04_a_name_is_a_text_on_both_sides(portal: Portal, op: OpenIdProvider) -> None:
    op.header["kid"], op.jwks = 1, [jwk("rsa-1", kid=1)]
    assert isinstance(portal.refused(), InvalidGrant)


def test_a_key_that_names_our_algorithm_and_operation_is_used(
    portal: Portal, op: OpenIdProvider
) -> None:
    op.jwks = [jwk("rsa-1", alg="RS256", use=REMOVED, key_ops=["verify"])]
    assert portal.login().subject == SUBJECT


NO_KEYS: dict[str, Callable[[OpenIdProvider], object]] = {
    "J10 10,000 small keys": lambda op: setattr(
        op, "jwks", [{"kty": "oct", "kid": str(each)} for each in range(10_000)]
    ),
    "J10 10,000 real keys": lambda op: setattr(
        op, "jwks", [jwk("rsa-1", kid=str(each)) for each in range(10_000)]
    ),
    "J10 50 MB": lambda op: op.answers.update(jwks=page(200, b" " * 50_000_000)),
    "J10 too slow": lambda op: op.answers.update(jwks=page(200, b"{}", after=5)),
    "J10 redirect": lambda op: op.answers.update(jwks=page(302, b"", op.url("jwks-2"))),
    "J10 500": lambda op: op.answers.update(jwks=page(500)),
    "J10 HTML": lambda op: op.answers.update(jwks=page(200, b"<html>")),
    "J10 no keys": lambda op: setattr(op, "jwks", []),
    "J10 a list": lambda op: op.answers.update(jwks=page(200, b"[]", "application/json")),
    "J10 deep": lambda op: op.answers.update(jwks=page(200, b"[" * 90_000)),
}


@pytest.mark.parametrize("case", NO_KEYS)
def test_without_keys_nobody_comes_in_and_another_provider_goes_on(
    portal: Portal, op: OpenIdProvider, case: str
) -> None:
    NO_KEYS[case](op)
    assert isinstance(portal.refused(), TemporarilyUnavailable)
    assert op.calls["jwks-2"] == 0


def test_10_000_real_keys_do_not_displace_the_good_ones(portal: Portal, op: OpenIdProvider) -> None:
    portal.login()
    op.jwks = [jwk("rsa-1", kid=str(each)) for each in range(10_000)]
    portal.clock.skip(601)
    assert portal.login().subject == SUBJECT


def test_an_unknown_key_is_looked_for_once_in_thirty_seconds(
    portal: Portal, op: OpenIdProvider
) -> None:
    portal.login()
    op.key = "rsa-6"
    for _ in range(3):  # a provider that changes its keys says nothing of the person
        assert isinstance(portal.refused(), TemporarilyUnavailable)
    assert op.calls["jwks"] == 2
    portal.clock.skip(31)
    op.jwks = [jwk("rsa-6")]
    assert portal.login().subject == SUBJECT
    assert op.calls["jwks"] == 3


def test_a_new_key_under_a_known_name_is_fetched_once(portal: Portal, op: OpenIdProvider) -> None:
    portal.login()
    op.key, op.header["kid"], op.jwks = "rsa-6", "rsa-1", [jwk("rsa-6", kid="rsa-1")]
    assert portal.login().subject == SUBJECT
    assert op.calls["jwks"] == 2
    op.key = "rsa-7"  # signs, and is published nowhere
    for _ in range(3):
        assert isinstance(portal.refused(), InvalidGrant)
    assert op.calls["jwks"] == 2
    portal.clock.skip(31)
    assert isinstance(portal.refused(), InvalidGrant)
    assert op.calls["jwks"] == 3


def test_a_renewal_by_a_key_that_is_not_published_yet_is_trouble_until_it_is(
    portal: Portal, op: OpenIdProvider
) -> None:
    source, tokens = portal.signed_in()
    op.key = "rsa-6"
    for _ in range(3):
        with pytest.raises(TemporarilyUnavailable):
            source.refresh(tokens)
    assert op.calls["jwks"] == 2
    op.jwks = [jwk("rsa-6")]
    with pytest.raises(TemporarilyUnavailable):
        source.refresh(tokens)
    portal.clock.skip(31)
    assert source.refresh(tokens).access_token != tokens.access_token


def test_a_stranger_who_names_a_key_that_is_not_published_is_refused(
    portal: Portal, op: OpenIdProvider
) -> None:
    """J04: nobody learns by it when the provider changes its keys, nor marks it as in trouble."""
    source, _ = portal.signed_in(accept_bearer=True)
    with pytest.raises(InvalidGrant):
        source.verify_bearer(op.sign(NEVER_OVER, typ="at+jwt", kid="rsa-999"))
    assert op.calls["jwks"] == 2


def test_keys_that_cannot_be_had_are_trouble_and_no_refusal(
    portal: Portal, op: OpenIdProvider
) -> None:
    portal.login()
    op.key, op.answers["jwks"] = "rsa-6", page(500)
    for _ in range(3):
        assert isinstance(portal.refused(), TemporarilyUnavailable)
    assert op.calls["jwks"] == 2


def test_strangers_cannot_use_up_what_a_login_needs(portal: Portal, op: OpenIdProvider) -> None:
    source, _ = portal.signed_in()
    for error in (InvalidRequest, TemporarilyUnavailable, TemporarilyUnavailable):
        with pytest.raises(error):
            source.verify_logout_token(op.logout_token({"kid": "made-up"}))
    assert op.calls["jwks"] == 2
    op.key, op.jwks = "rsa-6", [jwk("rsa-6")]
    assert portal.login().subject == SUBJECT


def test_strangers_do_not_make_a_new_key_a_wrong_one(portal: Portal, op: OpenIdProvider) -> None:
    """J04: while no look for keys is due for them, who brings a token is to come again. One that is
    over is refused all the same.
    """
    source, _ = portal.signed_in(accept_bearer=True)
    with pytest.raises(InvalidGrant):
        source.verify_bearer(op.sign(NEVER_OVER, typ="at+jwt", kid="rsa-999"))
    op.key, op.jwks = "rsa-6", [jwk("rsa-6")]
    for verify, token in (
        (source.verify_logout_token, op.logout_token()),
        (source.verify_bearer, op.sign(NEVER_OVER, typ="at+jwt")),
    ):
        with pytest.raises(TemporarilyUnavailable) as refused:
            verify(token)
        assert refused.value.is_hearsay, "it says nothing of the provider"
    with pytest.raises(InvalidGrant, match="expired"):
        source.verify_bearer(op.sign({"exp": 1}, typ="at+jwt"))
    portal.clock.skip(31)
    assert source.verify_logout_token(op.logout_token()).subject == SUBJECT


def test_everybody_gets_in_when_the_keys_change_in_a_busy_hour(
    portal: Portal, op: OpenIdProvider
) -> None:
    source = portal.source()
    portal.login(source)
    op.key = "rsa-6"
    body = json.dumps({"keys": [jwk("rsa-6")]}).encode()
    op.answers["jwks"] = page(200, body, "application/json", after=0.3)
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: portal.login(source).subject, range(4)))
    assert found == [SUBJECT] * 4
    assert op.calls["jwks"] == 2


def test_keys_are_renewed_after_ten_minutes_and_a_removed_one_counts_no_more(
    portal: Portal, op: OpenIdProvider
) -> None:
    portal.login()
    op.jwks = [jwk("rsa-2")]
    assert portal.login().subject == SUBJECT
    portal.clock.skip(601)
    assert isinstance(portal.refused(), TemporarilyUnavailable)


@pytest.mark.parametrize("trouble", [page(500), page(200, b"<html>"), page(200, b'{"keys": []}')])
def test_old_keys_stand_while_new_ones_cannot_be_had(
    portal: Portal, op: OpenIdProvider, trouble: Any
) -> None:
    portal.login()
    op.answers["jwks"] = trouble
    portal.clock.skip(601)
    assert portal.login().subject == SUBJECT
    assert portal.login().subject == SUBJECT
    assert op.calls["jwks"] == 2


def test_keys_that_moved_are_found(portal: Portal, op: OpenIdProvider) -> None:
    portal.login()
    op.document["jwks_uri"] = op.url("jwks-of-today")
    op.answers["jwks-of-today"] = page(200, b'{"keys": [', "application/json")
    portal.clock.skip(601)
    error = portal.refused()
    assert isinstance(error, ProtocolError)
    assert op.calls["jwks-of-today"] == 1
