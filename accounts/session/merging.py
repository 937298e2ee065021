"""Two people who are one: all that belongs to the second becomes the first's.

Rooms above hand over theirs by an attribute of their AppConfig, `people_merge`: a function that
takes who stays and who goes, in the transaction of the merge.
"""

from collections.abc import Iterable

from django.contrib.auth.models import Group
from django.utils import timezone

from accounts import ended
from accounts.models import (
    Event,
    Identity,
    KnownDevice,
    Passkey,
    RecoveryCode,
    Source,
    TotpKey,
    User,
)
from accounts.offers import offered
from accounts.provider import Visit
from accounts.session import administrators, devices, people
from accounts.telling import tell, tell_at


class CannotMerge(Exception):
    """One of the two is gone meanwhile, is disabled, or opens the administration while who merges
    has not all rights: nothing has changed.
    """


def leaves_ways_in(stays: User, goes: User) -> bool:
    """Tell whether no way in of `goes` is handed over: `stays` opens the administration, and others
    may have come in as `goes`.
    """
    return stays.opens_administration() and people.others_may_come_in(goes)


def merge(stays: User, goes: User, groups: Iterable[Group], by: User, visit: Visit) -> None:
    """Give `stays` the ways in of `goes`, with `groups`, and delete `goes`, in one transaction.

    The sessions of `goes` end, with devices and applications: these know the person by another
    `sub` (OIDC Core, 8), and hear of it. A password comes along where `stays` has none, with its
    username. Both are mailed. Whoever signs in as `goes` meanwhile waits, and comes in as `stays`.
    An account that others may have used stays known as one, and gives an administrator's no way in.
    Raises `CannotMerge`, and `LastAdministratorError`.
    """
    with administrators.kept():
        # An application that is renewing its tokens holds its session, and refers to the person.
        both = User.objects.select_for_update(no_key=True).filter(pk__in={stays.pk, goes.pk})
        rows = {row.pk: row for row in both.order_by("pk")}
        if len(rows) < 2 or not all(_may_be_merged(row, by) for row in rows.values()):
            raise CannotMerge
        stays, goes = rows[stays.pk], rows[goes.pk]
        detail = f"with {goes.uid}"
        if leaves_ways_in(stays, goes):
            _take_ways_in(goes)
            detail += ", without its ways in"
        stays.tended = not by.is_superuser or any(map(people.others_may_come_in, (stays, goes)))
        people.end_all(goes.pk, "merged with another person")
        if {stays.status, goes.status} == {User.Status.AWAITING_ACCESS, User.Status.ACTIVE}:
            people.admit(stays, by)
            stays.status = User.Status.ACTIVE
        stays.groups.add(*groups)
        ended.announce(ended.PERSON, [str(stays.pk)])
        password = goes.has_usable_password() and not stays.has_usable_password()
        renamed = password or not stays.name
        _hand_over_ways(stays, goes, own_are_new=renamed and not by.is_superuser)
        devices.hand_over(stays, goes)
        for hand_over in offered("people_merge"):
            hand_over(stays, goes)
        Event.objects.filter(user=goes).update(user=stays)
        Event.objects.filter(by=goes).update(by=stays)
        goes.delete()
        _fill(stays, goes, password=password)
        tell("person.merged", stays, visit, by=by, detail=detail)
        if goes.email != stays.email and goes.email_verified:
            tell_at(goes.email, "person.merged", stays)


def _may_be_merged(person: User, by: User) -> bool:
    may = by.is_superuser or not person.opens_administration()
    return may and person.status != User.Status.DISABLED


def _take_ways_in(goes: User) -> None:
    """Take away all by which somebody came in as `goes`, or could by a link to the address."""
    for model in (Identity, KnownDevice, Passkey, TotpKey, RecoveryCode):
        model._default_manager.filter(user=goes).delete()
    goes.set_unusable_password()
    goes.email, goes.email_verified, goes.tended = "", True, False


def _hand_over_ways(stays: User, goes: User, *, own_are_new: bool) -> None:
    """Let those of `goes` count as linked now: what resets an account keeps its first ones alone.
    Where `stays` is called as `goes` was, the first ones of `stays` may be a stranger's.
    """
    whose = [stays, goes] if own_are_new else [goes]
    rows = Identity.objects.filter(user__in=whose).exclude(source__slug=Source.LOCAL)
    rows.update(user=stays, created_at=timezone.now())


def _fill(stays: User, goes: User, *, password: bool) -> None:
    """Take over what `stays` lacks: name, address, and the password with its username."""
    stays.name = stays.name or goes.name
    better = goes.email_verified or not stays.email
    if goes.email and better and not (stays.email and stays.email_verified):
        stays.email, stays.email_verified = goes.email, goes.email_verified
    stays.seen_at = max(stays.seen_at, goes.seen_at)
    if password:
        stays.username, stays.password = goes.username, goes.password
    stays.save()
    if password:
        stays.give_local_identity()
