"""What happens to the ways into an account: an event, and a mail to the person, who may not have
done it.
"""

from typing import Any

from django.utils import translation

from accounts import events, outbox
from accounts.models import Source, User
from accounts.provider import Visit


def tell(name: str, user: User, visit: Visit | None, *, mail: bool = True, **said: Any) -> None:
    """Record the event `name` of a person, and mail them, in the caller's transaction. `said` are
    other columns of the event. An address that nobody has verified may be a stranger's: no mail.
    """
    events.record(events.event(name, visit, user=user, **said))
    if mail and user.email and user.email_verified:
        _post(name, user)


def tell_at(address: str, name: str, user: User) -> None:
    """Mail the word on what happened to `user` to the verified `address` of somebody who has become
    one with them.
    """
    if address:
        _post(name, user, address=address)


def _post(name: str, user: User, **more: str) -> None:
    message = {"uid": user.uid, "told": name, "language": translation.get_language(), **more}
    outbox.post_mail(Source.LOCAL, message)
