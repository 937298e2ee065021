"""Signed tokens (RFC 7515, 7519), read strictly: what is unusual is refused (RFC 8725).

Every refusal is an `InvalidGrant` whose sentence is for operators and holds nothing of the token.
"""

from __future__ import annotations

from typing import Any

import jwt
from jwt.utils import base64url_decode

from accounts.errors import InvalidGrant
from accounts.serialization import strict_object

LONGEST = 64 * 1024
_LONGEST_KID = 512
# Extensions that change how a token is read, none of which we know (RFC 7515, 4.1.11; RFC 7797).
_EXTENSIONS = ("b64", "crit", "cty", "zip")

_jws = jwt.PyJWS()


class SignedToken(str):
    """A compact JWS (RFC 7515, 3.1) with its `header`, which is parsed once. Raises `InvalidGrant`.

    Keys that a header carries or points to (jwk, jku, x5c, x5u) are not looked at by anybody.
    """

    __slots__ = ("header",)
    header: dict[str, Any]

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
        if "kid" in signed.header and not _is_name(signed.header["kid"]):
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
        """Verify the signature and return the claims. Raises `InvalidGrant`, alike for all."""
        try:
            return strict_object(_jws.decode(self, key, algorithms=[algorithm]))
        except (jwt.PyJWTError, ValueError, RecursionError):
            raise InvalidGrant("The token's signature or content is not valid.") from None


def unverified_claims(token: str) -> dict[str, Any]:
    """Return the claims of a token that was verified before it was stored; {} for none."""
    parts = token.split(".")
    try:
        return strict_object(base64url_decode(parts[1])) if len(parts) == 3 else {}
    except ValueError:
        return {}


def _is_name(kid: object) -> bool:
    return isinstance(kid, str) and 0 < len(kid) <= _LONGEST_KID
