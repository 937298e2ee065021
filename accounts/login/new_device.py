"""A sign-in in a browser: known as its person's, or new, which is an event and a mail.

What looks alike on a day is told once, so that whoever deletes their cookies is not mailed at each
sign-in.
"""

import secrets
from contextlib import suppress

from django.db import IntegrityError, transaction
from django.db.models import Count, Exists, OuterRef
from django.utils import timezone, translation

from accounts import conf, events, outbox
from accounts.keyring import digest
from accounts.models import Event, KnownDevice, Source, User
from accounts.provider import Visit
from accounts.session import devices


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
    mine = KnownDevice.objects.filter(digest=digest(secret), user=user)
    if secret and mine.update(**seen):
        return secret
    fresh = secrets.token_urlsafe(24)
    row = KnownDevice(digest=digest(fresh), user=user, **seen)
    number, has_come = (0, False) if new else _former(user, session_uid)
    tells = (number or has_come) and not quiet
    with suppress(IntegrityError), transaction.atomic():  # the person may be deleted meanwhile
        if tells:
            where = {"user": user, "session_uid": session_uid}
            events.record(events.event("device.new", visit, detail=label, **where))
        if tells and conf.new_device_mail() and user.email and user.email_verified and _told(row):
            _post(row, label)
        if row.pk is None:
            row.save(force_insert=True)
        if number >= devices.AT_MOST:
            surplus = devices.of_person(user.pk).values_list("pk", flat=True)[devices.AT_MOST :]
            KnownDevice.objects.filter(pk__in=list(surplus)).delete()
    return fresh


def trust(user: User, visit: Visit, session_uid: str, label: str) -> str:
    """Return the secret of a browser that its person, who is signed in there, wants to be known."""
    secret = meet(user, "", visit, session_uid, label, quiet=True)
    events.record(events.event("device.trusted", visit, user=user, session_uid=session_uid))
    return secret


def _former(user: User, session_uid: str) -> tuple[int, bool]:
    """Return how many devices the person has, and whether they have signed in before."""
    came = Event.objects.filter(user=OuterRef("pk"), name="login.succeeded")
    came = came.exclude(session_uid=session_uid)
    known = User.objects.filter(pk=user.pk).annotate(number=Count("devices"), came=Exists(came))
    return known.values_list("number", "came").first() or (0, False)


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


def _post(row: KnownDevice, label: str) -> None:
    """Post the mail, in the caller's transaction."""
    told = {"uid": row.user.uid, "device": label, "address": row.address or ""}
    told |= {"at": row.created_at.isoformat(), "language": translation.get_language()}
    outbox.post_mail(Source.LOCAL, told)
