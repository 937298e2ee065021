"""The second step that was passed: an event, and a mail where a recovery code did it."""

from typing import Any

from accounts.factors import codes
from accounts.factors.answer import RECOVERY
from accounts.models import User
from accounts.provider import Visit
from accounts.telling import tell


def used(kind: str, user: User, source: str, visit: Visit, session_uid: str) -> None:
    """Tell that a second step was passed. A recovery code is told by mail as well."""
    where: dict[str, Any] = {"source": source, "session_uid": session_uid}
    if kind == RECOVERY:
        tell("recovery.used", user, visit, detail=f"{codes.left(user)} left", **where)
    else:
        tell("second.used", user, visit, mail=False, **where)
