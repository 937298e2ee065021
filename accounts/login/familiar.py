"""Who has signed in from an address before, as the audit trail remembers it: the lock-out is more
patient with them where strangers have used the address up (docs/threats.md, U01).
"""

from collections.abc import Iterable

from accounts import events
from accounts.login import lockout
from accounts.models import Event, Identity, User
from accounts.models.users import username_key


def is_name(source: str, name: str, address: str) -> bool:
    """Tell whether somebody who types `name` at a source has signed in by it from an address.

    People of a directory have usernames of ours, which nobody types: they are known by what they
    typed last.
    """
    key = lockout.name_key(source, name)
    typed = Identity.objects.filter(source__slug=source, name_key=key)
    called = User.objects.filter(username_key=username_key(name))
    people = {*typed.values_list("user_id", flat=True), *called.values_list("pk", flat=True)}
    return is_any(people, source, address)


def is_any(people: Iterable[int], source: str, address: str) -> bool:
    """Tell whether one of `people`, by their numbers, has signed in by a source from an address."""
    came = Event.objects.filter(name="login.succeeded", source=source, user__in=people)
    place = events.address_or_none(address)
    return place is not None and came.filter(address=place).exists()
