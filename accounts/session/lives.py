"""How long a session lives: unused, and at all. At a computer that many share it is minutes
(docs/shared-computers.md).
"""

from datetime import datetime, timedelta

from django.utils import timezone

from accounts import conf
from accounts.models import StoredSession
from accounts.session.typed import Session


def of(kind: str, *, shared: bool) -> tuple[timedelta, timedelta]:
    """Return how long a session of `kind` lives unused, and at all; never longer than a shared one
    where it is `shared`.
    """
    if kind == StoredSession.Kind.CLIENT:
        idle, absolute = conf.client_idle(), conf.client_absolute()
    else:
        idle, absolute = conf.session_idle(), conf.session_absolute()
    if shared:
        return min(idle, conf.shared_idle()), min(absolute, conf.shared_absolute())
    return idle, absolute


def ends(typed: Session, kind: str, begun: datetime | None) -> tuple[datetime, datetime]:
    """Return when `typed`, used now, ends if nothing happens, and when at the latest.

    What hangs on a shared session, such as an application's, begins with it: its person may have
    left the computer.
    """
    now, (idle, absolute) = timezone.now(), of(kind, shared=typed.shared)
    begun = (typed.signed_in_at if typed.shared else None) or begun or now
    latest = min(begun + absolute, typed.upstream_ends_at or begun + absolute)
    return min(now + idle, latest), latest
