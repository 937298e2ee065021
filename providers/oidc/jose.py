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


def header(token: str) -> dict[str, Any]:
    """Return the header of a compact JWS. Raises `InvalidGrant`.

    Keys that a header carries or points to (jwk, jku, x5c, x5u) are not looked at by anybody.
    """
    if not token.isascii() or len(token) > LONGEST or token.count(".") != 2:
        raise InvalidGrant("The token is not a signed token of a reasonable size.")
    try:
        found = strict_object(base64url_decode(token.partition(".")[0]))
    except ValueError:
        raise InvalidGrant("The header of the token cannot be read.") from None
    if any(name in found for name in _EXTENSIONS):
        raise InvalidGrant("The token uses an extension that is not understood.")
    kid = found.get("kid", "")
    if not isinstance(kid, str) or len(kid) > _LONGEST_KID or ("kid" in found and not kid):
        raise InvalidGrant("The token's kid is not the name of a key.")
    return found


def check_algorithm(found: dict[str, Any], allowed: tuple[str, ...]) -> str:
    """Return the header's algorithm. Raises `InvalidGrant` when it is not one of `allowed`."""
    algorithm = found.get("alg")
    if not isinstance(algorithm, str) or algorithm not in allowed:
        raise InvalidGrant("The token is signed by an algorithm that is not allowed.")
    return algorithm


def check_type(found: dict[str, Any], *allowed: str) -> None:
    """Refuse a token of another kind (RFC 8725, 3.11). `typ` may be absent."""
    kind = found.get("typ", allowed[0])
    name = kind.lower().removeprefix("application/") if isinstance(kind, str) else ""
    if name not in allowed:
        raise InvalidGrant("The token is of another kind.")


def claims(token: str, key: jwt.PyJWK, algorithm: str) -> dict[str, Any]:
    """Verify the signature and return the claims. Raises `InvalidGrant`, alike for every cause."""
    try:
        payload = _jws.decode(token, key, algorithms=[algorithm])
        return strict_object(payload)
    except (jwt.PyJWTError, ValueError, RecursionError):
        raise InvalidGrant("The token's signature or content is not valid.") from None


def unverified_claims(token: str) -> dict[str, Any]:
    """Return the claims of a token that was verified before it was stored; {} for none."""
    parts = token.split(".")
    try:
        return strict_object(base64url_decode(parts[1])) if len(parts) == 3 else {}
    except (ValueError, RecursionError):
        return {}
