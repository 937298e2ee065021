"""Membership of groups, as a source claims it and an operator has mapped it."""

from __future__ import annotations

from django.contrib.auth.models import Group
from django.db.models import QuerySet

from accounts.models import Identity, Source, User

_MOST_REMEMBERED = 50


def follow(user: User, source: Source, subject: str, claimed: tuple[str, ...] | None) -> None:
    """Set the mapped groups of `user` to those that the source claims; None changes nothing.

    `subject` is the source's own id of the person. Groups outside the mapping are kept. A mapped
    group that does not exist is created without permissions. The claim is kept for administrators.
    """
    if claimed is None:
        return
    _remember(Identity.objects.filter(source=source, subject=subject), claimed)
    if not source.groups:
        return
    managed = set(source.groups.values())
    wanted = {ours for theirs, ours in source.groups.items() if theirs in claimed}
    held = set(user.groups.filter(name__in=managed).values_list("name", flat=True))
    if wanted - held:
        user.groups.add(*(_group(name) for name in sorted(wanted - held)))
    if held - wanted:
        user.groups.remove(*Group.objects.filter(name__in=held - wanted))


def _remember(identity: QuerySet[Identity], claimed: tuple[str, ...]) -> None:
    wanted = list(claimed)[:_MOST_REMEMBERED]
    if identity.values_list("claimed_groups", flat=True).first() != wanted:
        identity.update(claimed_groups=wanted)


def _group(name: str) -> Group:
    return Group.objects.get_or_create(name=name)[0]
