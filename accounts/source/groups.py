"""Groups of people, as the mappings of sources give them by what sources claim."""

from collections.abc import Collection

from django.contrib.auth.models import Group
from django.db.models import QuerySet

from accounts import ended
from accounts.models import FactorDuty, Identity, Source, User


class DutyError(Exception):
    """The change would take somebody out of a group whose people must have a second factor."""


def follow(user: User, source: Source, claimed: Collection[str] | None) -> None:
    """Set the mapped groups of `user` to those that the source claims; None changes nothing.

    Groups outside the mapping are kept, and those that another of the person's ways in, by a source
    that is enabled, claims by its own mapping. A mapped group that does not exist is created
    without permissions.
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
        wanted |= held & _claimed(user, Identity.objects.exclude(source=source))
    if held - wanted:
        user.groups.remove(*Group.objects.filter(name__in=held - wanted))
    if held != wanted:
        ended.announce(ended.PERSON, [str(user.pk)])


def forget(user: User, way: Identity) -> None:
    """Take from `user` the groups that `way`, which is theirs no longer, alone has given."""
    if lost := _given(user, way):
        user.groups.remove(*lost)
        ended.announce(ended.PERSON, [str(user.pk)])


def lifts_duty(way: Identity) -> bool:
    """Tell whether one of the groups that `way` alone has given its person has a duty."""
    given = _given(way.user, way)
    return bool(given) and FactorDuty.objects.filter(group__in=given).exists()


def gives_duty(source: Source, people: QuerySet[User]) -> bool:
    """Tell whether `source` keeps one of `people` in a group that has a duty. Its word counts no
    more once it is disabled: another source that maps to the group takes them out of it.
    """
    names = FactorDuty.objects.filter(
        group__name__in=[str(name) for name in source.groups.values()]
    )
    strict = set(names.values_list("group__name", flat=True))
    if not strict:
        return False
    ways = Identity.objects.filter(source=source, user__in=people)
    return any(strict & _mapped(source, _names(way)) for way in ways.iterator())


def _given(user: User, way: Identity) -> list[Group]:
    """Return the groups of `user` that `way` has given, and no other way in claims as well."""
    mapped = _mapped(way.source, _names(way))
    if not mapped:
        return []
    alone = mapped - _claimed(user, Identity.objects.exclude(pk=way.pk))
    return list(user.groups.filter(name__in=alone)) if alone else []


def _claimed(user: User, ways: QuerySet[Identity]) -> set[str]:
    """Return the groups that the enabled sources among the ways in `ways` of a person claim."""
    own = ways.filter(user=user, source__enabled=True).select_related("source")
    return {ours for way in own for ours in _mapped(way.source, _names(way))}


def _names(way: Identity) -> set[str]:
    return {name for name in way.claimed_groups if isinstance(name, str)}


def _mapped(source: Source, claimed: Collection[str]) -> set[str]:
    return {ours for theirs, ours in source.groups.items() if theirs in claimed}
