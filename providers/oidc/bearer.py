"""Access tokens that others bring along: whose they are, and whether they are meant for us."""

from collections.abc import Mapping
from typing import Any

from accounts.errors import InvalidGrant
from providers.oidc import checks
from providers.oidc.claims import merge
from providers.oidc.client import OidcClient
from providers.oidc.jose import LONGEST, SignedToken, unverified_claims

_OF_ID_TOKENS = ("nonce", "at_hash", "c_hash", "events")
_OF_ACCESS_TOKENS = ("scope", "scp", "client_id")
# What introspection calls an access token: RFC 7662 leaves it open.
_USED_AS = ("access", "access_token")


def claims_of(client: OidcClient, token: str) -> dict[str, Any]:
    """Return the claims behind an access token, by the way that the settings name.

    Raises `InvalidGrant` when it is not valid here, `TemporarilyUnavailable` when that cannot be
    found out.
    """
    if not client.settings.accept_bearer:
        raise InvalidGrant("Access tokens of this provider are not accepted.")
    if not token or len(token) > LONGEST or not (token.isascii() and token.isprintable()):
        raise InvalidGrant("This is no access token.")
    match client.settings.bearer_validation:
        case "introspection":
            claims = _introspected(client, token)
        case "userinfo":
            claims = _asked_by_userinfo(client, token)
        case _:
            claims = _local(client, token)
    if "cnf" in claims:
        raise InvalidGrant("The token is bound to a key and is no bearer token.")
    return claims


def _local(client: OidcClient, token: str) -> dict[str, Any]:
    """RFC 9068, 4, and what is older than it: signature, issuer, time, kind, and for whom. The key
    of one that says that it is over is not looked for: its owner renews it, and does not wait.
    """
    settings, now, signed = client.settings, client.clock(), SignedToken(token)
    checks.expiry(unverified_claims(token), now, settings.leeway)
    claims = client.signed_claims(signed, "jwt", "at+jwt")
    checks.issuer(claims, settings.issuer)
    checks.expiry(claims, now, settings.leeway)
    checks.not_before(claims, now, settings.leeway)
    _check_kind(claims, signed.type)
    _check_audience(client, claims)
    return claims


def _introspected(client: OidcClient, token: str) -> dict[str, Any]:
    """Ask the provider (RFC 7662, 2). Some call an id_token or a refresh token active as well: what
    is said of it, and what it says itself where it can be read, must be of no such token.
    """
    claims = client.introspect(token, hearsay=True)
    if str(claims.get("token_type", "bearer")).lower() not in {"bearer", "access_token"}:
        raise InvalidGrant("This is no access token.")
    _check_no_other_kind(claims)
    _check_no_other_kind(unverified_claims(token))
    if "iss" in claims:
        checks.issuer(claims, client.settings.issuer)
    if "exp" in claims:
        checks.expiry(claims, client.clock(), client.settings.leeway)
    _check_audience(client, claims)
    return claims


def _asked_by_userinfo(client: OidcClient, token: str) -> dict[str, Any]:
    """Ask the provider of whom a token speaks (OIDC Core, 5.3). It does not say for whom the token
    is, so the token itself must: one that cannot be read is refused (RFC 9700, 2.3).
    """
    claims = _local(client, token)
    told = client.userinfo(token, hearsay=True)
    if told.get("sub") != claims.get("sub"):
        raise InvalidGrant("The userinfo is of somebody else.")
    # Unsigned, it says nothing of how and when the person signed in.
    return merge(client.settings, claims, told)


def _check_kind(claims: Mapping[str, Any], kind: str) -> None:
    """Refuse an id_token, a logout token or a refresh token in an access token's place.

    Only RFC 9068 gives an access token a type of its own; else it must look like one.
    """
    if kind == "at+jwt":
        return
    foreign = any(name in claims for name in _OF_ID_TOKENS)
    named = claims.get("typ", "Bearer") == "Bearer"
    use = claims.get("token_use", "access") == "access"
    alike = any(name in claims for name in _OF_ACCESS_TOKENS) or "typ" in claims
    if foreign or not (named and use and alike):
        raise InvalidGrant("This is no access token.")


def _check_no_other_kind(claims: Mapping[str, Any]) -> None:
    """Refuse what tells that it is no access token; that nothing is told is no reason."""
    named, used_as = claims.get("typ", "Bearer"), claims.get("token_use", "access")
    foreign = {name for name in _OF_ID_TOKENS if name in claims}
    if "typ" in claims:  # Keycloak up to 24 repeats the nonce in what it names an access token
        foreign.discard("nonce")
    if foreign or named != "Bearer" or used_as not in _USED_AS:
        raise InvalidGrant("This is no access token.")


def _check_audience(client: OidcClient, claims: Mapping[str, Any]) -> None:
    """The token must be for one of the audiences that the settings name, else for our client.

    With `audience_claim` = client_id (AWS Cognito) that claim says so, and `token_use` what it is.
    """
    settings = client.settings
    wanted = set(settings.audience) or {settings.client_id}
    if settings.audience_claim == "client_id":
        meant = claims.get("client_id")
        fits = isinstance(meant, str) and meant in wanted
        if settings.bearer_validation == "local":
            fits = fits and claims.get("token_use") == "access"
    else:
        fits = bool(checks.audiences(claims) & wanted)
    if not fits:
        raise InvalidGrant("The token is meant for others.")
