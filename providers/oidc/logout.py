"""The way out: the address that ends the session upstream, and what the upstream itself ended.

OpenID Connect RP-Initiated Logout 1.0, Back-Channel Logout 1.0 and RFC 7009.
"""

import secrets
import time
from collections.abc import Mapping
from typing import Any

from accounts.errors import InvalidGrant, InvalidRequest, TemporarilyUnavailable
from accounts.provider import Ended, LogoutPlan, TokenSet
from accounts.upstream.urls import LONGEST_VISIT, with_query
from providers.oidc import checks
from providers.oidc.claims import session_id
from providers.oidc.client import OidcClient
from providers.oidc.discovery import Metadata
from providers.oidc.jose import SignedToken
from providers.oidc.settings import OidcSettings

EVENT = "http://schemas.openid.net/event/backchannel-logout"

# 2.4: `exp` is required, and is at most two minutes ahead.
WITHOUT_EXP_SECONDS = 120


def plan(
    settings: OidcSettings,
    known: Metadata | None,
    tokens: TokenSet | None,
    return_to: str,
    *,
    silent: bool = False,
) -> LogoutPlan:
    """Return the way out for what is known of the provider. One that is `silent` is not visited,
    and may still know the person, unless it has no logout.
    """
    hint = TokenSet(id_token=tokens.id_token if tokens else "")
    if known is None:
        return LogoutPlan(unanswered=hint if silent else None)
    endpoint = known.endpoint("end_session_endpoint")
    visit = _visit(settings, endpoint, tokens, return_to) if endpoint else ""
    revocable = settings.revoke and known.endpoint("revocation_endpoint")
    return LogoutPlan(
        visit="" if silent else visit,
        api_call=_cut_down(tokens) if revocable else None,
        unanswered=hint if silent and visit else None,
    )


def revoke(client: OidcClient, tokens: TokenSet) -> None:
    """Revoke the refresh token, and so its whole grant, else the access token (RFC 7009, 2.1).

    Does nothing where the settings do not want it or the provider has no endpoint for it.
    Idempotent: an unknown token is answered like a revoked one. Raises `TemporarilyUnavailable`.
    """
    if not (client.settings.revoke and client.upstream.metadata().endpoint("revocation_endpoint")):
        return
    kind = "refresh_token" if tokens.refresh_token else "access_token"
    token = tokens.refresh_token or tokens.access_token
    if not token:
        return
    answer = client.post_as_client("revocation_endpoint", {"token": token, "token_type_hint": kind})
    if not answer.ok:
        raise TemporarilyUnavailable(f"The revocation endpoint answers {answer.status}.")


def end_session(client: OidcClient, tokens: TokenSet, seconds: float) -> None:
    """End the session at a provider that takes a call for a visit (RP-Initiated Logout, 2), within
    `seconds`, of which two thirds are for its document where that is not known.

    Does nothing without a hint, or where the provider has no endpoint for it. Raises
    `TemporarilyUnavailable`.
    """
    ends = time.monotonic() + seconds
    known = client.upstream.peek() or client.upstream.probe(seconds * 2 / 3)
    if known is None:
        raise TemporarilyUnavailable("The identity provider gives no document.")
    endpoint = known.endpoint("end_session_endpoint")
    if not endpoint or not tokens.id_token:
        return
    hints = {"id_token_hint": tokens.id_token, "client_id": client.settings.client_id}
    left = max(0.1, ends - time.monotonic())
    answer = client.http.get(with_query(endpoint, hints), deadline=left)
    if not 200 <= answer.status < 400:
        raise TemporarilyUnavailable(f"The end_session_endpoint answers {answer.status}.")


def verify_logout_token(client: OidcClient, raw: str) -> Ended:
    """Return what a logout token ends (Back-Channel Logout, 2.6).

    Raises `InvalidRequest` alike for every fault of the token; `TemporarilyUnavailable` when the
    keys cannot be had, or no look for an unknown one is due. That a `jti` counts once is for the
    caller to keep.
    """
    try:
        claims = client.signed_claims(SignedToken(raw), "jwt", "logout+jwt")
        if client.settings.logout_without_exp and "exp" not in claims:
            claims["exp"] = checks.moment(claims, "iat") + WITHOUT_EXP_SECONDS
        client.check_claims({"sub": "-", **claims})  # 2.4: `sub` may be left out here
        checks.issued_at(claims, client.clock(), client.settings.leeway)
        return _ended(claims)
    except InvalidGrant as error:
        raise InvalidRequest(f"Not a logout token: {error.description}") from None


def _ended(claims: Mapping[str, Any]) -> Ended:
    """2.4: the event, no nonce, a `jti`, and who: `sid`, `sub` or both."""
    events, jti = claims.get("events"), claims.get("jti")
    if not isinstance(events, dict) or not isinstance(events.get(EVENT), dict):
        raise InvalidGrant("It does not tell of a logout.")
    if "nonce" in claims:
        raise InvalidGrant("It has a nonce.")
    if not checks.is_name(jti):
        raise InvalidGrant("It has no jti.")
    subject = checks.subject(claims) if "sub" in claims else ""
    sid = session_id(claims)
    if not sid and ("sid" in claims or not subject):
        raise InvalidGrant("It does not say whose session is over.")
    return Ended(claims["iss"], jti, sid, subject, checks.issue_time(claims))


def _visit(settings: OidcSettings, endpoint: str, tokens: TokenSet | None, return_to: str) -> str:
    """Return the address, without the hint if that is too long for one: it is RECOMMENDED, and
    `client_id` says for whom the return address is registered (2).
    """
    visit = with_query(endpoint, _parameters(settings, tokens, return_to))
    if len(visit) <= LONGEST_VISIT:
        return visit
    return with_query(endpoint, _parameters(settings, None, return_to))


def _parameters(settings: OidcSettings, tokens: TokenSet | None, return_to: str) -> dict[str, str]:
    """RP-Initiated Logout, 2. The `state` guards nothing here, so nothing is kept of it."""
    ours = {
        "id_token_hint": tokens.id_token if tokens else "",
        "post_logout_redirect_uri": return_to,
        "state": secrets.token_urlsafe(16) if return_to else "",
        "client_id": settings.client_id,
    }
    named = {settings.logout_names.get(name, name): value for name, value in ours.items()}
    return {
        **{name: value for name, value in named.items() if name and value},
        **settings.logout,
    }


def _cut_down(tokens: TokenSet | None) -> TokenSet | None:
    """Return only what the revocation needs."""
    if tokens and tokens.refresh_token:
        return TokenSet(refresh_token=tokens.refresh_token)
    if tokens and tokens.access_token:
        return TokenSet(access_token=tokens.access_token)
    return None
