"""Who must have a second factor: single people, everybody in a group, all who open the
administration (docs/second-factors.md 3).
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Q
from django.utils import timezone

from accounts import conf
from accounts.models import FactorDuty, User


def due_at(user: User) -> datetime | None:
    """Return from when on a person must have a second factor, by the earliest of the duties that
    they are under; None for nobody who must.
    """
    rows = FactorDuty.objects.filter(Q(user_id=user.pk) | Q(group__user=user.pk))
    moments = [row.due_at for row in rows]
    staff = conf.staff_second_factor()
    if staff and user.opens_administration():
        moments.append(staff)
    return min(moments, default=None)


def is_due(user: User) -> bool:
    """Tell whether a person must have a second factor now."""
    moment = due_at(user)
    return moment is not None and moment <= timezone.now()


def set_for(owner: Mapping[str, Any], days: int | None) -> bool:
    """Put one under the duty, after so many `days`, or out of it by None. `owner` is `user` or
    `group`. A duty that stands keeps its beginning. Returns whether anything has changed.
    """
    mine = FactorDuty.objects.filter(**owner)
    if days is None:
        return bool(mine.delete()[0])
    _row, made = FactorDuty.objects.get_or_create(**owner, defaults={"days": days})
    return made or bool(mine.exclude(days=days).update(days=days))


def days_of(owner: Mapping[str, Any]) -> int | None:
    """Return the days of a duty, None where there is none. `owner` is `user` or `group`."""
    return FactorDuty.objects.filter(**owner).values_list("days", flat=True).first()


def hand_over(stays: User, goes: User) -> None:
    """Put `stays` under the duty of `goes` as well: of two the one that is due first stays."""
    theirs = FactorDuty.objects.filter(user=goes).first()
    own = FactorDuty.objects.filter(user=stays).first()
    if theirs is None or (own and own.due_at <= theirs.due_at):
        return
    FactorDuty.objects.filter(user=stays).delete()
    FactorDuty.objects.filter(pk=theirs.pk).update(user=stays)


def in_force() -> bool:
    """Tell whether anybody is under a duty by a row."""
    return FactorDuty.objects.exists()


def remaining(moment: datetime) -> timedelta:
    """Return how long it is until a duty is due; nothing for one that is."""
    return max(timedelta(0), moment - timezone.now())
