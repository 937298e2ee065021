"""Known devices: the browsers in which a person has signed in, and which they trust
(docs/known-devices.md).

A browser keeps a secret for each person (portal/door/devices.py). It lets nobody in: it gives their
guesses a counter of their own (accounts/login/lockout.py), and a sign-in by it is told to nobody.
Whoever ends the trust deletes the row, and the secret counts no more.
"""

from collections.abc import Sequence
from datetime import timedelta

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from accounts import events
from accounts.keyring import digest
from accounts.models import KnownDevice, Source, User, clearing
from accounts.models.users import username_key
from accounts.provider import Visit

# A browser that nobody has signed in with for so long is forgotten.
LIFE = timedelta(days=180)
AT_MOST = 20


def is_known(secret: str, source: str, name: str) -> bool:
    """Tell whether a browser's secret still counts for who is called `name` at `source`.

    A cookie says by which name its browser knows whom. It is not taken at its word: the person must
    be known at that source, and at the local one by that name (docs/threats.md, U01).
    """
    rows = KnownDevice.objects.filter(digest=digest(secret), user__identities__source__slug=source)
    if source == Source.LOCAL:
        rows = rows.filter(user__username_key=username_key(name))
    return rows.exists()


def owner_of(secrets: Sequence[str]) -> str:
    """Return the public id of the person of the first of a browser's `secrets` that still counts,
    or nothing.
    """
    if not secrets:  # a new browser asks for nothing: not even for what a query costs to make
        return ""
    wanted = [digest(secret) for secret in secrets]
    rows = KnownDevice.objects.filter(digest__in=wanted).values_list("digest", "user__uid")
    found = dict(rows)
    return next((found[each] for each in wanted if each in found), "")


def of_this_browser(user: User, secrets: Sequence[str]) -> str:
    """Return the first of a browser's `secrets` by which it is known as a person's, or nothing."""
    if not secrets:  # as in `owner_of`
        return ""
    digests = [digest(secret) for secret in secrets]
    rows = KnownDevice.objects.filter(user=user, digest__in=digests)
    found = set(rows.values_list("digest", flat=True))
    return next((secret for secret in secrets if digest(secret) in found), "")


def of_person(user_id: int) -> QuerySet[KnownDevice]:
    """Return the known devices of a person, the last used first."""
    return KnownDevice.objects.filter(user_id=user_id).order_by("-last_seen_at", "-pk")


def forget(user_id: int, pk: int, visit: Visit) -> bool:
    """End the trust in one device of a person. Returns False when it is not theirs, or another
    request has done it.
    """
    with transaction.atomic():
        if not KnownDevice.objects.filter(pk=pk, user_id=user_id).delete()[0]:
            return False
        events.record(events.event("device.forgotten", visit, user_id=user_id))
    return True


def forget_others(user_id: int, visit: Visit) -> None:
    """End the trust in each device but what looks like the one of `visit`: whoever knew the former
    password may have come by one of them.
    """
    alike = {"address": events.address_or_none(visit.address), "user_agent": visit.user_agent[:300]}
    KnownDevice.objects.filter(user_id=user_id).exclude(**alike).delete()


def hand_over(stays: User, goes: User) -> None:
    """Give the devices of `goes` to `stays`, who are one person."""
    KnownDevice.objects.filter(user=goes).update(user=stays)


def clear_expired() -> int:
    """Delete the devices that nobody has used for `LIFE`. Returns their number."""
    over = KnownDevice.objects.filter(last_seen_at__lt=timezone.now() - LIFE)
    return clearing.delete(over.order_by("last_seen_at"))
