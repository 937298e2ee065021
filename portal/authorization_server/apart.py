"""The child sessions of applications: devices, installed programs, and what was given
`offline_access` (docs/contract.md 3).
"""

from typing import Any

from accounts import events
from accounts.models import StoredSession
from accounts.provider import Visit
from accounts.session.ending import AT_ONCE, end

# Ways to know that a session is an application's. Its tokens may have expired, what it was told of
# stays.
_HELD = (
    "told_to__client__in",
    "refresh_tokens__application__in",
    "access_tokens__application__in",
    "device_grants__application__in",
)


def end_all(clients: Any, why: str, by: Visit | None = None, **whose: Any) -> int:
    """End the child sessions of `clients`, those that `whose` names, in the caller's transaction,
    each with an event that says `why`. Returns their number.
    """
    rows = StoredSession.objects.filter(kind=StoredSession.Kind.CLIENT, **whose)
    uids = sorted(
        {
            uid
            for way in _HELD
            for uid in rows.filter(**{way: clients}).values_list("uid", flat=True)
        }
    )
    for first in range(0, len(uids), AT_ONCE):
        some = StoredSession.objects.filter(uid__in=uids[first : first + AT_ONCE])
        events.record_ended(end(some), why, by)
    return len(uids)


def end_unfetched(codes: Any) -> None:
    """End the child sessions of devices that were let in and have not come for their tokens while
    their `codes` counted, which are over.
    """
    uids = codes.filter(session__isnull=False).values_list("session_id", flat=True)
    ended = end(StoredSession.objects.filter(uid__in=list(uids)))
    events.record_ended(ended, "the device did not come for its tokens")
