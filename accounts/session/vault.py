"""The vault: the upstream's TokenSet of each session, sealed at rest, gone with its session.

A refresh token is spent once: whoever wants to refresh takes a lease on the row by a conditional
UPDATE of its version, so that no lock is held while the upstream is asked. The others wait for the
result, or go on without it.
"""

import time
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import structlog
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Now
from django.utils import timezone

from accounts import conf, events, offers
from accounts.errors import UNAVAILABLE, InvalidGrant, ProtocolError
from accounts.keyring import seal, unseal
from accounts.models import Event, StoredSession, StoredTokens
from accounts.provider import Refreshes, RefreshesInSteps, TokenSet
from accounts.serialization import dump, load
from accounts.session import farewell
from accounts.session.ending import end
from accounts.session.typed import Session, due_at
from accounts.source import catalogue, outage
from accounts.source.catalogue import ConfiguredSource
from accounts.upstream.last_good import CALL_SECONDS

PURPOSE = "tokens"
# The calls of one refresh, and the waits for another caller's: each takes a deadline at most.
_STEPS = 10
# How long a parallel caller waits for the result.
PATIENCE_SECONDS = 15.0
# After an upstream did not answer it is left alone for a moment.
PAUSE = timedelta(seconds=10)
_LOOK_SECONDS = (0.02, 0.05, 0.1)

log = structlog.get_logger("vestibule.vault")


class DoesNotHold(InvalidGrant):
    """The upstream has renewed the tokens, but what it sent is not to be believed."""


@dataclass(frozen=True, slots=True)
class _Kept:
    """A row of the vault, opened."""

    tokens: TokenSet
    version: int


def new_row(uid: str, tokens: TokenSet) -> StoredTokens:
    """Return the row of the first tokens of the session `uid`, which are `dated`, for the caller to
    insert.
    """
    return StoredTokens(session_id=uid, **_columns(uid, tokens))


def tokens_of(uid: str) -> TokenSet | None:
    """Return the tokens of the session `uid`; None when there are none or they cannot be read."""
    kept = _read(uid)
    return kept.tokens if kept else None


def holds(uid: str) -> bool:
    """Tell whether there are tokens of the session `uid` that can be read."""
    return _read(uid) is not None


def dated(tokens: TokenSet) -> TokenSet:
    """Return tokens that have just come, with their lifetime."""
    if tokens.expires_at is None:
        return tokens
    seconds = round((tokens.expires_at - timezone.now()).total_seconds())
    return replace(tokens, lifetime=max(0, seconds))


def is_due(ends: datetime | None, lifetime: int) -> bool:
    """Tell whether an access token of such a life should be refreshed before its use."""
    moment = due_at(ends, lifetime)
    return moment is not None and moment <= timezone.now()


def fresh(session: Session, *, wait: bool = True) -> TokenSet | None:
    """Return the session's tokens, refreshed once when due; None without usable tokens.

    An expired access token that cannot be refreshed is deleted; the field is empty then. Parallel
    callers share one refresh: with `wait` they get its result, without it the former tokens. An
    upstream that does not answer, or is not to be asked now, changes nothing. Raises `InvalidGrant`
    when the upstream refuses; the session has ended then.
    """
    kept = _read(session.uid)
    if kept is None:
        return None
    if not is_due(kept.tokens.expires_at, kept.tokens.lifetime):
        return kept.tokens
    if not kept.tokens.refresh_token:
        return _unexpired(kept.tokens) or _without_access_token(session.uid, kept)
    source = catalogue.of_session(session.source)
    if _is_away(source, session):
        return _unexpired(kept.tokens)
    if not source or not isinstance(source.provider, Refreshes):
        return _unexpired(kept.tokens) or _without_access_token(session.uid, kept)
    if not _lease(session.uid, kept.version):
        return _beside_another(session, kept) if wait else _unexpired(kept.tokens)
    kept = _read(session.uid)  # what was stored since may hold a refresh token that follows
    return _refresh(session, source.provider, kept) if kept else None


def _is_away(source: ConfiguredSource | None, session: Session) -> bool:
    """Tell whether who gave the tokens cannot be asked now and may be again: the source is there
    but cannot be built, or its settings name another provider, which gets nothing of them.
    """
    if source is None:
        return catalogue.row_of(session.source) is not None
    return not source.still_speaks_for(session.issuer)


def replace_tokens(uid: str, tokens: TokenSet) -> None:
    """Replace the tokens of the session `uid`."""
    _replace(StoredTokens.objects.filter(session_id=uid), uid, tokens)


def lease() -> timedelta:
    """Return what outlives each refresh; a worker that dies at one blocks nobody for longer."""
    return timedelta(seconds=_STEPS * max(CALL_SECONDS, conf.http_limits().deadline))


def _refresh(session: Session, provider: Refreshes, kept: _Kept) -> TokenSet | None:
    try:
        renewed = dated(_renewed(session.uid, provider, kept))
    except InvalidGrant as error:
        if (by_now := _read(session.uid)) and by_now.version != kept.version:
            return _unexpired(by_now.tokens)  # another caller's: what was refused is spent
        offers.count("refresh", "upstream", session.source, "refused")
        refused = end(StoredSession.objects.filter(uid=session.uid))
        farewell.say(refused, farewell.SOURCE)
        why = "the upstream refused to renew it"
        if isinstance(error, DoesNotHold):
            why = f"what renewed it does not hold: {error.description}"
        events.record_ended(refused, why, actor=Event.Actor.SOURCE)
        raise
    except Exception as error:  # a provider's defect must not end sessions or break pages
        if not isinstance(error, ProtocolError):
            log.exception("vault.refresh_failed", source=session.source)
        elif error.reason == UNAVAILABLE:
            outage.note(session.source)
        offers.count("refresh", "upstream", session.source, "failed")
        later = timezone.now() + PAUSE
        _rows(session.uid, kept.version).update(leased_until=None, retry_at=later)
        reason = error.reason if isinstance(error, ProtocolError) else UNAVAILABLE
        events.count_for_session("refresh.failed", session, reason)
        return _unexpired(kept.tokens)
    offers.count("refresh", "upstream", session.source, "renewed")
    mine = _rows(session.uid, kept.version)
    _replace(mine, session.uid, renewed, leased_until=None, retry_at=None)
    events.count_for_session("session.refreshed", session)
    return renewed


def _renewed(uid: str, provider: Refreshes, kept: _Kept) -> TokenSet:
    """Return new tokens. A refresh token that follows is stored before anybody else is asked.

    The rest of them is stored when it is confirmed: until then the former ones are in use.
    """
    if not isinstance(provider, RefreshesInSteps):
        return provider.refresh(kept.tokens)
    fresh = provider.renew(kept.tokens)
    follows = replace(
        kept.tokens,
        refresh_token=fresh.refresh_token,
        refresh_expires_at=fresh.refresh_expires_at,
    )
    if follows != kept.tokens:
        _rows(uid, kept.version).update(**_columns(uid, follows), leased_until=Now() + lease())
    try:
        provider.confirm(kept.tokens, fresh)
    except InvalidGrant as error:
        raise DoesNotHold(error.description) from None
    return fresh


def _lease(uid: str, version: int) -> bool:
    """Tell whether the refresh of this version is ours to do. A lease ends by the database's clock:
    those of two machines may differ by more than it lasts.
    """
    now = timezone.now()
    mine = _rows(uid, version).filter(
        Q(leased_until=None) | Q(leased_until__lt=Now()), Q(retry_at=None) | Q(retry_at__lt=now)
    )
    return mine.update(leased_until=Now() + lease(), retry_at=None) == 1


def _beside_another(session: Session, before: _Kept) -> TokenSet | None:
    """Return the result of another caller's refresh; what is still good while the upstream is in
    known trouble: each who waits holds a thread, and a page behind the gateway asks many times.
    """
    still = _unexpired(before.tokens)
    if still and outage.since([session.source]):
        return still
    return _shared_result(session.uid, before)


def _shared_result(uid: str, before: _Kept) -> TokenSet | None:
    """Wait until the lease is over, and return the tokens of that moment."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    at_it = _rows(uid, before.version).filter(leased_until__isnull=False)
    for attempt in range(1000):
        if not at_it.exists() or time.monotonic() > deadline:
            break
        time.sleep(_LOOK_SECONDS[min(attempt, len(_LOOK_SECONDS) - 1)])
    kept = _read(uid)
    return _unexpired(kept.tokens) if kept else None


def _unexpired(tokens: TokenSet) -> TokenSet | None:
    """Return the tokens unless the access token has expired."""
    alive = tokens.expires_at is None or tokens.expires_at > timezone.now()
    return tokens if alive else None


def _without_access_token(uid: str, kept: _Kept) -> TokenSet:
    """Delete an access token that cannot be refreshed; the hint for the logout stays."""
    rest = replace(kept.tokens, access_token="", expires_at=None)
    _replace(_rows(uid, kept.version), uid, rest)
    return rest


def _rows(uid: str, version: int) -> QuerySet[StoredTokens]:
    """Return the row of the session `uid` unless its tokens were replaced since `version`."""
    return StoredTokens.objects.filter(session_id=uid, version=version)


def _replace(rows: QuerySet[StoredTokens], uid: str, tokens: TokenSet, **columns: Any) -> None:
    rows.update(**_columns(uid, tokens), **columns, version=F("version") + 1)


def _columns(uid: str, tokens: TokenSet) -> dict[str, Any]:
    return {"sealed": seal(dump(tokens), PURPOSE, uid), "expires_at": tokens.expires_at}


def _read(uid: str) -> _Kept | None:
    row = StoredTokens.objects.filter(session_id=uid).values_list("sealed", "version").first()
    if row is None:
        return None
    try:
        return _Kept(load(TokenSet, unseal(row[0], PURPOSE, uid)), row[1])
    except ValueError:  # `Unreadable` is one
        return None
