"""The event of a page that refuses, by whose support code the desk finds it."""

from django.http import HttpRequest
from limits import RateLimitItemPerMinute

from accounts import events
from accounts.errors import TooManyRequests
from accounts.login import lockout
from accounts.models import StoredSession
from portal.door import incoming

# What one place is shown beyond it has no code: a stranger must not fill the audit trail.
_RECORDED = RateLimitItemPerMinute(60, 5, namespace="refused")


def record(request: HttpRequest, status: int, reason: str, why: str = "") -> str:
    """Write the event of a page that refuses. Returns its support code, nothing over budget. `why`
    is for the desk, and holds nothing of what was sent.
    """
    visit, session = incoming.visit(request), incoming.session_of(request)
    try:
        lockout.spend_places(_RECORDED, visit.address)
    except TooManyRequests:
        return ""
    seen = events.event(
        "page.refused",
        visit,
        reason=reason,
        source=session.source,
        session_type=session.type,
        session_uid=session.uid,
        user_id=_owner(session.uid),
        detail=f"{status} {request.method} {_place(request)} {why}".strip(),
    )
    return events.count(seen)


def _owner(uid: str) -> int | None:
    """Return whose session it is, for the trail; the primary key of the person."""
    rows = StoredSession.objects.filter(uid=uid) if uid else StoredSession.objects.none()
    return rows.values_list("user_id", flat=True).first()


def _place(request: HttpRequest) -> str:
    """Return which address was asked for, without what may be secret in it."""
    if request.resolver_match:
        return f"/{request.resolver_match.route}"
    return incoming.beginning_of(request.path)
