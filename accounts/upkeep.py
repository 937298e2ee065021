"""Keeping a session in step with its upstream while it is used. Calls nobody unless it is due."""

from __future__ import annotations

from dataclasses import replace

from accounts import sources, vault
from accounts.errors import InvalidGrant
from accounts.provider import TokenSet
from accounts.session import Session
from accounts.session_store import SessionStore


def keep_up(store: SessionStore) -> SessionStore:
    """Return the store to go on with: the same, or an anonymous one when the upstream has ended it.

    Refreshes the upstream's tokens once when due. An upstream that is down keeps nobody out and
    nobody in: the session lives until its own end.
    """
    session = store.typed
    if not session.is_logged_in or not vault.is_due(session.tokens_expire_at):
        return store
    try:
        tokens = vault.fresh(session, wait=False)
    except InvalidGrant:
        return SessionStore()
    if tokens and tokens.expires_at != session.tokens_expire_at:
        store.replace(_with_tokens(session, tokens))
    return store


def _with_tokens(session: Session, tokens: TokenSet) -> Session:
    """Return the session as its renewed tokens have it."""
    source = sources.of_session(session.source)
    ends = session.upstream_ends_at
    if source and source.row.end_with_token:
        ends = tokens.refresh_expires_at or tokens.expires_at or ends
    return replace(
        session,
        tokens_expire_at=tokens.expires_at,
        refresh_expires_at=tokens.refresh_expires_at or session.refresh_expires_at,
        upstream_ends_at=ends,
    )
