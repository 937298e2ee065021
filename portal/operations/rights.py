"""Nobody hands out more than they have: what one administrator may do to another person."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.contrib.auth.models import Group, Permission
from django.db.models import Q

from accounts.models import User

Names = set[tuple[str, str]]


def may_manage(actor: Any, person: User) -> bool:
    """Tell whether `actor` has every right that `person` has, or would have when let in again."""
    if actor.is_superuser:
        return True
    if person.is_superuser:
        return False
    rights = Permission.objects.filter(Q(user=person) | Q(group__user=person))
    return _names(rights) <= _own(actor)


def may_give(actor: Any, groups: Iterable[Group], permissions: Iterable[Permission]) -> bool:
    """Tell whether `actor` has all that `groups` and `permissions` would give to somebody."""
    if actor.is_superuser:
        return True
    by_groups = Permission.objects.filter(group__in=list(groups))
    return _names(by_groups) | _names(permissions) <= _own(actor)


def _own(actor: Any) -> Names:
    pairs = (name.split(".", 1) for name in actor.get_all_permissions())
    return {(app, codename) for app, codename in pairs}


def _names(permissions: Any) -> Names:
    if hasattr(permissions, "select_related"):
        permissions = permissions.select_related("content_type")
    return {(each.content_type.app_label, each.codename) for each in permissions}
