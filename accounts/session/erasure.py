"""People deleted: at their own wish where their sources allow it, or after they stay away.

What happened is kept without them: no name, no address, no words (GDPR, Article 17).
"""

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from accounts import conf, events
from accounts.models import Event, Identity, StoredSession, User
from accounts.provider import Visit
from accounts.session import administrators, farewell, people

BATCH = 200


def is_allowed(person: User) -> bool:
    """Tell whether a person may delete their account: each of their sources allows it, and
    they do not open the administration, whose events keep who did what to others.
    """
    mine = Identity.objects.filter(user=person)
    if person.status == User.Status.DISABLED or opens_administration(person):
        return False
    return mine.exists() and not mine.filter(source__allow_erasure=False).exists()


def opens_administration(person: User) -> bool:
    """Tell whether a person has a mark that opens the administration, whatever the session's source
    makes of it.
    """
    marked = Q(is_staff=True) | Q(is_superuser=True)
    return User.objects.filter(marked, pk=person.pk).exists()


def erase(person: User, why: str, by: Visit | None = None) -> None:
    """Delete a person with all that is theirs; their sessions end. `why` stands in the one event
    that is left of it. Raises `LastAdministratorError`, and then nothing has changed.
    """
    with administrators.kept():
        people.end_all(person.pk, why, farewell.CLOSED)
        forget_words(person)
        person.delete()
        events.record(events.event("person.erased", by, detail=why))


def forget_words(person: User) -> None:
    """Take what could name a person, who is about to be deleted, out of the events of theirs."""
    Event.objects.filter(user=person).update(address=None, detail="", steps=[])
    # Before events told by a key who did it, they told the name.
    Event.objects.filter(detail=f"by {person.username}").update(detail="")


def erase_dormant() -> int:
    """Erase the people who have stayed away for longer than is set, a few in a transaction. Returns
    their number.

    Administrators stay, and so does who was disabled: they could come back as somebody new.
    """
    gone = 0
    if not conf.dormant():
        return gone
    known = _dormant().order_by("pk").values_list("pk", flat=True)
    last = 0
    while batch := list(known.filter(pk__gt=last)[:BATCH]):
        last = batch[-1]
        with transaction.atomic():
            administrators.hold()  # before others, as by whoever changes somebody
            # Whoever signs in now holds this lock, and is no longer among these once it is ours.
            for person in _dormant().select_for_update(of=("self",)).filter(pk__in=batch):
                erase(person, "stayed away")
                gone += 1
    return gone


def _dormant() -> QuerySet[User]:
    present = StoredSession.objects.filter(user=OuterRef("pk"), expire_date__gt=timezone.now())
    away = User.objects.filter(~Exists(present), seen_at__lt=timezone.now() - conf.dormant())
    return away.exclude(status=User.Status.DISABLED).filter(is_staff=False, is_superuser=False)
