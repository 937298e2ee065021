"""OIDC Core 3.1.3.7 and RFC 8725: which id_tokens are refused, and what is tolerated.

The names J.. and S.. are codes of docs/threats.md.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from jwt.algorithms import get_default_algorithms
from jwt.utils import base64url_decode

from accounts.errors import InvalidGrant, TemporarilyUnavailable
from tests.peers.tampering import (
    CLIENT_ID,
    REMOVED,
    SUBJECT,
    OpenIdProvider,
    encoded,
    jwk,
    private_key,
    public_der,
    public_pem,
)
from tests.rfc.oidc_core.portal import Portal

pytestmark = pytest.mark.wire

Tampering = Callable[[OpenIdProvider], object]


def _now(op: OpenIdProvider) -> int:
    return int(op.now())


def _resigned(op: OpenIdProvider, change: Callable[[bytes], bytes]) -> Callable[[str], str]:
    """Return a mangling that rewrites the payload's bytes and signs them properly."""

    def mangle(token: str) -> str:
        head, payload, _ = token.split(".")
        signed = f"{head}.{encoded(change(base64url_decode(payload)))}"
        signature = get_default_algorithms()["RS256"].sign(signed.encode(), private_key(op.key))
        return f"{signed}.{encoded(signature)}"

    return mangle


def _hmac_by(secret: bytes) -> Callable[[OpenIdProvider], None]:
    def tamper(op: OpenIdProvider) -> None:
        import hmac

        def mangle(token: str) -> str:
            head = encoded({"alg": "HS256", "kid": "rsa-1", "typ": "JWT"})
            signed = f"{head}.{token.split('.')[1]}"
            return f"{signed}.{encoded(hmac.digest(secret, signed.encode(), hashlib.sha256))}"

        op.mangle = mangle

    return tamper


REFUSED: dict[str, Tampering] = {
    "J01 alg None": lambda op: op.header.update(alg="None"),
    "J01 alg nOnE": lambda op: op.header.update(alg="nOnE"),
    "J01 alg none, no third part": lambda op: setattr(
        op, "mangle", lambda token: token.rpartition(".")[0]
    ),
    "J01 alg empty": lambda op: setattr(op, "mangle", _with_header({"alg": "", "kid": "rsa-1"})),
    "J01 alg missing": lambda op: setattr(op, "mangle", _with_header({"kid": "rsa-1"})),
    "J01 alg a list": lambda op: setattr(
        op, "mangle", _with_header({"alg": ["RS256"], "kid": "rsa-1"})
    ),
    "J01 signature emptied": lambda op: setattr(
        op, "mangle", lambda token: token.rpartition(".")[0] + "."
    ),
    "J02 HS256 by the public key": _hmac_by(public_pem("rsa-1")),
    "J02 HS256 by the public key, no newline": _hmac_by(public_pem("rsa-1").strip()),
    "J02 HS256 by the public key, DER": _hmac_by(public_der("rsa-1")),
    "J02 HS256 by the JWK": _hmac_by(json.dumps(jwk("rsa-1")).encode()),
    "J02 HS256 by the client secret": _hmac_by(b"s3cret/+=:&\xc3\xa6"),
    "J04 kid a number": lambda op: op.header.update(kid=1),
    "J04 kid null": lambda op: op.header.update(kid=None),
    "J04 kid empty": lambda op: op.header.update(kid=""),
    "J04 kid very long": lambda op: op.header.update(kid="k" * 40_000),
    "J04 kid of another's key": lambda op: op.header.update(kid="rsa-2"),
    "J05 jwk of an attacker": lambda op: _attacker(op, jwk=jwk("rsa-66")),
    "J05 jku and x5u of an attacker": lambda op: _attacker(
        op, jku=op.url("elsewhere"), x5u=op.url("elsewhere")
    ),
    "J06 crit": lambda op: op.header.update(crit=["exp"]),
    "J06 crit empty": lambda op: op.header.update(crit=[]),
    "J06 b64": lambda op: op.header.update(b64=False),
    "J06 b64 with crit": lambda op: op.header.update(b64=False, crit=["b64"]),
    "J06 zip": lambda op: op.header.update(zip="DEF"),
    "J06 cty": lambda op: op.header.update(cty="JWT"),
    "J06 typ logout+jwt": lambda op: op.header.update(typ="logout+jwt"),
    "J06 typ at+jwt": lambda op: op.header.update(typ="at+jwt"),
    "J06 typ null": lambda op: op.header.update(typ=None),
    "J07 sub twice": lambda op: setattr(
        op, "mangle", _resigned(op, lambda raw: raw[:-1] + b',"sub":"admin"}')
    ),
    "J07 alg twice": lambda op: setattr(
        op, "mangle", _with_header(b'{"alg":"none","alg":"RS256","kid":"rsa-1"}')
    ),
    "J07 aud of others, no azp": lambda op: op.claims.update(aud=[CLIENT_ID, "friend"]),
    "J07 aud of others, azp another": lambda op: op.claims.update(
        aud=[CLIENT_ID, "friend"], azp="friend"
    ),
    "J07 azp another": lambda op: op.claims.update(azp="another"),
    "J07 azp null": lambda op: op.claims.update(azp=None),
    "J07 aud an object": lambda op: op.claims.update(aud={CLIENT_ID: True}),
    "J07 aud a list of lists": lambda op: op.claims.update(aud=[[CLIENT_ID]]),
    "J07 aud empty": lambda op: op.claims.update(aud=[]),
    "J08 exp past": lambda op: op.claims.update(exp=_now(op) - 31),
    "J08 exp a text": lambda op: op.claims.update(exp=str(_now(op) + 300)),
    "J08 exp 1e308": lambda op: op.claims.update(exp=1e308),
    "J08 exp true": lambda op: op.claims.update(exp=True),
    "J08 exp null": lambda op: op.claims.update(exp=None),
    "J08 exp Infinity": lambda op: op.claims.update(exp=float("inf")),
    "J08 exp a huge integer": lambda op: op.claims.update(exp=10**400),
    "J08 nbf in the future": lambda op: op.claims.update(nbf=_now(op) + 120),
    "J08 nbf a text": lambda op: op.claims.update(nbf="now"),
    "J08 iat in the future": lambda op: op.claims.update(iat=_now(op) + 301),
    "J08 iat years ago": lambda op: op.claims.update(iat=_now(op) - 3 * 365 * 86400),
    "J08 iat negative": lambda op: op.claims.update(iat=-1),
    "J08 iat a text": lambda op: op.claims.update(iat="2026-11-20"),
    "J13 iss without its slash": lambda op: op.claims.update(iss=op.issuer.rstrip("/")),
    "J13 iss in upper case": lambda op: op.claims.update(iss=op.issuer.upper()),
    "J13 iss a list": lambda op: op.claims.update(iss=[op.issuer]),
    "S08 nonce missing": lambda op: op.claims.update(nonce=REMOVED),
    "S08 nonce null": lambda op: op.claims.update(nonce=None),
    "S08 nonce half a character": lambda op: op.claims.update(nonce="\ud800"),
    "sub a number": lambda op: op.claims.update(sub=42),
    "sub empty": lambda op: op.claims.update(sub=""),
    "sub 256 characters": lambda op: op.claims.update(sub="s" * 256),
    "sub with NUL": lambda op: op.claims.update(sub="admin\0"),
    "sub half a character": lambda op: op.claims.update(sub="\ud800"),
    "at_hash a list": lambda op: op.claims.update(at_hash=["x"]),
    "payload a list": lambda op: setattr(op, "mangle", _resigned(op, lambda raw: b"[]")),
    "payload no JSON": lambda op: setattr(op, "mangle", _resigned(op, lambda raw: b"{")),
    "payload deep": lambda op: setattr(
        op, "mangle", _resigned(op, lambda raw: b'{"a":' * 9000 + b"1" + b"}" * 9000)
    ),
    "encrypted, of five parts": lambda op: setattr(op, "mangle", lambda token: token + ".a.b"),
    "no token at all": lambda op: setattr(op, "mangle", lambda token: "hello"),
    "not ASCII": lambda op: setattr(op, "mangle", lambda token: "æ" + token),
    "a megabyte": lambda op: setattr(op, "mangle", lambda token: token + "A" * 900_000),
    "missing": lambda op: op.tokens.update(id_token=REMOVED),
    "a number": lambda op: op.tokens.update(id_token=1),
}


def _with_header(header: dict[str, Any] | bytes) -> Callable[[str], str]:
    def mangle(token: str) -> str:
        signed = f"{encoded(header)}.{token.split('.')[1]}"
        signature = get_default_algorithms()["RS256"].sign(signed.encode(), private_key("rsa-1"))
        return f"{signed}.{encoded(signature)}"

    return mangle


def _attacker(op: OpenIdProvider, **header: Any) -> None:
    op.key = "rsa-66"
    op.header.update(kid="rsa-1", **header)


@pytest.mark.parametrize("attack", REFUSED)
def test_refused(portal: Portal, op: OpenIdProvider, attack: str) -> None:
    REFUSED[attack](op)
    assert isinstance(portal.refused(), InvalidGrant)
    assert op.calls["userinfo"] == 0


@pytest.mark.parametrize("kid", ["rsa-999", "../../dev/null"])
def test_j04_a_key_that_is_not_published_is_looked_for_once_and_lets_nobody_in(
    portal: Portal, op: OpenIdProvider, kid: str
) -> None:
    op.header["kid"] = kid
    for _ in range(3):
        assert isinstance(portal.refused(), TemporarilyUnavailable)
    assert op.calls["jwks"] == 2
    assert op.calls["userinfo"] == 0


TOLERATED: dict[str, Tampering] = {
    "2 aud a list of us": lambda op: op.claims.update(aud=[CLIENT_ID]),
    "4 azp us": lambda op: op.claims.update(azp=CLIENT_ID),
    "9 exp just passed": lambda op: op.claims.update(exp=_now(op) - 5),
    "10 iat just ahead": lambda op: op.claims.update(iat=_now(op) + 20),
    "10 iat with a fraction": lambda op: op.claims.update(iat=op.now()),
    "nbf just ahead": lambda op: op.claims.update(nbf=_now(op) + 20),
    "no typ": lambda op: op.header.update(typ=REMOVED),
    "typ in lower case": lambda op: op.header.update(typ="jwt"),
    "no at_hash": lambda op: op.claims.update(at_hash=REMOVED),
    "PS256": lambda op: setattr(op, "algorithm", "PS256"),
    "sub of 255 characters": lambda op: op.claims.update(sub="s" * 255),
    "sub with letters of ours": lambda op: op.claims.update(sub="æøå"),
}


@pytest.mark.parametrize("case", TOLERATED)
def test_tolerated(portal: Portal, op: OpenIdProvider, case: str) -> None:
    TOLERATED[case](op)
    if "sub" in op.claims:
        op.userinfo["sub"] = op.claims["sub"]
    assert portal.login().subject == op.claims.get("sub", SUBJECT)


@pytest.mark.parametrize(
    ("algorithm", "key"), [("ES256", "p256-1"), ("ES384", "p384-1"), ("EdDSA", "ed-1")]
)
def test_7_each_kind_of_key_verifies(
    portal: Portal, op: OpenIdProvider, algorithm: str, key: str
) -> None:
    op.algorithm, op.key = algorithm, key
    op.jwks.append(jwk("p384-1", crv="P-384"))
    assert portal.login(algorithms=("RS256", "ES256", "ES384", "EdDSA")).subject == SUBJECT


def _as_der(signature: bytes) -> bytes:
    half = len(signature) // 2
    r, s = (int.from_bytes(each) for each in (signature[:half], signature[half:]))
    return encode_dss_signature(r, s)


ES256_SPELT: dict[str, Callable[[bytes], bytes]] = {
    "J02 ES256 in DER": _as_der,
    "J02 ES256 in DER, filled to 96 bytes": lambda raw: _as_der(raw).ljust(96, b"\0"),
    "J02 ES256 of zeros": lambda raw: bytes(len(raw)),
    "J02 ES256 with a zero before each half": lambda raw: b"\0" + raw[:32] + b"\0" + raw[32:],
    "J02 ES256 and a byte more": lambda raw: raw + b"\0",
    "J02 ES256 less its last byte": lambda raw: raw[:-1],
}


@pytest.mark.parametrize("spelt", ES256_SPELT)
def test_a_signature_on_a_curve_has_one_spelling(
    portal: Portal, op: OpenIdProvider, spelt: str
) -> None:
    """RFC 7518, 3.4: R and S, each of the curve's length, side by side."""
    op.algorithm, op.key = "ES256", "p256-1"

    def mangle(token: str) -> str:
        signed, _, signature = token.rpartition(".")
        return f"{signed}.{encoded(ES256_SPELT[spelt](base64url_decode(signature)))}"

    op.mangle = mangle
    assert isinstance(portal.refused(algorithms=("ES256",)), InvalidGrant)
    op.mangle = str
    assert portal.login(algorithms=("ES256",)).subject == SUBJECT


def test_3_audiences_that_the_settings_trust_may_stand_beside_us(
    portal: Portal, op: OpenIdProvider
) -> None:
    op.claims.update(aud=[CLIENT_ID, "friend"], azp=CLIENT_ID)
    assert portal.login(trusted_audiences=("friend",)).subject == SUBJECT
    op.claims["azp"] = REMOVED
    assert isinstance(portal.refused(trusted_audiences=("friend",)), InvalidGrant)


def test_8_an_old_id_token_is_not_taken_again(portal: Portal, op: OpenIdProvider) -> None:
    _source, tokens = portal.signed_in()
    op.mangle = lambda token: tokens.id_token
    assert isinstance(portal.refused(), InvalidGrant)


def test_13_max_age_asks_for_auth_time(portal: Portal, op: OpenIdProvider) -> None:
    asked: dict[str, Any] = {"authorize": {"max_age": "60"}}
    assert isinstance(portal.refused(**asked), InvalidGrant)
    op.claims["auth_time"] = _now(op) - 120
    assert isinstance(portal.refused(**asked), InvalidGrant)
    op.claims["auth_time"] = _now(op) - 30
    assert portal.login(**asked).subject == SUBJECT


def test_the_leeway_is_a_setting(portal: Portal, op: OpenIdProvider) -> None:
    op.claims["exp"] = _now(op) - 5
    assert isinstance(portal.refused(leeway=0), InvalidGrant)
    op.claims["exp"] = _now(op) - 100
    assert portal.login(leeway=200).subject == SUBJECT


def test_j16_a_bad_signature_and_a_bad_payload_read_alike(
    portal: Portal, op: OpenIdProvider
) -> None:
    op.mangle = lambda token: token[:-8] + ("AAAAAAAA" if token[-8:] != "AAAAAAAA" else "BBBBBBBB")
    signature = portal.refused()
    op.mangle = _resigned(op, lambda raw: b"{")
    assert str(portal.refused()) == str(signature)
