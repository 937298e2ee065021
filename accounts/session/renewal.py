"""Renewal: a session follows its upstream while it is used. No call is made before it is due."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from accounts import events
from accounts.errors import InvalidGrant, ProtocolError, TemporarilyUnavailable
from accounts.models import Event, StoredSession
from accounts.provider import Authentication, End, Keep, Revalidates, TokenSet
from accounts.session import farewell, vault
from accounts.session.ending import end
from accounts.session.store import SessionStore
from accounts.session.typed import Session
from accounts.session.uncoupling import uncouple_shared
from accounts.source import catalogue
from accounts.source.catalogue import ConfiguredSource
from accounts.upstream import cookie_header


def renew(store: SessionStore, cookies: Mapping[str, str]) -> SessionStore:
    """Return the same store, or an anonymous one when the upstream has ended the session.

    The provider judges a session that is bound to one of the raw `cookies`; of any other the
    upstream's tokens are refreshed when due. An upstream that is down changes nothing: the session
    lives until its own end.
    """
    session = store.typed
    if session.bound_to:
        return _revalidate(store, cookies)
    try:
        refresh(store, wait=False)
    except InvalidGrant:
        gone = SessionStore()
        gone.cut_off = farewell.SOURCE
        return gone
    return store


def refresh(store: SessionStore, *, wait: bool) -> TokenSet | None:
    """Refresh the upstream's tokens once when due, and update the session from them.

    Returns the tokens when they were due, else None. `wait` as in `vault.fresh`. An upstream that
    is down changes nothing. Raises `InvalidGrant` when the upstream refuses: the session has ended.
    """
    session = store.typed
    if not vault.is_due(session.tokens_expire_at, session.tokens_lifetime):
        return None
    tokens = vault.fresh(session, wait=wait)
    if tokens is None and not vault.holds(session.uid):  # nothing will renew it: ask no more
        store.replace(replace(session, tokens_expire_at=None))
    if tokens and tokens.expires_at != session.tokens_expire_at:
        store.replace(_with_tokens(session, tokens))
    return tokens


def _revalidate(store: SessionStore, cookies: Mapping[str, str]) -> SessionStore:
    """Ask the provider whether the session still is whose it was (docs/threats.md 2.8)."""
    session = store.typed
    source = catalogue.of_session(session.source)
    if source is None or not isinstance(source.provider, Revalidates):
        return store
    is_due = vault.is_due(session.upstream_ends_at, session.tokens_lifetime)
    tokens = vault.tokens_of(session.uid) if is_due else None
    mine = cookie_header.permitted(cookies, source.description.cookies)
    try:
        verdict = source.provider.revalidate(session.ref(), tokens, mine)
    except TemporarilyUnavailable:
        return store  # it lives until its own end
    except ProtocolError as error:
        verdict = End(error.error)
    if isinstance(verdict, Keep):
        return store
    if isinstance(verdict, Authentication) and _whose(verdict) == _whose(session):
        return _renewed(store, source, verdict)
    why = verdict.why if isinstance(verdict, End) else "somebody else is signed in there"
    events.record_ended(
        end(StoredSession.objects.filter(uid=session.uid)), why, actor=Event.Actor.SOURCE
    )
    return SessionStore()


def _whose(known: Authentication | Session) -> tuple[str, str]:
    return known.issuer, known.subject


def _renewed(store: SessionStore, source: ConfiguredSource, known: Authentication) -> SessionStore:
    """Store the same person's new tokens and the cookie that they came with."""
    session, tokens = store.typed, known.tokens
    if tokens and tokens.expires_at != session.tokens_expire_at:
        tokens = vault.dated(tokens)
    elif tokens:  # the same, which are due as they were
        tokens = replace(tokens, lifetime=session.tokens_lifetime)
    if tokens:
        vault.replace_tokens(session.uid, tokens)
    ends = known.expires_at if source.ends_with_token else session.upstream_ends_at
    store.replace(
        replace(
            session,
            bound_to=known.bound_to,
            upstream_ends_at=ends,
            tokens_expire_at=tokens.expires_at if tokens else None,
            tokens_lifetime=tokens.lifetime if tokens else 0,
        )
    )
    uncouple_shared(store.typed)
    return store


def _with_tokens(session: Session, tokens: TokenSet) -> Session:
    """Return the session with the ends of its refreshed tokens."""
    source = catalogue.of_session(session.source)
    ends = session.upstream_ends_at
    if source and source.ends_with_token:
        ends = tokens.refresh_expires_at or _no_earlier(ends, tokens.expires_at)
    return replace(
        session,
        tokens_expire_at=tokens.expires_at,
        tokens_lifetime=tokens.lifetime,
        refresh_expires_at=tokens.refresh_expires_at or session.refresh_expires_at,
        upstream_ends_at=ends,
    )


def _no_earlier(ends: datetime | None, token_ends: datetime | None) -> datetime | None:
    """Return the end of a session whose upstream does not say how long it can be renewed: None
    where the sign-in set none, else never earlier than `ends`. An access token that ends is
    renewed, and ends nothing.
    """
    return max(ends, token_ends) if ends and token_ends else ends
