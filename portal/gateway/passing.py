"""What of a rule takes all rights: to pass on more of people's upstream tokens, and to tell an
application usernames, which whoever edits people chooses.
"""

from collections.abc import Collection
from itertools import chain, product

from django.db.models import Q

from portal.gateway.models import AccessRule
from portal.gateway.paths import covers
from portal.gateway.rules import Rule, of_row

_LEVELS = AccessRule.Strength.values
_USERNAME = AccessRule.RemoteUser.USERNAME


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


def tells_usernames(now: AccessRule, was: AccessRule | None) -> bool:
    """Tell whether a rule, as it is to be stored, would tell an application usernames where it may
    know people by their id: with the id of somebody as their username, or the name that it has for
    its own administrator, staff would be taken for these. It may where only usernames are told.
    """
    if now.remote_user != _USERNAME or not now.enabled:
        return False
    counted = [was] if was and was.enabled else []
    if counted and was and was.remote_user == _USERNAME and not is_moved(now, was):
        return False
    others = AccessRule.objects.filter(enabled=True).exclude(pk=now.pk)
    place = of_row(now)
    beside = [each for each in [*counted, *others] if _meet(place, of_row(each))]
    told = {each.remote_user for each in beside}
    return told != {_USERNAME}


def heirs(gone: Collection[AccessRule]) -> str:
    """Return the names of the rules that come after the rules `gone` and pass tokens on, or tell
    usernames where these told ids: they may decide what these decided. Nothing when there are none.
    """
    decided = [each for each in gone if each.enabled]
    left = AccessRule.objects.filter(enabled=True).exclude(pk__in=[each.pk for each in gone])
    of_more = left.filter(Q(pass_token=True) | Q(remote_user=_USERNAME))
    return ", ".join(
        heir.slug for heir in of_more if any(_inherits_more(heir, each) for each in decided)
    )


def is_moved(now: AccessRule, was: AccessRule) -> bool:
    """Tell whether a rule may decide less than it did, or later."""
    place, former = (
        (row.enabled, row.order, row.host, row.path, {*row.methods}) for row in (now, was)
    )
    return place != former


def _inherits_more(heir: AccessRule, gone: AccessRule) -> bool:
    """Tell whether what `gone` decided may fall to `heir`, which hands out more."""
    more = heir.pass_token or gone.remote_user != _USERNAME
    return more and gone.order <= heir.order and _meet(of_row(gone), of_row(heir))


def _is_within(after: frozenset[str], before: frozenset[str]) -> bool:
    """Tell whether one list names no more than another; one without names is of all."""
    return not before or bool(after and after <= before)


def _meet(one: Rule, other: Rule) -> bool:
    """Tell whether both may speak of one request."""
    if not (one.is_for(other.host) or other.is_for(one.host)):
        return False
    paths = (product(*forms) for forms in zip(one.forms, other.forms, strict=True))
    return any(covers(a, b) or covers(b, a) for a, b in chain.from_iterable(paths))
