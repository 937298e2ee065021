"""Token responses (RFC 6749, 5.1 and 5.2; OIDC Core, 3.1.3.3)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from accounts.errors import InvalidGrant, TemporarilyUnavailable
from accounts.http import Answer
from accounts.provider import TokenSet

# Ten years: beyond it a lifetime is a mistake, and dates end.
_LONGEST_SECONDS = 10 * 366 * 24 * 3600
_HINTS = {
    "invalid_client": "Compare client_id, client_secret and client_auth with the registration.",
    "unauthorized_client": "Allow the authorization code grant, with refresh, in the registration.",
    "invalid_request": "Compare client_auth and the redirect URI with the registration.",
    "invalid_scope": "Compare scope with the registration.",
    "unsupported_grant_type": "Allow the authorization code grant in the registration.",
}


def check_answer(answer: Answer) -> None:
    """Raise what a token endpoint's error means (RFC 6749, 5.2); nothing of its body is kept.

    `InvalidGrant` when the code or refresh token is wrong, spent or expired. All else is a fault
    of ours or theirs and says nothing of the person: `TemporarilyUnavailable`.
    """
    error = _error(answer)
    if answer.status == 200 and not error:
        return
    if error == "invalid_grant" and answer.status < 500:
        raise InvalidGrant("The identity provider refuses the code or refresh token.")
    if isinstance(error, str) and error in _HINTS:
        raise TemporarilyUnavailable(f"The token endpoint answers {error}. {_HINTS[error]}")
    raise TemporarilyUnavailable(f"The token endpoint answers with status {answer.status}.")


def token_set(answer: Mapping[str, Any], now: datetime) -> TokenSet:
    """Return the tokens of a response. Raises `InvalidGrant` for one that is no bearer token."""
    kind = answer.get("token_type", "Bearer")
    access_token = answer.get("access_token")
    if not isinstance(kind, str) or kind.lower() != "bearer":
        raise InvalidGrant("The identity provider issues tokens of another type than Bearer.")
    if not isinstance(access_token, str) or not _visible(access_token):
        raise InvalidGrant("The token response holds no access token.")
    return TokenSet(
        access_token=access_token,
        refresh_token=_text(answer, "refresh_token"),
        id_token=_text(answer, "id_token"),
        scope=_text(answer, "scope"),
        expires_at=_end(answer.get("expires_in"), now),
        refresh_expires_at=_end(answer.get("refresh_expires_in"), now),
    )


def _error(answer: Answer) -> object:
    try:
        return answer.json().get("error")
    except (TemporarilyUnavailable, AttributeError):
        return None  # an error page, or no object: the status says enough


def _text(answer: Mapping[str, Any], name: str) -> str:
    found = answer.get(name)
    return found if isinstance(found, str) and _visible(found) else ""


def _visible(token: str) -> bool:
    """RFC 6749, A.12: visible ASCII, so that it can stand in a header; scopes have spaces too."""
    return bool(token) and token.isascii() and token.isprintable()


def _end(seconds: Any, now: datetime) -> datetime | None:
    """Return when a lifetime ends. Some providers write it as a text, and 0 for no end."""
    if isinstance(seconds, str) and seconds.isdecimal() and len(seconds) < 12:
        seconds = int(seconds)
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float)):
        return None
    return now + timedelta(seconds=seconds) if 0 < seconds <= _LONGEST_SECONDS else None
