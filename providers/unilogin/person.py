"""What the broker says of a person: the introspection, the uniid, and what the session shows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from accounts.errors import InvalidGrant, TemporarilyUnavailable
from providers.oidc.client import OidcClient

_LONGEST = 100

Claims = Mapping[str, Any]


def introspect(client: OidcClient, access_token: str) -> dict[str, Any]:
    """Return what the introspection says of a token (RFC 7662, 2.2), which must be active.

    Raises `InvalidGrant` when it is not, `TemporarilyUnavailable` when the broker does not tell.
    """
    form = {"token": access_token, "token_type_hint": "access_token"}
    answer = client.post_as_client("introspection_endpoint", form)
    found = answer.json() if answer.status == 200 else None
    if not isinstance(found, dict):
        raise TemporarilyUnavailable(f"The introspection endpoint answers {answer.status}.")
    if found.get("active") is not True:
        raise InvalidGrant("The access token is not active.")
    return found


def uniid(verified: Claims, introspected: Claims) -> str:
    """Return the person's uniid. All who speak of the person must mean the same one.

    Raises `InvalidGrant`.
    """
    found = introspected.get("uniid")
    if not isinstance(found, str) or not 0 < len(found) <= _LONGEST or not found.isprintable():
        raise InvalidGrant("The introspection names no uniid.")
    if verified.get("uniid", found) != found:
        raise InvalidGrant("The introspection is of somebody else than the id_token.")
    if introspected.get("sub", verified["sub"]) != verified["sub"]:
        raise InvalidGrant("The introspection is of somebody else than the id_token.")
    return found


def public(subject: str, uniid: str, belongs: tuple[str, ...]) -> dict[str, Any]:
    """Return what the session shows of the person (CONTRACT.md 1, `/auth/session`)."""
    return {"uniLoginUserInfo": {"sub": subject, "uniid": uniid, "institutionIds": list(belongs)}}
