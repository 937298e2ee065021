"""What happens to a second factor: an event, and a mail to the person, who may not have done it."""

from typing import Any

from django.utils import translation

from accounts import events, outbox
from accounts.factors import codes
from accounts.factors.answer import RECOVERY
from accounts.models import Source, User
from accounts.provider import Visit


def tell(name: str, user: User, visit: Visit | None, *, mail: bool = True, **said: Any) -> None:
    """Record the event `name` of a person, and mail them, in the caller's transaction. `said` are
    other columns of the event.
    """
    events.record(events.event(name, visit, user=user, **said))
    if mail and user.email:
        message = {"uid": user.uid, "told": name, "language": translation.get_language()}
        outbox.post_mail(Source.LOCAL, message)


def used(kind: str, user: User, source: str, visit: Visit, session_uid: str) -> None:
    """Tell that a second step was passed. A recovery code is told by mail as well."""
    where: dict[str, Any] = {"source": source, "session_uid": session_uid}
    if kind == RECOVERY:
        tell("recovery.used", user, visit, detail=f"{codes.left(user)} left", **where)
    else:
        tell("second.used", user, visit, mail=False, **where)
