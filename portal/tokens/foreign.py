"""Access tokens of sources, taken by the API beside our own (docs/contract.md 3).

A source is asked only about a token that may be its own: one that names its issuer, or, of tokens
that name nobody, the only source that takes such. What was found counts for a minute at most, and
never longer than the token; a worker remembers it by the token's digest.
"""

import base64
import time
from collections import OrderedDict
from dataclasses import dataclass, replace
from threading import Lock
from typing import Any

from oauth2_provider.settings import oauth2_settings

from accounts.errors import InvalidGrant, TemporarilyUnavailable
from accounts.keyring import digest
from accounts.login import lockout, sign_in
from accounts.models import User
from accounts.provider import Authentication, VerifiesBearer, Visit
from accounts.serialization import strict_object
from accounts.session import access
from accounts.session.typed import Session
from accounts.source import catalogue
from accounts.source.catalogue import ConfiguredSource
from portal.tokens import bearer, token_format
from portal.tokens.bearer import Bearer
from portal.tokens.revoked import GATEWAY
from portal.tokens.token_errors import InvalidToken

ASKED = "introspection"
_SECONDS = 60
_AT_MOST = 5000
# What a token that was issued for this site lets its bearer read; it keeps nobody signed in.
_NOT_GIVEN = frozenset({"offline_access", GATEWAY})


@dataclass(frozen=True, slots=True)
class _Known:
    """Whose token it is, by their stable id, until when that may be believed, and by which source.
    Where a backup is restored, somebody else may get a primary key within that time.
    """

    session: Session
    person: str
    until: float


class _Memory:
    """What one worker knows of tokens, the latest of them."""

    def __init__(self) -> None:
        self._lock, self._held = Lock(), OrderedDict[str, _Known]()

    def get(self, key: str) -> _Known | None:
        with self._lock:
            found = self._held.get(key)
            return found if found and found.until > time.time() else None

    def put(self, key: str, known: _Known) -> None:
        with self._lock:
            self._held[key] = known
            self._held.move_to_end(key)
            while len(self._held) > _AT_MOST:
                self._held.popitem(last=False)


_memory = _Memory()


def find(text: str, visit: Visit) -> Bearer:
    """Return the owner of an access token, ours or a source's.

    Raises `InvalidToken`; `AccessDenied` for somebody whom the source does not let in;
    `TemporarilyUnavailable` when the source must be asked and does not answer; `TooManyRequests`
    for an address that has failed too often.
    """
    if token_format.is_token(text, token_format.ACCESS):
        return bearer.find(text)
    source = _source_of(text)
    if source is None or not isinstance(source.provider, VerifiesBearer):
        return bearer.find(text)
    key = digest(f"{source.slug}\0{text}")
    known = _memory.get(key)
    if known is None:
        known = _verified(source, source.provider, text, visit)
        _memory.put(key, known)
    return _standing(known)


def _source_of(text: str) -> ConfiguredSource | None:
    """Return the one source that a token may be from, or None."""
    taking = [each for each in catalogue.enabled() if each.description.bearer]
    issuer = _issuer_of(text) if taking else ""
    if issuer:
        return next((each for each in taking if each.description.issuer == issuer), None)
    asked = [each for each in taking if each.description.bearer == ASKED]
    return asked[0] if len(asked) == 1 else None


def _issuer_of(text: str) -> str:
    """Return the issuer that a JWT names, which nobody has verified yet; nothing of another."""
    parts = text.split(".")
    if len(parts) != 3 or len(text) > 16_384:
        return ""
    try:
        raw = base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4))
        found = strict_object(raw).get("iss")
    except ValueError:
        return ""
    return found if isinstance(found, str) else ""


def _verified(
    source: ConfiguredSource, provider: VerifiesBearer, text: str, visit: Visit
) -> _Known:
    """Ask the source's provider. Who brings too many bad tokens is not listened to for a while."""
    door = f"{source.slug}/bearer"
    lockout.require_budget(visit, door)
    try:
        outcome = provider.verify_bearer(text)
    except InvalidGrant as error:
        lockout.spend_budget(visit, door)
        raise InvalidToken(error.description) from None
    except TemporarilyUnavailable as error:
        if error.is_hearsay:
            lockout.spend_budget(visit, door)
        raise
    user = sign_in.identify(source, outcome, visit)
    session = Session(
        uid=f"bearer-{digest(text)[:20]}",
        type=source.session_type,
        source=source.slug,
        subject=outcome.subject,
        name=outcome.name or user.name,
        username=user.username,
        issuer=outcome.issuer,
        status=user.status,
        acr=outcome.acr,
        amr=outcome.amr,
        auth_time=int(outcome.auth_time.timestamp()) if outcome.auth_time else 0,
        claims=dict(outcome.public),
    )
    return _Known(session, user.uid, min(time.time() + _SECONDS, _end_of(outcome)))


def _end_of(outcome: Authentication) -> float:
    """Return when the token ends by its own word; far away when it says nothing."""
    found: Any = outcome.claims.get("exp")
    return float(found) if isinstance(found, int | float) else float("inf")


def _standing(known: _Known) -> Bearer:
    """Return the owner as they are now. Costs one query."""
    user = User.objects.filter(uid=known.person).first()
    if user is None or user.status == User.Status.DISABLED:
        raise InvalidToken("The person is not let in.")
    session = known.session
    scopes = frozenset(oauth2_settings.SCOPES) - _NOT_GIVEN
    now = replace(session, status=user.status)
    return Bearer(now, access.as_signed_in(user, session), scopes)
