"""One person on one page: how they come in, where they are signed in, what they may use, and what
happened lately.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import Group
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.factors import passkeys
from accounts.models import Event, Identity, Passkey, StoredSession, User
from accounts.offers import offered
from accounts.session import people
from accounts.source import catalogue
from portal.door import event_words as words
from portal.door.user_agents import device_name
from portal.operations import roles

_LATELY = 15
_MOST_SESSIONS = 100


@dataclass(frozen=True, slots=True)
class Dossier:
    """What the page of a person shows."""

    person: User
    ways: Sequence[dict[str, Any]]
    passkeys: Sequence[Passkey]
    sessions: Sequence[dict[str, Any]]
    groups: Sequence[dict[str, str]]
    applications: Sequence[dict[str, Any]]
    lately: Sequence[dict[str, Any]]
    roles: Sequence[str]


def dossier(person: User) -> Dossier:
    """Return what is known of a person, with a number of queries that does not grow with it."""
    identities = list(person.identities.select_related("source").order_by("pk"))
    return Dossier(
        person,
        [_way(each) for each in identities],
        list(passkeys.of_person(person.pk)),
        [_session(each) for each in _alive(person)],
        [_group(each, identities) for each in person.groups.order_by("name")],
        [row for of in offered("applications_of") for row in of(person.pk)],
        [_event(each) for each in _events(person)],
        roles.of_person(person),
    )


def _alive(person: User) -> Sequence[StoredSession]:
    rows = people.sessions_of(person.pk).filter(expire_date__gt=timezone.now())
    return list(rows.defer("session_data")[:_MOST_SESSIONS])


def _events(person: User) -> Sequence[Event]:
    rows = Event.objects.filter(user=person).select_related("by")
    return list(rows.order_by("-at", "-id")[:_LATELY])


def _way(identity: Identity) -> dict[str, Any]:
    return {
        "pk": identity.pk,
        "label": catalogue.label_of(identity.source.slug),
        "subject": identity.subject,
        "issuer": identity.issuer,
        "since": identity.created_at,
        "claimed": [name for name in identity.claimed_groups if isinstance(name, str)],
    }


def _session(row: StoredSession) -> dict[str, Any]:
    apart = row.kind == StoredSession.Kind.CLIENT
    return {
        "uid": row.uid,
        "device": row.label or device_name(row.user_agent),
        "kind": row.get_kind_display() if apart else "",
        "label": catalogue.label_of(row.source),
        "address": row.address or "",
        "seen": row.last_seen_at,
        "since": row.created_at,
    }


def _group(group: Group, identities: Sequence[Identity]) -> dict[str, str]:
    """Return a group with where it is from: a source that maps to it and claimed it, a role, or an
    administrator.
    """
    by = [
        catalogue.label_of(each.source.slug)
        for each in identities
        for theirs, ours in each.source.groups.items()
        if ours == group.name and theirs in each.claimed_groups
    ]
    given = _("a role, given here") if roles.is_role(group) else _("given here")
    return {"name": roles.label_of(group), "origin": ", ".join(dict.fromkeys(by)) or given}


def _event(event: Event) -> dict[str, Any]:
    said = words.of_event(event.name)
    if event.reason:
        said = f"{said}: {words.of_reason(event.reason)}"
    return {
        "pk": event.pk,
        "said": said,
        "at": event.last_at if event.count > 1 else event.at,
        "code": event.support_code,
        "count": event.count,
        "label": catalogue.label_of(event.source),
    }
