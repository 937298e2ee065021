"""The vault: the upstream's TokenSet of each session, sealed at rest, gone with its session."""

from __future__ import annotations

from dataclasses import asdict, replace
from datetime import datetime
from typing import Any

from accounts.keyring import Unreadable, seal, unseal
from accounts.models import StoredTokens
from accounts.provider import TokenSet

PURPOSE = "tokens"
_MOMENTS = ("expires_at", "refresh_expires_at")


def dump(tokens: TokenSet) -> dict[str, Any]:
    """Return the tokens as JSON holds them, for sealing."""
    values = asdict(tokens)
    for name in _MOMENTS:
        values[name] = values[name].isoformat() if values[name] else None
    return values


def load(values: dict[str, Any]) -> TokenSet:
    """Return the tokens that `dump` wrote."""
    moments: dict[str, Any] = {
        name: datetime.fromisoformat(values[name]) if values[name] else None for name in _MOMENTS
    }
    return replace(TokenSet(**{**values, **dict.fromkeys(_MOMENTS)}), **moments)


def keep(uid: str, tokens: TokenSet) -> None:
    """Store the first tokens of the session `uid`, in the caller's transaction."""
    StoredTokens.objects.create(
        session_id=uid, sealed=seal(dump(tokens), PURPOSE, uid), expires_at=tokens.expires_at
    )


def tokens_of(uid: str) -> TokenSet | None:
    """Return the tokens of the session `uid`; None when there are none or they cannot be read."""
    sealed = StoredTokens.objects.filter(session_id=uid).values_list("sealed", flat=True).first()
    if sealed is None:
        return None
    try:
        return load(unseal(sealed, PURPOSE, uid))
    except (Unreadable, KeyError, TypeError, ValueError):
        return None
