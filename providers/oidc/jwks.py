"""The keys of an OpenID provider (RFC 7517), and which of them may have signed a token.

A key is only ever used for the algorithms of its own kind and for verifying signatures, whatever
a token asks for (RFC 8725, 3.1 and 3.2). Each is parsed once, when it is needed first.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from accounts.errors import TemporarilyUnavailable

MOST_KEYS = 256
WEAKEST_RSA = 2048
# The kind of key that an algorithm needs (RFC 7518, 3.1; RFC 8037, 3.1). Nothing else verifies.
_KINDS: Mapping[str, tuple[str, str]] = {
    **dict.fromkeys(("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"), ("RSA", "")),
    "ES256": ("EC", "P-256"),
    "ES384": ("EC", "P-384"),
    "ES512": ("EC", "P-521"),
    "EdDSA": ("OKP", "Ed25519"),
}


class Key:
    """One key as it stands in the document."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self.kid = document.get("kid")
        self._document = dict(document)
        self._parsed: dict[str, jwt.PyJWK | None] = {}

    def fits(self, algorithm: str) -> bool:
        """Tell whether the document lets this key verify signatures of `algorithm`."""
        document = self._document
        kind, curve = _KINDS[algorithm]
        operations = document.get("key_ops", ["verify"])
        return (
            document.get("kty") == kind
            and (not curve or document.get("crv") == curve)
            and document.get("use", "sig") == "sig"
            and isinstance(operations, list)
            and "verify" in operations
            and document.get("alg", algorithm) == algorithm
            and "d" not in document  # a private key in public has signed whatever anybody wanted
        )

    def parsed(self, algorithm: str) -> jwt.PyJWK | None:
        """Return the key bound to `algorithm`; None when it is malformed or too weak."""
        if algorithm not in self._parsed:
            self._parsed[algorithm] = _parse(self._document, algorithm)
        return self._parsed[algorithm]


class KeySet:
    """The keys of one document (RFC 7517, 5)."""

    def __init__(self, keys: list[Key]) -> None:
        self._keys = keys

    def find(self, kid: str | None, algorithm: str) -> jwt.PyJWK | None:
        """Return the one key that may have signed. None when there is none, or no telling which.

        `kid` is the token's; without it exactly one key must fit (OIDC Core, 10.1).
        """
        named = [key for key in self._keys if kid is None or key.kid == kid]
        fitting = [key for key in named if key.fits(algorithm)]
        return fitting[0].parsed(algorithm) if len(fitting) == 1 else None

    def usable(self, algorithms: tuple[str, ...]) -> int:
        """Return how many keys can verify a signature of one of `algorithms`."""
        return sum(
            any(key.fits(each) and key.parsed(each) is not None for each in algorithms)
            for key in self._keys
        )


def read(document: Any) -> KeySet:
    """Return the keys of a JWKS document (RFC 7517, 5); members that are no keys are left out.

    Raises `TemporarilyUnavailable` when it is not such a document, or holds too many keys.
    """
    listed = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(listed, list) or not listed:
        raise TemporarilyUnavailable("The document at jwks_uri holds no keys.")
    if len(listed) > MOST_KEYS:
        raise TemporarilyUnavailable(f"The document at jwks_uri holds more than {MOST_KEYS} keys.")
    return KeySet([Key(each) for each in listed if isinstance(each, dict)])


def _parse(document: dict[str, Any], algorithm: str) -> jwt.PyJWK | None:
    try:
        key = jwt.PyJWK(document, algorithm)
    except (jwt.PyJWTError, ValueError, TypeError, KeyError):
        return None
    weak = isinstance(key.key, RSAPublicKey) and key.key.key_size < WEAKEST_RSA  # RFC 7518, 3.3
    return None if weak else key
