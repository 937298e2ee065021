"""What a request reads of its session's row: the columns, and the word on its person."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from django.utils.crypto import constant_time_compare

from accounts import statements
from accounts.models import StoredSession, User
from accounts.models.users import epoch_hash

_STORED = statements.Values(
    lambda key: StoredSession.objects.filter(session_key=key).values_list(
        "uid",
        "expire_date",
        "ends_at",
        "last_seen_at",
        "session_data",
        "user__uid",
        "user__session_epoch",
        "user__status",
    ),
    key="key",
)


class Row(NamedTuple):
    """What is read of a session before its payload is opened, and what its person is like now."""

    uid: str
    expires: datetime
    ends: datetime
    seen: datetime
    sealed: str
    person: str | None
    epoch: int | None
    status: str | None

    @classmethod
    def of(cls, row: StoredSession) -> Row:
        """Return what a whole row says, and its person."""
        user = row.user
        return cls(
            row.uid,
            row.expire_date,
            row.ends_at,
            row.last_seen_at,
            row.session_data,
            user.uid if user else None,
            user.session_epoch if user else None,
            user.status if user else None,
        )

    @classmethod
    def stored(cls, key: str) -> Row | None:
        """Return what is stored of the session of this key digest. Costs one query."""
        found = _STORED.first(key=key)
        return cls(*found) if found else None

    def known(self) -> str:
        """Return the hash of the person's epoch by the present key, nothing without a person."""
        return epoch_hash(self.person, self.epoch or 0) if self.person else ""

    def admits(self, held: str, known: str) -> bool:
        """Tell whether the person may still have the session that holds this hash. `known` is the
        present one; one by a former key counts as well while that key does.
        """
        if self.person is None:
            return True
        if self.status == User.Status.DISABLED:
            return False
        if constant_time_compare(held, known):
            return True
        user = User(uid=self.person, session_epoch=self.epoch or 0)
        former = user.get_session_auth_fallback_hash()
        return any(constant_time_compare(held, each) for each in former)
