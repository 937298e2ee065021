"""An upstream's cookie on which a session hangs, and which is to sign nobody in by itself any more:
else a session that somebody had ended would begin anew by itself.
"""

from collections.abc import Iterable
from functools import partial

from django.db import transaction

from accounts.keyring import unseal
from accounts.models import StoredSession
from accounts.provider import Uncouples
from accounts.serialization import load
from accounts.session.store import PURPOSE, TYPED
from accounts.session.typed import Session
from accounts.source import catalogue


def uncouple_shared(session: Session) -> None:
    """Let the cookie on which a session at a shared computer hangs sign nobody in without a click:
    however the session ends, and whoever notices, who comes next is somebody else.
    """
    if session.shared:
        _uncouple(session)


def uncouple_ended(rows: Iterable[StoredSession]) -> None:
    """Do so for the browsers of sessions that end in the caller's transaction, once it is over."""
    browsers = [row for row in rows if row.kind == StoredSession.Kind.BROWSER]
    coupled = {slug for slug in {row.source for row in browsers} if slug and _provider(slug)}
    for row in browsers:
        session = _session(row) if row.source in coupled else None
        if session:
            transaction.on_commit(partial(_uncouple, session), robust=True)


def _uncouple(session: Session) -> None:
    provider = _provider(session.source) if session.bound_to else None
    if provider:
        provider.uncouple(session.ref())


def _provider(slug: str) -> Uncouples | None:
    source = catalogue.of_session(slug)
    return source.provider if source and isinstance(source.provider, Uncouples) else None


def _session(row: StoredSession) -> Session | None:
    try:
        return load(Session, unseal(row.session_data, PURPOSE, row.session_key)[TYPED])
    except (KeyError, TypeError, ValueError):  # `Unreadable` is a `ValueError`
        return None
