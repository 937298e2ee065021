"""A sign-in in a browser: known as its person's, or new, which is an event and a mail.

What looks alike on a day is told once, so that whoever deletes their cookies is not mailed at each
sign-in. A sign-in that leaves no device behind is told as well (docs/threats.md, U32).
"""

import secrets
from contextlib import suppress
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Count, Exists, OuterRef, QuerySet
from django.utils import timezone, translation
from limits import RateLimitItemPerDay

from accounts import conf, events, outbox, statements
from accounts.errors import LoginRequired, TooManyRequests
from accounts.keyring import digest
from accounts.login import lockout
from accounts.models import Event, KnownDevice, Source, User
from accounts.provider import Visit
from accounts.session import devices, people

# Of sign-ins on a day that leave no device behind and look alike, one is looked at: many at once
# are told once, and a program that signs in each minute does not read through its trail each time.
_ONCE = RateLimitItemPerDay(1, namespace="passer-by")


def meet(
    user: User,
    secret: str,
    visit: Visit,
    session_uid: str,
    label: str,
    *,
    new: bool = False,
    quiet: bool = False,
) -> str:
    """Return the secret of the browser in which `user` has just signed in: `secret` where that is
    known as theirs, else a new one.

    A new device is an event, and is told by mail as `label`, unless it is the first of theirs, who
    may be `new` here, or `quiet`.
    """
    agent, address = visit.user_agent[:300].replace("\0", ""), events.address_or_none(visit.address)
    seen = {"last_seen_at": timezone.now(), "address": address, "user_agent": agent}
    if secret and KnownDevice.objects.filter(digest=digest(secret), user=user).update(**seen):
        return secret
    fresh = secrets.token_urlsafe(24)
    row = KnownDevice(digest=digest(fresh), user=user, **seen)
    number, has_come = (0, False) if new else _former(user, session_uid)
    tells = (number or has_come) and not quiet
    trail = [_event(user, visit, session_uid, label)] if tells else []
    by_mail = tells and _hears_by_mail(user)
    with suppress(IntegrityError):  # the person may be deleted meanwhile
        if by_mail:
            _keep_and_tell(row, trail, label)
        else:
            statements.insert(*trail, row)
        if number >= devices.AT_MOST:
            _SURPLUS.carry_out(person=user.pk)
        events.announce(trail)
    return fresh


def pass_by(user: User, visit: Visit, session_uid: str, label: str, *, new: bool = False) -> None:
    """Tell a person of a sign-in that leaves no device behind: by a program, or in a browser that
    somebody says is shared, who may be an intruder.

    It is known by `label` and address alone, so each two of these are told once, for as long as the
    audit trail keeps it. The first sign-in of a person, who may be `new` here, is no news.
    """
    address = events.address_or_none(visit.address)
    try:
        lockout.spend(_ONCE, user.uid, label, address or "")
    except TooManyRequests:
        return
    alike = Event.objects.filter(user=user, name="device.new", detail=label, address=address)
    if new or alike.exists() or not any(_former(user, session_uid)):
        return
    with suppress(IntegrityError), transaction.atomic():  # the person may be deleted meanwhile
        if _hears_by_mail(user):
            _post(user, label, address or "")
        events.record(_event(user, visit, session_uid, label))


def trust(visit: Visit, session_uid: str, label: str) -> str:
    """Return the secret of a browser that its person, who is signed in there, wants to be known.
    Raises `LoginRequired` when that session has just ended.
    """
    with transaction.atomic():
        user = people.hold(session_uid)
        if user is None:
            raise LoginRequired("The session has just ended.")
        secret = meet(user, "", visit, session_uid, label, quiet=True)
        events.record(events.event("device.trusted", visit, user=user, session_uid=session_uid))
    return secret


def _former(user: User, session_uid: str) -> tuple[int, bool]:
    """Return how many devices the person has, and whether they have signed in before."""
    found = _FORMER.first(person=user.pk, session=session_uid)
    return (found[0], bool(found[1])) if found else (0, False)


def _of_former(person: int, session: str) -> QuerySet[User, Any]:
    came = Event.objects.filter(user=OuterRef("pk"), name="login.succeeded")
    came = came.exclude(session_uid=session)
    known = User.objects.filter(pk=person).annotate(number=Count("devices"), came=Exists(came))
    return known.values_list("number", "came")


_FORMER = statements.Values(_of_former, person=0, session="session")

_SURPLUS = statements.Deletion(
    lambda person: devices.of_person(person).values("pk")[devices.AT_MOST :], person=0
)


def _event(user: User, visit: Visit, session_uid: str, label: str) -> Event:
    told = {"user": user, "session_uid": session_uid, "support_code": events.new_support_code()}
    return events.event("device.new", visit, detail=label, **told)


def _keep_and_tell(row: KnownDevice, trail: list[Event], label: str) -> None:
    with transaction.atomic():
        if _told(row):
            _post(row.user, label, row.address or "")
        statements.insert(*trail, *([] if row.pk else [row]))


def _told(row: KnownDevice) -> bool:
    """Insert the row as the one that is told of, unless one that looks alike was today."""
    today = timezone.now().date().isoformat()
    looks = (row.user.uid, row.user_agent, row.address or "", today)
    row.told = digest("\0".join(looks))
    try:
        with transaction.atomic():
            row.save(force_insert=True)
    except IntegrityError:
        row.pk = row.told = None
        return False
    return True


def _hears_by_mail(user: User) -> bool:
    return conf.new_device_mail() and bool(user.email) and user.email_verified


def _post(user: User, label: str, address: str) -> None:
    """Post the mail, in the caller's transaction."""
    told = {"uid": user.uid, "device": label, "address": address}
    told |= {"at": timezone.now().isoformat(), "language": translation.get_language()}
    outbox.post_mail(Source.LOCAL, told)
