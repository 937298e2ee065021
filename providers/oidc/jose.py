"""Signed tokens (RFC 7515, 7519), read strictly, and the keys that verify them (RFC 7517).

What is unusual is refused (RFC 8725): a token by an `InvalidGrant` whose sentence is for operators
and holds nothing of it. A key is only ever used for the algorithms of its own kind and for
verifying signatures, whatever a token asks for (3.1 and 3.2).
"""

from __future__ import annotations

from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from django.utils.translation import gettext_noop as _
from jwt.utils import base64url_decode

from accounts.errors import InvalidGrant, Said, TemporarilyUnavailable
from accounts.serialization import strict_object

LONGEST = 64 * 1024
_LONGEST_KID = 512
# Extensions that change how a token is read, none of which we know (RFC 7515, 4.1.11; RFC 7797).
_EXTENSIONS = ("b64", "crit", "cty", "zip")
MOST_KEYS = 256
WEAKEST_RSA = 2048
# PyJWT compares the kind of a key, not its curve (RFC 7518, 3.4; RFC 8037, 3.1).
_CURVES = {"ES256": "P-256", "ES384": "P-384", "ES512": "P-521", "EdDSA": "Ed25519"}

_jws = jwt.PyJWS()


class BadSignature(InvalidGrant):
    """The signature is by another key than the one that was tried."""


class UnknownKey(InvalidGrant):
    """The token names a key that is not published, or not yet."""


class KeyNotSought(UnknownKey):
    """It is not known, and was not looked for: somebody else's token was lately."""


class SignedToken(str):
    """A compact JWS (RFC 7515, 3.1) with its `header`, which is parsed once. Raises `InvalidGrant`.

    Keys that a header carries or points to (jwk, jku, x5c, x5u) are not looked at by anybody.
    """

    __slots__ = ("asker", "header")
    header: dict[str, Any]
    asker: str

    def __new__(cls, token: str) -> SignedToken:
        """Read the header of `token`; nothing of it is verified yet."""
        signed = super().__new__(cls, token)
        if not token.isascii() or len(token) > LONGEST or token.count(".") != 2:
            raise InvalidGrant("The token is not a signed token of a reasonable size.")
        try:
            signed.header = strict_object(base64url_decode(token.partition(".")[0]))
        except ValueError:
            raise InvalidGrant("The header of the token cannot be read.") from None
        if any(name in signed.header for name in _EXTENSIONS):
            raise InvalidGrant("The token uses an extension that is not understood.")
        kid = signed.header.get("kid", "-")
        if not isinstance(kid, str) or not 0 < len(kid) <= _LONGEST_KID:
            raise InvalidGrant("The token's kid is not the name of a key.")
        return signed

    @property
    def type(self) -> str:
        """`typ` without `application/` (RFC 7515, 4.1.9), `jwt` when it is absent."""
        named = self.header.get("typ", "jwt")
        return named.lower().removeprefix("application/") if isinstance(named, str) else ""

    def check_type(self, *allowed: str) -> None:
        """Refuse a token of another kind (RFC 8725, 3.11). Raises `InvalidGrant`."""
        if self.type not in allowed:
            raise InvalidGrant("The token is of another kind.")

    def algorithm(self, allowed: tuple[str, ...]) -> str:
        """Return `alg`. Raises `InvalidGrant` when it is not one of `allowed`."""
        named = self.header.get("alg")
        if not isinstance(named, str) or named not in allowed:
            raise InvalidGrant("The token is signed by an algorithm that is not allowed.")
        return named

    def claims(self, key: jwt.PyJWK, algorithm: str) -> dict[str, Any]:
        """Verify the signature and return the claims. Raises `InvalidGrant`, alike for all, as its
        subclass `BadSignature` where another key could help.
        """
        try:
            return strict_object(_jws.decode(self, key, algorithms=[algorithm]))
        except jwt.InvalidSignatureError:
            raise BadSignature("The token's signature or content is not valid.") from None
        except (jwt.PyJWTError, ValueError, RecursionError):
            raise InvalidGrant("The token's signature or content is not valid.") from None


def unverified_claims(token: str) -> dict[str, Any]:
    """Return the claims of a token, which others verify; {} for none that can be read."""
    parts = token.split(".")
    try:
        return strict_object(base64url_decode(parts[1])) if len(parts) == 3 else {}
    except ValueError:
        return {}


class KeySet:
    """The keys of one document (RFC 7517, 5). Each is parsed once, when it is needed first."""

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

    def names(self, kid: str | None) -> bool:
        """Tell whether a key is published under `kid`, whatever it may be used for."""
        return kid is None or any(key.get("kid") == kid for key in self._keys)

    def usable(self, algorithms: tuple[str, ...]) -> int:
        """Return how many keys can verify a signature of one of `algorithms`."""
        return sum(any(self._key(n, each) for each in algorithms) for n in range(len(self._keys)))

    def _key(self, number: int, algorithm: str) -> jwt.PyJWK | None:
        place = number, algorithm
        if place not in self._parsed:
            key = self._keys[number]
            self._parsed[place] = _parse(key, algorithm) if _may_verify(key, algorithm) else None
        return self._parsed[place]


def read_keys(document: Any) -> KeySet:
    """Return the keys of a JWKS document (RFC 7517, 5); members that are no keys are left out.

    Raises `TemporarilyUnavailable` when it is not such a document, or holds too many keys.
    """
    listed = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(listed, list) or not listed:
        raise TemporarilyUnavailable(Said(_("The document at jwks_uri holds no keys.")))
    if len(listed) > MOST_KEYS:
        template = _("The document at jwks_uri holds more than %(most)d keys.")
        raise TemporarilyUnavailable(Said(template, most=MOST_KEYS))
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
