"""The queue of people who await access: who they are, what is suggested, and letting them in."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

from django.contrib.auth.models import Group
from django.db import transaction
from django.db.models import OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce

from accounts.models import Event, Identity, User
from accounts.session import people
from portal.operations.models import AwaitingPerson
from portal.operations.rights import may_give


def queue() -> QuerySet[AwaitingPerson]:
    """Return who awaits access, the longest first. `since` says from when on."""
    began = Q(name="person.enrolled") | Q(name="person.status_changed", detail="awaiting_access")
    last = Event.objects.filter(began, user=OuterRef("pk")).order_by("-at").values("at")[:1]
    rows: QuerySet[AwaitingPerson] = AwaitingPerson.objects.all()  # type: ignore[assignment]
    waiting = rows.filter(status=User.Status.AWAITING_ACCESS)
    return waiting.annotate(since=Coalesce(Subquery(last), "created_at")).order_by("since", "pk")


def claimed(person: User) -> list[str]:
    """Return the groups that the person's sources named last, each once."""
    return sorted({name for each in person.identities.all() for name in _names(each)})


def suggestions(persons: Iterable[User], actor: Any) -> dict[int, list[Group]]:
    """Return, by person, the departments to suggest: groups of ours with the name of a claimed one,
    or that the source's mapping means by it, as far as `actor` may give them.
    """
    wanted = {each.pk: _wanted(each) for each in persons}
    named = Group.objects.filter(name__in=set().union(*wanted.values())).order_by("name")
    offered = [group for group in named if may_give(actor, [group], ())]
    return {pk: [group for group in offered if group.name in names] for pk, names in wanted.items()}


def let_in(pk: int, groups: Collection[Group], by: User) -> AwaitingPerson | None:
    """Give `groups` to a person and let them in. Returns None when they no longer wait.

    The row is held meanwhile: of two administrators one lets in, and nobody who was disabled in
    between comes in by it.
    """
    with transaction.atomic():
        person = held(pk)
        if person is not None:
            person.groups.add(*groups)
            people.admit(person, by)
    return person


def held(pk: int) -> AwaitingPerson | None:
    """Return a person who awaits access, locked until the transaction ends, or None."""
    return queue().select_for_update(of=("self",)).filter(pk=pk).first()


def _wanted(person: User) -> set[str]:
    found: set[str] = set()
    for identity in person.identities.all():
        mapping = identity.source.groups
        for name in _names(identity):
            found |= {name, mapping.get(name, name)}
    return found


def _names(identity: Identity) -> list[str]:
    return [name for name in identity.claimed_groups if isinstance(name, str)]
