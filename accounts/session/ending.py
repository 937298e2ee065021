"""The end of sessions: the locks that wait for it, what ends with it, the feed that tells of it."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils import timezone

from accounts import cache, ended
from accounts.models import StoredSession, User
from accounts.offers import offered

AT_ONCE = 500


def hold(uid: str) -> bool:
    """Lock a session against its end until the caller's transaction is over. Returns False when it
    has ended.

    Whoever writes what ends with a session asks for this lock first, as `end` does: two who lock in
    another order wait for each other until the database refuses one.
    """
    return bool(StoredSession.objects.select_for_update(no_key=True).filter(uid=uid).values("pk"))


def hold_all(user_id: int) -> None:
    """Lock the sessions of a person as `hold` does, one after the other as `end` does, browsers'
    first: whoever has begun a child session under one of them has stored it once this returns.
    """
    mine = StoredSession.objects.filter(user_id=user_id).order_by("kind", "session_key")
    list(mine.select_for_update(no_key=True).values("pk"))


def end(rows: Any, heir: str = "") -> list[StoredSession]:
    """End the sessions of the queryset `rows`, with their tokens, in every worker.

    Runs in one transaction with the feed rows, the caller's when there is one, and with whatever a
    room has to do or to keep then (`session_ends` of its AppConfig). What hangs on the sessions
    moves to the session `heir` where one takes their place; else, at a shared computer, what
    applications hold of them ends too. Ending twice is harmless. Returns the rows that this call
    ended, for events.
    """
    with transaction.atomic():
        in_order = rows if rows.query.is_sliced else rows.order_by("kind", "session_key")
        found = list(in_order.select_for_update())
        found += [] if heir else _there(found)
        if found:
            keys = [row.session_key for row in found]
            for settle in offered("session_ends"):
                settle([row.uid for row in found], heir)
            StoredSession.objects.filter(session_key__in=keys).delete()
            # No cache holds one that expired so long ago.
            lately = timezone.now() - ended.REMEMBER
            ended.announce("session", [row.uid for row in found if row.expire_date > lately])
            transaction.on_commit(lambda: cache.sessions.delete(*keys))
    return found


def _there(rows: Sequence[StoredSession]) -> list[StoredSession]:
    """Lock, and return, the child sessions of applications at the shared computers of `rows`, which
    are locked: one that was about to begin has been waited for (docs/shared-computers.md).
    """
    browsers = [row.uid for row in rows if row.shared and row.kind == StoredSession.Kind.BROWSER]
    if not browsers:
        return []
    under = StoredSession.objects.filter(
        parent_uid__in=browsers, kind=StoredSession.Kind.CLIENT, shared=True
    ).exclude(uid__in=[row.uid for row in rows])
    return list(under.order_by("session_key").select_for_update())


def end_expired(**which: Any) -> int:
    """End sessions whose time is over, those that `which` names, at most `AT_ONCE`, with what ends
    with them: whoever is told of an end is told of this one. Returns their number.
    """
    over = StoredSession.objects.filter(expire_date__lte=timezone.now(), **which)
    gone = end(over.order_by("expire_date")[:AT_ONCE])
    _note_uses([row for row in gone if row.kind == StoredSession.Kind.CLIENT])
    return len(gone)


def _note_uses(rows: Sequence[StoredSession]) -> None:
    """Have the last use of a device or an application count as one of its person's: who came by
    that alone, and did until yesterday, has not stayed away (accounts/session/erasure.py).
    """
    used: dict[int, datetime] = {}
    for row in rows:
        if row.user_id is not None:
            used[row.user_id] = max(row.last_seen_at, used.get(row.user_id, row.last_seen_at))
    seen = User.objects.filter(pk__in=list(used)).values_list("pk", "seen_at")
    for pk, at in seen if used else ():
        if at < used[pk]:
            User.objects.filter(pk=pk, seen_at__lt=used[pk]).update(seen_at=used[pk])
