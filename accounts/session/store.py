"""The session store: Django's session engine over real columns (docs/architecture.md 5).

The cookie holds 256 random bits; the row's key is their SHA-256; the payload is sealed with that
key as associated data. A cache may hold the same sealed payload, and counts only while neither the
session nor its key is in the ended feed. Loading never raises: what has no row is anonymous, what
cannot be read is *Unknown*.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth import HASH_SESSION_KEY
from django.contrib.sessions.backends.base import SessionBase, UpdateError
from django.db import DatabaseError, transaction
from django.utils import timezone

from accounts import cache, ended, serialization
from accounts.keyring import digest, seal, unseal
from accounts.models import StoredSession
from accounts.session import farewell, lives, unreadable
from accounts.session.ending import AT_ONCE, end, end_expired
from accounts.session.row import Row
from accounts.session.typed import Session, due_at
from accounts.source import registry

PURPOSE = "session"
TYPED = "vestibule"
SEEN_EVERY = timedelta(seconds=60)
_COOKIE = re.compile(r"\A[A-Za-z0-9_-]{43}\Z")


class SessionStore(SessionBase):
    """One browser's session. `typed` is the typed session; the dictionary is Django's own.

    `cut_off` is why somebody had it ended, of one that has just been found to be over.
    """

    _session_cache: dict[str, Any]
    _get_session: Any  # Django's own, which its stubs leave out

    def __init__(self, session_key: str | None = None) -> None:
        super().__init__(session_key if session_key and _COOKIE.match(session_key) else None)
        self._row: Row | None = None
        self._typed = Session()
        self._written = ""
        self._digest = ""
        self._at_hand: Row | None = None
        self.cut_off = ""
        self.columns: dict[str, Any] = {}

    @classmethod
    def at(cls, row: StoredSession) -> SessionStore:
        """Return the store of a session that is known by its row, as a bearer's is: no cookie, no
        query. It is read, touched, replaced and saved like any other, and never given to a browser.
        """
        store = cls()
        store._session_key = store._digest = row.session_key
        store._at_hand = Row.of(row)
        store.columns = {"kind": row.kind}
        return store

    # --- What the house asks ---------------------------------------------------------------------

    @property
    def typed(self) -> Session:
        """The typed session; anonymous when there is none, *Unknown* when it cannot be read."""
        self._get_session()
        return self._typed

    @property
    def key_digest(self) -> str:
        """The row's primary key: the SHA-256 of the cookie's value; empty without a cookie."""
        return self._digest or (digest(self.session_key) if self.session_key else "")

    def begin(self, typed: Session, values: dict[str, Any], **columns: Any) -> StoredSession:
        """Make a new session. `values` are Django's own.

        Returns its row, with all columns, for the caller to insert in the transaction of this call.
        """
        self._typed, self.columns = typed, columns
        self._session_cache = {**values, TYPED: serialization.dump(typed)}
        self._session_key = secrets.token_urlsafe(32)
        self.modified = True
        return self._new_row()

    def touch(self, now: datetime, *, judged: bool = True) -> None:
        """Store that the session is in use, at most once a minute, and prolong it. One that hangs
        on an upstream's cookie is prolonged alone where it is not `judged` by that.
        """
        row = self._row
        if row is None or now - row.seen < SEEN_EVERY:
            return
        expires = min(now + lives.of(self._kind, shared=self._typed.shared)[0], row.ends)
        mine = StoredSession.objects.filter(session_key=self.key_digest, last_seen_at__lt=now)
        seen = {"last_seen_at": now} if judged or not self._typed.bound_to else {}
        written = mine.update(expire_date=expires, **seen)
        self._row = row._replace(expires=expires, seen=now if seen else row.seen)
        self._typed = replace(self._typed, expires_at=expires)
        if written:
            self._remember()
        else:  # another worker was quicker, or the row is gone, and no feed need tell of that
            cache.sessions.delete(self.key_digest)

    def last_seen(self, since: datetime) -> datetime | None:
        """Return when the session was seen last, None of one that has ended. What a cache has from
        before `since` is read anew: another worker may have seen it.
        """
        row = self._row
        if row and row.seen < since:
            row = self._read_row()
        return row.seen if row else None

    def stands_until(self) -> datetime | None:
        """Return until when nothing is to be done for a session that is signed in: no mark of its
        use, no renewal, no end. None for any other.
        """
        row, typed = self._row, self.typed
        if row is None or not typed.is_logged_in:
            return None
        ends = typed.upstream_ends_at if typed.bound_to else typed.tokens_expire_at
        due = due_at(ends, typed.tokens_lifetime)
        return min(row.seen + SEEN_EVERY, row.expires, due or row.expires)

    def replace(self, typed: Session) -> None:
        """Replace the typed session; `save` writes it. Its end moves with the upstream's."""
        if self._row and typed.upstream_ends_at != self._typed.upstream_ends_at:
            expires, ends = lives.ends(typed, self._kind, typed.signed_in_at)
            self._row = self._row._replace(expires=expires, ends=ends)
            typed = replace(typed, expires_at=expires)
        self[TYPED] = serialization.dump(typed)
        self._typed = typed

    # --- What Django asks ------------------------------------------------------------------------

    def load(self) -> dict[str, Any]:
        """Return the payload and set the typed session. Bad data raises nothing."""
        self._row = self._read()
        if self._row is None:
            self.cut_off = farewell.word(self.key_digest) if self.session_key else ""
            return self._nobody()
        try:
            values: dict[str, Any] = unseal(self._row.sealed, PURPOSE, self.key_digest)
            typed = serialization.load(Session, values[TYPED]) if TYPED in values else Session()
            readable = not typed.exists or typed.type in registry.session_types()
            known = self._row.known() if typed.is_logged_in else ""
            held = values.get(HASH_SESSION_KEY, "")
            if readable and typed.is_logged_in and not self._row.admits(held, known):
                return self._nobody()
        except (ValueError, TypeError, AttributeError):  # `Unreadable` is a `ValueError`
            readable = False
        if not readable:
            self.cut_off = unreadable.note(self.key_digest, PURPOSE)
            self._typed = Session.unknown(self._row.uid)
            return {}
        status = self._row.status if typed.is_logged_in else None
        self._typed = replace(typed, expires_at=self._row.expires, status=status or typed.status)
        self._written = self._fingerprint(values)
        if known and held != known:  # an earlier secret key has hashed it; `save` writes it anew
            values[HASH_SESSION_KEY] = known
            self.modified = True
        return values

    def _nobody(self) -> dict[str, Any]:
        self._row, self._session_key, self._typed = None, None, Session()
        return {}

    def exists(self, session_key: str) -> bool:
        """Tell whether a row has this key."""
        return StoredSession.objects.filter(session_key=digest(session_key)).exists()

    def create(self) -> None:
        """Insert a row under a new key. Raises `IntegrityError`: for a key, that never happens."""
        self._session_key = secrets.token_urlsafe(32)
        with transaction.atomic():
            self._new_row().save(force_insert=True)
        self.modified = True

    def save(self, must_create: bool = False) -> None:
        """Write payload and expiry of a session that exists, when the payload changed.

        Raises `UpdateError` when it ended meanwhile: a request in flight revives nothing.
        """
        if must_create or self.session_key is None:
            self.create()
            return
        values = self._get_session(no_load=False)
        if (written := self._fingerprint(values)) == self._written:
            return
        sealed = seal(values, PURPOSE, self.key_digest)
        changes: dict[str, Any] = {"session_data": sealed}
        if self._row:
            self._row = self._row._replace(sealed=sealed)
            changes |= {"expire_date": self._row.expires, "ends_at": self._row.ends}
        if not StoredSession.objects.filter(session_key=self.key_digest).update(**changes):
            # Else the same request, made once more, may find it in the cache and fail again.
            cache.sessions.delete(self.key_digest)
            raise UpdateError
        self._written = written
        transaction.on_commit(self._remember)

    def delete(self, session_key: str | None = None) -> None:
        """End the session of this key, with its tokens, in every worker; then this is nobody's."""
        if key := session_key or self.session_key:
            end(StoredSession.objects.filter(session_key=digest(key)))
            cache.sessions.delete(digest(key))  # also where the row was gone already
        if not session_key:
            self._nobody()

    def cycle_key(self) -> None:
        """Give the session another key: one conditional UPDATE; vault and uid stay."""
        values = self._get_session()
        if self.session_key is None:
            return
        old, self._session_key = self.key_digest, secrets.token_urlsafe(32)
        sealed = seal(values, PURPOSE, self.key_digest)
        with transaction.atomic():
            changed = StoredSession.objects.filter(session_key=old).update(
                session_key=self.key_digest, session_data=sealed
            )
            if not changed:
                raise UpdateError
            ended.announce("key", [old])
        cache.sessions.delete(old)
        self._written = self._fingerprint(values)
        self._row = None
        self.modified = True

    @classmethod
    def clear_expired(cls) -> None:
        """End the sessions whose time is over, so many in a transaction."""
        while end_expired() >= AT_ONCE:
            continue

    async def aload(self) -> dict[str, Any]:
        """Refuse: this engine is served by threads."""
        raise NotImplementedError("accounts.session.store is synchronous")

    aexists = acreate = asave = adelete = acycle_key = aload  # type: ignore[assignment]

    # --- Reading and writing ---------------------------------------------------------------------

    @property
    def _kind(self) -> str:
        return str(self.columns.get("kind", StoredSession.Kind.BROWSER))

    def _read(self) -> Row | None:
        if not self.session_key:
            return None
        now = timezone.now()
        row, self._at_hand = self._at_hand or self._read_cache(), None
        if row is None or row.expires <= now:
            row = self._read_row()
        if row and row.expires <= now:
            end_expired(session_key=self.key_digest)
            return None
        return row

    def _read_cache(self) -> Row | None:
        held = cache.sessions.get(self.key_digest)
        try:
            uid, *moments, sealed, person, epoch, status = held
            expires, ends, seen = (datetime.fromisoformat(each) for each in moments)
            row = Row(uid, expires, ends, seen, sealed, person, epoch, status)
            if ended.has_ended(uid, self.key_digest):
                return None
        except (TypeError, ValueError, DatabaseError):
            return None  # nothing there, or the feed cannot be read: the row decides
        return row

    def _read_row(self) -> Row | None:
        found = Row.stored(self.key_digest)
        if found is not None:
            self._row = found
            self._remember()
        return found

    def _new_row(self) -> StoredSession:
        now = timezone.now()
        expires, ends = lives.ends(self._typed, self._kind, now)
        values = self._get_session(no_load=True)
        sealed = seal(values, PURPOSE, self.key_digest)
        row = StoredSession(
            session_key=self.key_digest,
            session_data=sealed,
            expire_date=expires,
            ends_at=ends,
            created_at=now,
            last_seen_at=now,
            **({"uid": self._typed.uid} if self._typed.uid else {}),
            **self.columns,
        )
        self._row = Row.of(row)
        self._typed = replace(self._typed, expires_at=expires)
        self._written = self._fingerprint(values)
        transaction.on_commit(self._remember)
        return row

    def _remember(self) -> None:
        row = self._row
        if row is None or not self.session_key:
            return
        held = [each.isoformat() if isinstance(each, datetime) else each for each in row]
        cache.sessions.set(self.key_digest, held, ended.CACHE_SECONDS)

    @staticmethod
    def _fingerprint(values: dict[str, Any]) -> str:
        return digest(repr(sorted(values.items())))


def rewrite(
    rows: Any, change: Callable[[Session], Session], also: Mapping[str, Any] | None = None
) -> int:
    """Apply `change` to the typed session of each row of the queryset `rows`, and set what Django
    keeps of it to `also`.

    Runs in the caller's transaction; the keys stay. Returns the number of changed rows; a row that
    cannot be read is skipped.
    """
    changed = []
    with transaction.atomic():
        for row in rows.select_for_update():
            try:
                values = unseal(row.session_data, PURPOSE, row.session_key)
                typed = change(serialization.load(Session, values[TYPED]))
                values |= {TYPED: serialization.dump(typed), **(also or {})}
            except (KeyError, TypeError, ValueError):  # `Unreadable` is a `ValueError`
                continue
            sealed = seal(values, PURPOSE, row.session_key)
            StoredSession.objects.filter(pk=row.pk).update(session_data=sealed)
            changed.append(row.session_key)
        ended.announce("key", changed)  # a copy that the cache could not forget counts no more
        transaction.on_commit(lambda: cache.sessions.delete(*changed))
    return len(changed)
