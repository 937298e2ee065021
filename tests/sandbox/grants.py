"""Grants: what one sign-in allows one client, and the codes and tokens that hang on it.

Tokens count while their grant is there. So a grant ends by one deletion: when a spent code or
refresh token is used again (RFC 9700, 2.2.2 and 4.14.2), when it is revoked, when its session ends.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from dataclasses import asdict, dataclass, field
from typing import Any

from accounts.errors import InvalidGrant
from tests.sandbox import store
from tests.sandbox.authorization_request import AuthorizationRequest
from tests.sandbox.clients import Client
from tests.sandbox.sessions import Session, digest

CODE_SECONDS = 60
ACCESS_SECONDS = 300
REFRESH_SECONDS = 8 * 3600
CODE, ACCESS, REFRESH = "code", "access", "refresh"


@dataclass(frozen=True, slots=True)
class Grant:
    """What was allowed: to whom, for whom, in which session (OIDC Core, 3.1.2.1)."""

    id: str
    realm: str
    client_id: str
    subject: str
    sid: str
    auth_time: int
    scope: str
    nonce: str = field(repr=False)


def issue_code(session: Session, asked: AuthorizationRequest) -> str:
    """Make a grant for what was asked, and return a code for it (RFC 6749, 4.1.2)."""
    grant = Grant(
        secrets.token_urlsafe(16), session.realm, asked.client_id, session.subject, session.sid,
        session.auth_time, asked.scope, asked.nonce,
    )  # fmt: skip
    store.put("grant", grant.id, asdict(grant), seconds=REFRESH_SECONDS, family=grant.sid)
    bound = {"redirect_uri": asked.redirect_uri, "code_challenge": asked.code_challenge}
    return _issue(CODE, grant, CODE_SECONDS, bound)


def issue_refresh_token(grant: Grant) -> str:
    """Return a new refresh token for a grant; it works once."""
    return _issue(REFRESH, grant, REFRESH_SECONDS, {})


def keep_access_token(grant: Grant, token: str) -> None:
    """Let a signed access token count, for as long as it says."""
    store.put(ACCESS, digest(token), {"grant": grant.id}, seconds=ACCESS_SECONDS)


def redeem_code(client: Client, code: str, redirect_uri: str, code_verifier: str) -> Grant:
    """Spend a code (RFC 6749, 4.1.3; RFC 7636, 4.6). Raises `InvalidGrant`.

    A wrong verifier or address spends it as well: the next guess has nothing to guess at.
    """
    bound, grant = _spend(CODE, code, client)
    if bound["redirect_uri"] != redirect_uri:
        raise InvalidGrant("The redirect_uri is not the one of the authorization request.")
    if not hmac.compare_digest(_s256(code_verifier), bound["code_challenge"].encode()):
        raise InvalidGrant("The code_verifier does not fit the code_challenge.")
    return grant


def redeem_refresh_token(client: Client, token: str) -> Grant:
    """Spend a refresh token (RFC 6749, 6). Raises `InvalidGrant`."""
    return _spend(REFRESH, token, client)[1]


def find(token: str) -> tuple[str, Grant] | None:
    """Return the kind of a token that counts, and its grant."""
    for kind in (ACCESS, REFRESH):
        kept = store.get(kind, digest(token))
        grant = _grant(kept["grant"]) if kept else None
        if grant is not None:
            return kind, grant
    return None


def revoke(token: str, kind: str, grant: Grant) -> None:
    """End an access token, or with a refresh token all of its grant (RFC 7009, 2.1)."""
    if kind == ACCESS:
        store.drop(ACCESS, digest(token))
    else:
        store.drop("grant", grant.id)


def end_of_session(sid: str) -> list[Grant]:
    """End every grant of a session, and return them."""
    return [Grant(**kept) for kept in store.drop_family("grant", sid)]


def _issue(kind: str, grant: Grant, seconds: int, bound: dict[str, str]) -> str:
    token = f"sandbox_{kind}_{secrets.token_urlsafe(32)}"
    store.put(kind, digest(token), {"grant": grant.id, **bound}, seconds=seconds)
    return token


def _spend(kind: str, token: str, client: Client) -> tuple[dict[str, Any], Grant]:
    spent = f"spent-{kind}"
    kept = store.get(kind, digest(token))
    grant = _grant(kept["grant"]) if kept else None
    if grant is not None and grant.client_id != client.client_id:
        raise InvalidGrant("It was issued to another client.")
    bound = store.turn(kind, digest(token), spent)
    if bound is None:
        reused = store.get(spent, digest(token))
        if reused is not None:
            store.drop("grant", reused["grant"])
        raise InvalidGrant("It is unknown, expired or used already.")
    if grant is None:
        raise InvalidGrant("What it stood for has ended.")
    return bound, grant


def _grant(key: str) -> Grant | None:
    kept = store.get("grant", key)
    return Grant(**kept) if kept else None


def _s256(verifier: str) -> bytes:
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=")
