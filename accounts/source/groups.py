"""Groups of people, as the mappings of sources give them by what sources claim."""

from collections.abc import Collection

from django.contrib.auth.models import Group

from accounts import ended
from accounts.models import Source, User


def follow(user: User, source: Source, claimed: Collection[str] | None) -> None:
    """Set the mapped groups of `user` to those that the source claims; None changes nothing.

    Groups outside the mapping are kept. A mapped group that does not exist is created without
    permissions.
    """
    if claimed is None or not source.groups:
        return
    managed = set(source.groups.values())
    wanted = _mapped(source, set(claimed))
    held = set(user.groups.filter(name__in=managed).values_list("name", flat=True))
    if wanted - held:
        new = [Group.objects.get_or_create(name=name)[0] for name in sorted(wanted - held)]
        user.groups.add(*new)
    if held - wanted:
        user.groups.remove(*Group.objects.filter(name__in=held - wanted))
    if held != wanted:
        ended.announce(ended.PERSON, [str(user.pk)])


def _mapped(source: Source, claimed: Collection[str]) -> set[str]:
    return {ours for theirs, ours in source.groups.items() if theirs in claimed}
