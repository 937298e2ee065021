"""The one place that writes rules: it checks them, and tells every worker."""

from collections.abc import Iterable

from django.db import transaction

from accounts import ended, events
from accounts.provider import Visit
from portal.gateway import rule_checks
from portal.gateway.models import AccessRule


def save(rule: AccessRule, by: str = "", visit: Visit | None = None, **who: object) -> None:
    """Check and save a rule; every worker knows of it within a second, and the trail for good.

    `by` says how it came; `who` are columns of the event. Raises `ValidationError`.
    """
    rule_checks.check(rule)
    with transaction.atomic():
        rule.save()
        _announce([rule], "rule.saved", by, visit, who)


def delete(rules: Iterable[AccessRule], by: str, visit: Visit | None, **who: object) -> None:
    """Delete rules."""
    gone = list(rules)
    with transaction.atomic():
        AccessRule.objects.filter(pk__in=[each.pk for each in gone]).delete()
        _announce(gone, "rule.deleted", by, visit, who)


def disable(rules: Iterable[AccessRule], by: str, visit: Visit | None, **who: object) -> list[str]:
    """Disable rules. Returns the slugs of those that were enabled."""
    known = AccessRule.objects.filter(enabled=True)
    with transaction.atomic():
        closed = [each for each in rules if known.filter(pk=each.pk).update(enabled=False)]
        _announce(closed, "rule.disabled", by, visit, who)
    return [each.slug for each in closed]


def _announce(
    rules: list[AccessRule], name: str, by: str, visit: Visit | None, who: dict[str, object]
) -> None:
    ended.announce(ended.RULE, [each.slug for each in rules])
    told = [f"{each}: {each.access}{'' if each.enabled else ', disabled'}" for each in rules]
    rows = [events.event(name, visit, detail=f"{by} {each}".strip(), **who) for each in told]
    events.record(*rows)
