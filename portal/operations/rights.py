"""Nobody hands out more than they have: what one administrator may do to another person."""

from collections.abc import Iterable
from typing import Any

from django.contrib.auth.models import Group, Permission
from django.db.models import Q

from accounts.models import User


def may_manage(actor: Any, person: User) -> bool:
    """Tell whether `actor` has every right that `person` has, or would have when let in again."""
    if person.is_superuser:
        return bool(actor.is_superuser)
    return _has_all(actor, Q(user=person) | Q(group__user=person))


def may_give(actor: Any, groups: Iterable[Group], permissions: Iterable[Permission]) -> bool:
    """Tell whether `actor` has all that `groups` and `permissions` would give to somebody."""
    own = [each.pk for each in permissions]
    return _has_all(actor, Q(group__in=list(groups)) | Q(pk__in=own))


def _has_all(actor: Any, wanted: Q) -> bool:
    if actor.is_superuser:
        return True
    rows = Permission.objects.filter(wanted).values_list("content_type__app_label", "codename")
    return set(actor.get_all_permissions()).issuperset(f"{app}.{name}" for app, name in rows)
