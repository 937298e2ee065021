"""The typed session: who is signed in, by what kind of session (tests/chart/data/go.md, "Go
session").
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from accounts.provider import ANONYMOUS, RESERVED_TYPES, UNKNOWN, SessionRef

# Tokens are renewed within the last tenth of their life, and no earlier than this before its end.
LONGEST_MARGIN = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class Session:
    """One session, whole. `isLoggedIn` is derived from the type, so the two cannot contradict.

    `uid` is the stable public id; `expires_at` is when it ends if nothing happens,
    `upstream_ends_at` when the upstream's own does, `tokens_expire_at` when the access token in the
    vault does, which lived for `tokens_lifetime` seconds. `claims` are the provider's public ones.
    `acr`, `amr` and `auth_time` say how and when the person proved who they are (OIDC Core, 2), the
    latter in seconds since 1970; 0 if nobody knows. `shared`: it is at a computer that many use,
    and ends soon (docs/shared-computers.md).
    """

    uid: str = ""
    type: str = ANONYMOUS
    source: str = ""
    subject: str = field(default="", repr=False)
    name: str = field(default="", repr=False)
    username: str = field(default="", repr=False)
    issuer: str = ""
    sid: str = field(default="", repr=False)
    status: str = ""
    acr: str = ""
    signed_in_at: datetime | None = None
    expires_at: datetime | None = None
    refresh_expires_at: datetime | None = None
    upstream_ends_at: datetime | None = None
    tokens_expire_at: datetime | None = None
    bound_to: str = field(default="", repr=False)
    claims: Mapping[str, Any] = field(default_factory=dict, repr=False)
    tokens_lifetime: int = 0
    amr: Sequence[str] = ()
    auth_time: int = 0
    shared: bool = False

    @property
    def is_logged_in(self) -> bool:
        """True for every type but anonymous and unknown."""
        return self.type not in RESERVED_TYPES

    @property
    def exists(self) -> bool:
        """True for every type but anonymous."""
        return self.type != ANONYMOUS

    def public(self) -> dict[str, Any]:
        """Return what `/auth/session` shows: an allow-list, a session's only serialiser."""
        if not self.is_logged_in:
            return {"isLoggedIn": False, "type": ANONYMOUS}
        return {
            **self.claims,
            "isLoggedIn": True,
            "type": self.type,
            "source": self.source,
            "status": self.status,
            "user": {"name": self.name, "username": self.username},
            "expires": _iso(self.expires_at),
            "refresh_expires": _iso(self.refresh_expires_at),
        }

    def ref(self) -> SessionRef:
        """Return what a provider may know of this session."""
        return SessionRef(
            uid=self.uid,
            type=self.type,
            source=self.source,
            subject=self.subject,
            issuer=self.issuer,
            sid=self.sid,
            expires_at=self.upstream_ends_at,
            bound_to=self.bound_to,
            due_at=due_at(self.upstream_ends_at, self.tokens_lifetime),
        )

    @classmethod
    def unknown(cls, uid: str) -> Session:
        """Return the chart's *Unknown*: a row exists, nothing in it can be trusted."""
        return cls(uid=uid, type=UNKNOWN)


def due_at(ends: datetime | None, lifetime: int) -> datetime | None:
    """Return when tokens that end at `ends` are to be renewed; `lifetime` is 0 if unknown."""
    if ends is None:
        return None
    return ends - (min(LONGEST_MARGIN, timedelta(seconds=lifetime) / 10) or LONGEST_MARGIN)


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat(timespec="seconds") if moment else None
