"""Assertions by which a client proves who it is: `private_key_jwt` (RFC 7523, 2.2 and 3)."""

import time
from datetime import UTC, datetime
from typing import Any

import jwt

from accounts import conf
from accounts.errors import InvalidRequest
from portal.authorization_server import client_keys
from portal.authorization_server.client_keys import ClientKey
from portal.authorization_server.errors import InvalidClient
from portal.authorization_server.models import Client, Spent

LONGEST = 8192
LONGEST_LIFE = 3600
LEEWAY = 30
# For how long more it is known that one was spent: a machine whose clock is behind still takes what
# the clean-up of one whose clock is ahead would have forgotten.
_KEPT_ON = 3600
# Where a client proves who it is.
ENDPOINTS = ("token", "par", "revoke", "introspect", "device_authorization")
# Numbers in JSON (RFC 7519, 2); the library takes what can be made one, such as a text, as well.
_DATES = ("exp", "iat", "nbf")


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
    """Check an assertion of `client`, and spend it. Raises `InvalidClient`, for every reason but
    `TemporarilyUnavailable`: the client's own keys cannot be fetched.
    """
    claims = _verified(assertion, client)
    if not all(type(claims[each]) in {int, float} for each in _DATES if each in claims):
        raise InvalidClient
    jti, ends = claims["jti"], claims["exp"]
    if not isinstance(jti, str) or not 0 < len(jti) <= 500 or ends > time.time() + LONGEST_LIFE:
        raise InvalidClient
    until = datetime.fromtimestamp(ends + LEEWAY + _KEPT_ON, UTC)
    if not Spent.spend(f"{client.client_id}\0{jti}", until):
        raise InvalidClient


def _verified(assertion: str, client: Client) -> dict[str, Any]:
    try:
        kid = jwt.get_unverified_header(assertion).get("kid")
    except (jwt.PyJWTError, ValueError):
        raise InvalidClient from None
    for keys in client_keys.of_client(client.jwks, client.jwks_uri, client.client_id):
        for key in keys:
            if kid is None or key.kid == kid:
                try:
                    return _claims(assertion, client, key)
                except (jwt.InvalidSignatureError, jwt.InvalidAlgorithmError):
                    continue  # another key of the client's may fit, of another type as well
                except (jwt.PyJWTError, ValueError, TypeError):
                    raise InvalidClient from None
    raise InvalidClient


def _claims(assertion: str, client: Client, key: ClientKey) -> dict[str, Any]:
    issuer = conf.site_url()
    # The issuer's identifier is the one audience of RFC 7523bis; older clients name the endpoint.
    meant = [issuer, *(f"{issuer}/oauth/{each}" for each in ENDPOINTS)]
    return jwt.decode(
        assertion,
        key.key,
        algorithms=list(key.algorithms),
        audience=meant,
        issuer=client.client_id,
        leeway=LEEWAY,
        options={"require": ["exp", "iss", "sub", "aud", "jti"]},
    )
