"""The broker's token response: the sandbox's, with what Unilogin says more."""

from __future__ import annotations

from typing import Any

import jwt

from tests.sandbox import keys, tokens
from tests.sandbox.grants import Grant
from tests.sandbox.unilogin.broker import BROKER, claims_of

# The end of a session at the broker, from the last use of a refresh token.
REFRESH_SECONDS = 1799
SPEC_VERSION = "OIDC.3.0-UNILOGIN"


def response(grant: Grant) -> dict[str, Any]:
    """Return the successful token response (RFC 6749, 5.1), with `refresh_expires_in`."""
    answer = tokens.response(BROKER, grant)
    return {
        **answer,
        "id_token": _id_token(grant, answer["id_token"]),
        "refresh_expires_in": REFRESH_SECONDS,
        "session_state": grant.sid,
        "not-before-policy": 0,
    }


def _id_token(grant: Grant, plain: str) -> str:
    """Return the id_token once more, with the claims of Unilogin."""
    claims = jwt.decode(plain, options={"verify_signature": False})  # it was made a line above
    claims |= {"typ": "ID", "azp": grant.client_id, "session_state": grant.sid, "loa": "EnFaktor"}
    return keys.sign({**claims, **claims_of(grant.subject), "spec_ver": SPEC_VERSION}, "JWT")
