"""The keys of an OpenID provider (RFC 7517), and which of them may have signed a token.

A key is only ever used for the algorithms of its own kind and for verifying signatures, whatever
a token asks for (RFC 8725, 3.1 and 3.2). Each is parsed once, when it is needed first.
"""

from __future__ import annotations

from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from accounts.errors import TemporarilyUnavailable

MOST_KEYS = 256
WEAKEST_RSA = 2048
# PyJWT compares the kind of a key, not its curve (RFC 7518, 3.4; RFC 8037, 3.1).
_CURVES = {"ES256": "P-256", "ES384": "P-384", "ES512": "P-521", "EdDSA": "Ed25519"}


class KeySet:
    """The keys of one document (RFC 7517, 5)."""

    def __init__(self, keys: list[dict[str, Any]]) -> None:
        self._keys = keys
        self._parsed: dict[tuple[int, str], jwt.PyJWK | None] = {}

    def find(self, kid: str | None, algorithm: str) -> jwt.PyJWK | None:
        """Return the one key that may have signed. None when there is none, or no telling which.

        `kid` is the token's; without it exactly one key must fit (OIDC Core, 10.1).
        """
        named = [n for n, key in enumerate(self._keys) if kid is None or key.get("kid") == kid]
        fitting = [found for number in named if (found := self._key(number, algorithm))]
        return fitting[0] if len(fitting) == 1 else None

    def usable(self, algorithms: tuple[str, ...]) -> int:
        """Return how many keys can verify a signature of one of `algorithms`."""
        return sum(any(self._key(n, each) for each in algorithms) for n in range(len(self._keys)))

    def _key(self, number: int, algorithm: str) -> jwt.PyJWK | None:
        place = number, algorithm
        if place not in self._parsed:
            key = self._keys[number]
            self._parsed[place] = _parse(key, algorithm) if _may_verify(key, algorithm) else None
        return self._parsed[place]


def read(document: Any) -> KeySet:
    """Return the keys of a JWKS document (RFC 7517, 5); members that are no keys are left out.

    Raises `TemporarilyUnavailable` when it is not such a document, or holds too many keys.
    """
    listed = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(listed, list) or not listed:
        raise TemporarilyUnavailable("The document at jwks_uri holds no keys.")
    if len(listed) > MOST_KEYS:
        raise TemporarilyUnavailable(f"The document at jwks_uri holds more than {MOST_KEYS} keys.")
    return KeySet([each for each in listed if isinstance(each, dict)])


def _may_verify(key: dict[str, Any], algorithm: str) -> bool:
    """Tell whether the document lets a key verify signatures of `algorithm`."""
    operations = key.get("key_ops", ["verify"])
    return (
        key.get("use", "sig") == "sig"
        and isinstance(operations, list)
        and "verify" in operations
        and key.get("alg", algorithm) == algorithm
        and "d" not in key  # a private key in public has signed whatever anybody wanted
        and (algorithm not in _CURVES or key.get("crv") == _CURVES[algorithm])
    )


def _parse(document: dict[str, Any], algorithm: str) -> jwt.PyJWK | None:
    """Return the key bound to `algorithm`; None for another kind, a malformed and a weak one."""
    try:
        key = jwt.PyJWK(document, algorithm)
    except (jwt.PyJWTError, ValueError, TypeError, KeyError):
        return None
    weak = isinstance(key.key, RSAPublicKey) and key.key.key_size < WEAKEST_RSA  # RFC 7518, 3.3
    return None if weak else key
