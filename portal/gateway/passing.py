"""What rules say of people's upstream tokens: to pass on more of them takes all rights."""

from collections.abc import Collection

from portal.gateway.models import AccessRule
from portal.gateway.paths import covers
from portal.gateway.rules import Rule, of_row

_LEVELS = AccessRule.Strength.values


def passes_more(now: AccessRule, was: AccessRule | None) -> bool:
    """Tell whether a rule, as it is to be stored, would pass on tokens that it did not pass on as
    it `was`: it may only be narrowed, and disabled.
    """
    if not now.pass_token:
        return False
    if was is None or not was.pass_token:
        return True
    after, before = of_row(now), of_row(was)
    return not (
        (now.order, after.host, after.path) == (was.order, before.host, before.path)
        and _is_within(after.methods, before.methods)
        and _is_within(after.types, before.types)
        and _is_within(after.groups, before.groups)
        and _LEVELS.index(now.strength) >= _LEVELS.index(was.strength)
        and (not before.proof or 0 < after.proof <= before.proof)
        and now.websockets <= was.websockets
        and now.enabled <= was.enabled
    )


def heirs(gone: Collection[AccessRule]) -> str:
    """Return the names of the rules that pass tokens on and come after the rules `gone`: they may
    decide what these decided. Nothing when there are none.
    """
    decided = [(each.order, of_row(each)) for each in gone if each.enabled]
    left = AccessRule.objects.filter(enabled=True, pass_token=True)
    return ", ".join(
        heir.slug
        for heir in left.exclude(pk__in=[each.pk for each in gone])
        if any(order <= heir.order and _meet(rule, of_row(heir)) for order, rule in decided)
    )


def is_moved(now: AccessRule, was: AccessRule) -> bool:
    """Tell whether a rule may decide less than it did, or later."""
    place, former = (
        (row.enabled, row.order, row.host, row.path, {*row.methods}) for row in (now, was)
    )
    return place != former


def _is_within(after: frozenset[str], before: frozenset[str]) -> bool:
    """Tell whether one list names no more than another; one without names is of all."""
    return not before or bool(after and after <= before)


def _meet(one: Rule, other: Rule) -> bool:
    """Tell whether both may speak of one request."""
    paths = zip(one.forms, other.forms, strict=True)
    return (one.is_for(other.host) or other.is_for(one.host)) and any(
        covers(a, b) or covers(b, a) for a, b in paths
    )
