"""The sandbox's signing key: made at the first start, kept, published as a JWKS (RFC 7517)."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from jwt.algorithms import RSAAlgorithm

from tests.sandbox import faults, store

ALGORITHM = "RS256"
KID = "sandbox-1"


def jwks() -> dict[str, Any]:
    """Return the public half of the key as a key set."""
    own = json.loads(RSAAlgorithm.to_jwk(_own().public_key()))
    return {"keys": [{**own, "kid": KID, "use": "sig", "alg": ALGORITHM}]}


def sign(claims: dict[str, Any], typ: str) -> str:
    """Return `claims` as a signed token (RFC 7515).

    In the fault *wrong key* it bears the name of our key and the signature of a stranger's.
    """
    key = _strangers() if faults.switch.is_on(faults.WRONG_KEY) else _own()
    return jwt.encode(claims, key, ALGORITHM, headers={"kid": KID, "typ": typ})


def read_hint(token: str, issuer: str) -> dict[str, Any] | None:
    """Return the claims of an ID token of ours, or None when it is not one.

    An expired one is as good a hint as any (OIDC RP-Initiated Logout 1.0, 4).
    """
    try:
        claims: dict[str, Any] = jwt.decode(
            token,
            _own().public_key(),
            [ALGORITHM],
            issuer=issuer,
            options={"verify_exp": False, "verify_aud": False},
        )
    except jwt.InvalidTokenError:
        return None
    return claims if jwt.get_unverified_header(token).get("typ") == "JWT" else None


@cache
def _own() -> RSAPrivateKey:
    if store.get("key", KID) is None:
        store.put("key", KID, {"pem": _pem(_fresh())})
    kept = store.get("key", KID) or {}
    key = serialization.load_pem_private_key(kept["pem"].encode(), password=None)
    if not isinstance(key, RSAPrivateKey):
        raise TypeError("The kept key is not an RSA key.")
    return key


@cache
def _strangers() -> RSAPrivateKey:
    return _fresh()


def _fresh() -> RSAPrivateKey:
    return generate_private_key(public_exponent=65537, key_size=2048)


def _pem(key: RSAPrivateKey) -> str:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()
