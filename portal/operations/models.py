"""What operators look at and no other room needs a word for, and the expiry of the ground floor."""

from django.utils.translation import gettext_lazy as _

from accounts import ended, events
from accounts.database import statistics
from accounts.models import User
from accounts.session import afar, devices, erasure, farewell, people
from accounts.session.store import SessionStore
from portal.operations import acts, maintenance
from portal.operations.alarms import Alarm
from portal.operations.maintenance import MaintenanceNotice
from portal.operations.rescue import Rescue

__all__ = ["Alarm", "AwaitingPerson", "MaintenanceNotice", "Rescue", "clear_ground_floor"]


class AwaitingPerson(User):
    """A person who awaits access: the same row, with permissions of its own, so that the desk which
    lets people in need not be the one that edits them.
    """

    class Meta:
        proxy = True
        default_permissions = ("view", "change")
        verbose_name = _("person who awaits access")
        verbose_name_plural = _("awaiting access")


def clear_ground_floor() -> int:
    """Delete expired sessions with their tokens, and then people who stay away, fleeting
    identities, the feed's old rows, logout tokens that count no more, words that nobody comes for,
    devices that nobody uses, events that are kept no longer, and what a former version has written
    to Django's log. At last SQLite looks at its tables.

    Returns the number of people, identities, and of those rows. Pending logouts go when they are
    delivered or given up.
    """
    SessionStore.clear_expired()
    over = (
        erasure.erase_dormant,
        people.forget_fleeting,
        ended.clear_expired,
        afar.clear_expired,
        farewell.clear_expired,
        devices.clear_expired,
        events.clear_expired,
        maintenance.clear_expired,
        acts.clear_former,
    )
    gone = sum(clear() for clear in over)
    statistics.settle()
    return gone
