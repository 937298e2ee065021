"""What the broker says of a person: the uniid, and what the session shows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from accounts.errors import InvalidGrant

_LONGEST = 100

Claims = Mapping[str, Any]


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
