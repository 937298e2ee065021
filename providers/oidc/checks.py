"""What the claims of a token must say: one check per function, each for one rule of OIDC Core.

All raise `InvalidGrant` with a sentence for operators that holds nothing of the token.
"""

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, TypeGuard

from jwt.utils import base64url_encode

from accounts.errors import NO_PROOF, InvalidGrant

LONGEST = 255
# A token that we have just asked for was made just now; more is a clock that is wrong.
OLDEST_SECONDS = 600
_END_OF_TIME = 253_402_300_799  # the last second of the year 9999

Claims = Mapping[str, Any]


def issuer(claims: Claims, expected: str) -> None:
    """3.1.3.7, 2: `iss` is exactly the issuer that discovery named."""
    if claims.get("iss") != expected:
        raise InvalidGrant("The token comes from another issuer.")


def audience(claims: Claims, client_id: str, trusted: tuple[str, ...]) -> None:
    """3.1.3.7, 3: `aud` contains us, and nobody whom the settings do not trust."""
    listed = audiences(claims)
    if client_id not in listed:
        raise InvalidGrant("The token is for another client.")
    if not listed <= {client_id, *trusted}:
        raise InvalidGrant("The token is for others as well: name them in trusted_audiences.")


def audiences(claims: Claims) -> set[str]:
    """Return `aud` as a set. Raises `InvalidGrant` when it is not a text or a list of texts."""
    found = claims.get("aud")
    listed = [found] if isinstance(found, str) else found
    if not isinstance(listed, list) or not all(isinstance(each, str) for each in listed):
        raise InvalidGrant("The token does not say whom it is for.")
    return set(listed)


def authorized_party(claims: Claims, client_id: str) -> None:
    """3.1.3.7, 4 and 5: `azp` is us where it is named, and is named where `aud` has several."""
    if "azp" in claims and claims["azp"] != client_id:
        raise InvalidGrant("The token was issued to another client.")
    if "azp" not in claims and len(audiences(claims)) > 1:
        raise InvalidGrant("The token has several audiences and does not say whose it is.")


def expiry(claims: Claims, now: datetime, leeway: int) -> None:
    """3.1.3.7, 9; RFC 7519, 4.1.5: `exp` is there and has not passed."""
    if now.timestamp() >= moment(claims, "exp") + leeway:
        raise InvalidGrant("The token has expired.")


def issued_at(claims: Claims, now: datetime, leeway: int) -> None:
    """3.1.3.7, 10: `iat` is there, not in the future and not too long ago."""
    age = now.timestamp() - moment(claims, "iat")
    if age < -leeway:
        raise InvalidGrant("The token was issued in the future: compare the clocks.")
    if age > OLDEST_SECONDS + leeway:
        raise InvalidGrant("The token was issued too long ago: compare the clocks.")


def not_before(claims: Claims, now: datetime, leeway: int) -> None:
    """RFC 7519, 4.1.4: `nbf`, where it is named, has passed."""
    if "nbf" in claims and now.timestamp() < moment(claims, "nbf") - leeway:
        raise InvalidGrant("The token is not valid yet: compare the clocks.")


def authenticated_at(claims: Claims, max_age: str, now: datetime, leeway: int) -> None:
    """3.1.3.7, 13: where `max_age` was asked for, `auth_time` is there and recent enough."""
    if max_age and now.timestamp() - moment(claims, "auth_time") > int(max_age) + leeway:
        raise InvalidGrant("The person signed in upstream too long ago.")


def proof_is_fresh(claims: Claims, since: datetime, leeway: int) -> None:
    """3.1.2.1, `max_age=0`: who was asked to sign in again did so. `auth_time` must tell, since a
    browser can leave the question out of the request; some providers write 0 when they do not know.
    """
    if not claims.get("auth_time"):
        raise InvalidGrant("The token does not say when the person signed in.", reason=NO_PROOF)
    if moment(claims, "auth_time") < since.timestamp() - leeway:
        raise InvalidGrant("The person was not asked to sign in again.")


def auth_time(claims: Claims) -> datetime | None:
    """Return `auth_time` (2): when the person signed in upstream; None where it does not tell."""
    try:
        told = moment(claims, "auth_time")
    except InvalidGrant:
        return None
    return datetime.fromtimestamp(told, UTC) if told else None


def issue_time(claims: Claims) -> datetime | None:
    """Return `iat` (2): when the token was made; None where it does not tell."""
    try:
        return datetime.fromtimestamp(moment(claims, "iat"), UTC)
    except InvalidGrant:
        return None


def access_token_hash(claims: Claims, access_token: str, algorithm: str) -> None:
    """3.1.3.8: `at_hash`, where it is named, is the left half of the access token's hash."""
    if "at_hash" not in claims:
        return
    # Ed25519 hashes with SHA-512 (RFC 8032, 5.1); the others say their size.
    name = "sha512" if algorithm == "EdDSA" else f"sha{algorithm[-3:]}"
    whole = hashlib.new(name, access_token.encode()).digest()
    expected = base64url_encode(whole[: len(whole) // 2]).decode()
    if claims["at_hash"] != expected:
        raise InvalidGrant("The access token does not belong to the id_token.")


def subject(claims: Claims) -> str:
    """Return `sub` (2): a text of 1 to 255 printable characters."""
    found = claims.get("sub")
    if not is_name(found):
        raise InvalidGrant("The token names nobody.")
    return found


def is_name(found: object, longest: int = LONGEST) -> TypeGuard[str]:
    """Tell whether a claim is a text that can be stored and looked up: printable, not too long."""
    return isinstance(found, str) and 0 < len(found) <= longest and found.isprintable()


def moment(claims: Claims, name: str) -> float:
    """Return a NumericDate (RFC 7519, 2) in seconds."""
    found: Any = claims.get(name)
    if type(found) not in {int, float} or not 0 <= found <= _END_OF_TIME:
        raise InvalidGrant(f"The token's {name} is missing or not a time.")
    return float(found)
