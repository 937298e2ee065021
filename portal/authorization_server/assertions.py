"""Assertions by which a client proves who it is: `private_key_jwt` (RFC 7523, 2.2 and 3)."""

import time
from datetime import UTC, datetime
from typing import Any

import jwt

from accounts import conf
from accounts.errors import InvalidRequest
from portal.authorization_server.errors import InvalidClient
from portal.authorization_server.models import Client, Spent

LONGEST = 8192
LONGEST_LIFE = 3600
LEEWAY = 30


def subject_of(assertion: str) -> str:
    """Return whom an assertion names, not proved yet. Raises `InvalidRequest` for no JWT."""
    try:
        if len(assertion) > LONGEST:
            raise InvalidRequest("The client_assertion is too long.")
        claims = jwt.decode(assertion, options={"verify_signature": False})
    except (jwt.PyJWTError, ValueError, RecursionError):
        raise InvalidRequest("The client_assertion is no JWT.") from None
    found = claims.get("sub")
    if not isinstance(found, str):
        raise InvalidRequest("The client_assertion names no client.")
    return found


def verify(assertion: str, client: Client) -> None:
    """Check an assertion of `client`, and spend it. Raises `InvalidClient`, for every reason."""
    claims = _verified(assertion, client)
    jti, ends = claims["jti"], claims["exp"]
    if not isinstance(jti, str) or not 0 < len(jti) <= 500 or ends > time.time() + LONGEST_LIFE:
        raise InvalidClient
    if not Spent.spend(f"{client.client_id}\0{jti}", datetime.fromtimestamp(ends + LEEWAY, UTC)):
        raise InvalidClient


def _verified(assertion: str, client: Client) -> dict[str, Any]:
    issuer = conf.site_url()
    # The issuer's identifier is the one audience of RFC 7523bis; older clients name the endpoint.
    meant = [issuer, *(f"{issuer}/oauth/{each}" for each in ("token", "par", "revoke"))]
    for key in _keys(assertion, client):
        try:
            return jwt.decode(
                assertion,
                key.key,
                algorithms=_algorithms(key, client),
                audience=meant,
                issuer=client.client_id,
                leeway=LEEWAY,
                options={"require": ["exp", "iss", "sub", "aud", "jti"]},
            )
        except (jwt.PyJWTError, ValueError, TypeError):
            continue
    raise InvalidClient


def _algorithms(key: jwt.PyJWK, client: Client) -> list[str]:
    """Return by which algorithms a key may sign: the one that it names, else those of its type."""
    named = next((e.get("alg") for e in client.jwks["keys"] if e.get("kid") == key.key_id), None)
    fit = ["ES256"] if key.key_type == "EC" else ["RS256", "PS256"]
    return [each for each in fit if named in {None, each}]


def _keys(assertion: str, client: Client) -> list[jwt.PyJWK]:
    """Return the client's keys that may have signed: those of the `kid`, else all of them."""
    try:
        kid = jwt.get_unverified_header(assertion).get("kid")
        known = jwt.PyJWKSet.from_dict(client.jwks).keys
    except (jwt.PyJWTError, AttributeError, TypeError, ValueError):
        raise InvalidClient from None
    fit = [each for each in known if each.public_key_use in {None, "sig"}]
    return [each for each in fit if each.key_id == kid] if kid else fit
