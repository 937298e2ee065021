"""What a grant is turned into: the token response with its signed tokens."""

from __future__ import annotations

import base64
import hashlib
import secrets
import time
from typing import Any

from tests.sandbox import conf, faults, grants, keys
from tests.sandbox.grants import Grant
from tests.sandbox.realms import Realm

ID_TOKEN_SECONDS = 300
LOGOUT_TOKEN_SECONDS = 120
LOGOUT_EVENT = "http://schemas.openid.net/event/backchannel-logout"


def issuer(realm: Realm) -> str:
    """Return who answers say that they come from: in the fault *wrong issuer* somebody else."""
    if faults.switch.is_on(faults.WRONG_ISSUER):
        return f"{conf.sandbox_origin()}/somebody-else"
    return realm.issuer


def response(realm: Realm, grant: Grant) -> dict[str, Any]:
    """Return the successful token response (RFC 6749, 5.1; OIDC Core, 3.1.3.3)."""
    access_token = _access_token(realm, grant)
    grants.keep_access_token(grant, access_token)
    return {
        "access_token": access_token,
        "token_type": "Bearer",
        "expires_in": grants.ACCESS_SECONDS,
        "refresh_token": grants.issue_refresh_token(grant),
        "id_token": _id_token(realm, grant, access_token),
        "scope": grant.scope,
    }


def logout_token(realm: Realm, grant: Grant) -> str:
    """Return the news that a session ended (OIDC Back-Channel Logout 1.0, 2.4)."""
    claims = {
        **_envelope(realm, grant.client_id, LOGOUT_TOKEN_SECONDS),
        "sub": grant.subject,
        "sid": grant.sid,
        "events": {LOGOUT_EVENT: {}},
    }
    return keys.sign(claims, "logout+jwt")


def _id_token(realm: Realm, grant: Grant, access_token: str) -> str:
    claims = {
        **_envelope(realm, grant.client_id, ID_TOKEN_SECONDS),
        "sub": grant.subject,
        "sid": grant.sid,
        "auth_time": grant.auth_time,
        "amr": ["pwd"],
        "at_hash": _half_hash(access_token),
    }
    if grant.nonce:
        claims["nonce"] = grant.nonce
    return keys.sign(claims, "JWT")


def _access_token(realm: Realm, grant: Grant) -> str:
    """Return a token that the site can judge by itself (RFC 9068, 2.2)."""
    claims = {
        **_envelope(realm, conf.site_origin(), grants.ACCESS_SECONDS),
        "sub": grant.subject,
        "sid": grant.sid,
        "client_id": grant.client_id,
        "scope": grant.scope,
        "auth_time": grant.auth_time,
    }
    return keys.sign(claims, "at+jwt")


def _envelope(realm: Realm, audience: str, seconds: int) -> dict[str, Any]:
    now = int(time.time())
    return {
        "iss": issuer(realm),
        "aud": audience,
        "iat": now,
        "exp": now + seconds,
        "jti": secrets.token_urlsafe(16),
    }


def _half_hash(access_token: str) -> str:
    """Return `at_hash` (OIDC Core, 3.1.3.6)."""
    half = hashlib.sha256(access_token.encode()).digest()[:16]
    return base64.urlsafe_b64encode(half).rstrip(b"=").decode()
