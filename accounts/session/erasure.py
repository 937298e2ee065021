"""People deleted: at their own wish where their sources allow it, or after they stay away.

What happened is kept without them: no name, no address, no words (GDPR, Article 17).
"""

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from accounts import conf, events
from accounts.models import Event, Identity, StoredSession, User
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


def erase(person: User, why: str) -> None:
    """Delete a person with all that is theirs; their sessions end. `why` stands in the one event
    that is left of it, which has no address. Raises `LastAdministratorError`, and then nothing has
    changed.
    """
    with administrators.kept():
        _erase(person, why)
        events.record(events.event("person.erased", detail=why))


def forget_words(person: User) -> None:
    """Take what could name a person, who is about to be deleted, out of the events of theirs, and
    from where they did things out of those of others: who was an operator once.
    """
    Event.objects.filter(by=person).update(address=None)
    Event.objects.filter(user=person).update(address=None, detail="", steps=[])


def erase_dormant() -> int:
    """Erase the people who have stayed away for longer than is set, each in a transaction of their
    own. Returns their number.

    Administrators stay, and so does who was disabled: they could come back as somebody new. So no
    administrator is held, and whoever signs in or is changed waits for one person at most.
    """
    gone = 0
    if not conf.dormant():
        return gone
    known = _dormant().order_by("pk").values_list("pk", flat=True)
    last = 0
    while batch := list(known.filter(pk__gt=last)[:BATCH]):
        last = batch[-1]
        gone += sum(map(_erase_if_dormant, batch))
    return gone


def _erase_if_dormant(pk: int) -> bool:
    with transaction.atomic():
        # Whoever signs in, or is made an administrator, now holds this lock, and is not dormant
        # any more once it is ours.
        person = _dormant().select_for_update(of=("self",)).filter(pk=pk).first()
        if person is None:
            return False
        why = "stayed away"
        _erase(person, why)
        events.record(events.event("person.erased", detail=why, actor=Event.Actor.SITE))
    return True


def _erase(person: User, why: str) -> None:
    people.end_all(person.pk, why, farewell.CLOSED)
    forget_words(person)
    person.delete()


def _dormant() -> QuerySet[User]:
    present = StoredSession.objects.filter(user=OuterRef("pk"), expire_date__gt=timezone.now())
    away = User.objects.filter(~Exists(present), seen_at__lt=timezone.now() - conf.dormant())
    return away.exclude(status=User.Status.DISABLED).filter(is_staff=False, is_superuser=False)
