"""What the site stores of a person: from whom, since when, until when (GDPR, Articles 15 and 20).

Rooms above add theirs by an attribute of their AppConfig, `person_data`: a function that takes a
person and yields `Held`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db.models import Q

from accounts import conf, serialization
from accounts.keyring import unseal
from accounts.models import Event, StoredSession, User
from accounts.offers import offered
from accounts.session import devices
from accounts.session.store import PURPOSE, TYPED
from accounts.session.typed import Session

PERSON, SIGN_IN, SESSION, DEVICE = "person", "sign-in", "session", "device"
APPLICATION, EVENT = "application", "event"
SEALED = "sealed"
_MOST_EVENTS = 5000


@dataclass(frozen=True, slots=True)
class Held:
    """Values that came together: `topic` is one of the words above, `source` who said them (a slug,
    or a client's name; empty is this site), `until` when they are deleted, None with the account.
    """

    topic: str
    values: Mapping[str, Any] = field(repr=False)
    source: str = ""
    since: datetime | None = None
    until: datetime | None = None

    def claims(self) -> Iterator[dict[str, Any]]:
        """Yield each value on its own, as JSON holds it."""
        for name, value in self.values.items():
            yield {
                "about": self.topic,
                "name": name,
                "value": value,
                "from": self.source,
                "since": self.since.isoformat() if self.since else None,
                "until": self.until.isoformat() if self.until else None,
            }


def of(person: User) -> list[Held]:
    """Return all that is stored of a person, but for secrets: that there are some is told."""
    more = [held for tell in offered("person_data") for held in tell(person)]
    own = [_account(person), *_ways_in(person), *_sessions(person), *_devices(person)]
    return [*own, *more, *_events(person)]


def erased_at(person: User) -> datetime | None:
    """Return when a person who does not come again is erased; None for never."""
    life = conf.dormant()
    exempt = person.is_staff or person.status == User.Status.DISABLED
    return person.seen_at + life if life and not exempt else None


def _account(person: User) -> Held:
    values = {
        "id": person.uid,
        "username": person.username,
        "name": person.name,
        "email": person.email,
        "email_verified": person.email_verified if person.email else "",
        "password": SEALED if person.has_usable_password() else "",
        "status": person.status,
        "groups": sorted(person.groups.values_list("name", flat=True)),
        "last_sign_in": person.seen_at.isoformat(timespec="seconds"),
    }
    said = ", ".join(sorted(set(person.identities.values_list("source__slug", flat=True))))
    return Held(PERSON, _filled(values), said, person.created_at, erased_at(person))


def _ways_in(person: User) -> Iterator[Held]:
    for each in person.identities.select_related("source").order_by("created_at"):
        values = {
            "sub": each.subject,
            "iss": each.issuer,
            "username": SEALED if each.name_key else "",
            "groups": each.claimed_groups,
        }
        until = erased_at(person)
        yield Held(SIGN_IN, _filled(values), each.source.slug, each.created_at, until)


def _sessions(person: User) -> Iterator[Held]:
    rows = StoredSession.objects.filter(user=person).select_related("storedtokens")
    for row in rows.order_by("-last_seen_at"):
        typed = _opened(row)
        values = {
            "kind": row.kind,
            "label": row.label,
            "shared": row.shared or "",
            "name": typed.name,
            "username": typed.username,
            "sid": row.sid,
            "acr": typed.acr,
            "amr": list(typed.amr),
            "address": row.address or "",
            "user_agent": row.user_agent,
            "last_seen": row.last_seen_at.isoformat(timespec="seconds"),
            "tokens": SEALED if hasattr(row, "storedtokens") else "",
            **_flat(typed.claims),
        }
        yield Held(SESSION, _filled(values), row.source, row.created_at, row.expire_date)


def _devices(person: User) -> Iterator[Held]:
    for row in devices.of_person(person.pk):
        values = {
            "address": row.address or "",
            "user_agent": row.user_agent,
            "last_seen": row.last_seen_at.isoformat(timespec="seconds"),
            "cookie": SEALED,
        }
        until = row.last_seen_at + devices.LIFE
        yield Held(DEVICE, _filled(values), since=row.created_at, until=until)


def _opened(row: StoredSession) -> Session:
    try:
        values = unseal(row.session_data, PURPOSE, row.session_key)
        return serialization.load(Session, values[TYPED])
    except (KeyError, TypeError, ValueError):  # `Unreadable` is a `ValueError`
        return Session.unknown(row.uid)


def _events(person: User) -> Iterator[Held]:
    theirs = Event.objects.filter(Q(user=person) | Q(by=person))
    for each in theirs.order_by("-at")[:_MOST_EVENTS]:
        # Else it is from where somebody else did it.
        own = each.actor == Event.Actor.PERSON or each.by_id == person.pk
        told = each.user_id == person.pk  # else it may say whom they did it to
        values = {
            "event": each.name,
            "reason": each.reason,
            "address": (each.address or "") if own else "",
            "detail": each.detail if told else "",
            "support_code": each.support_code,
        }
        until = each.at + conf.events_kept()
        yield Held(EVENT, _filled(values), each.source, each.at, until)


def _flat(claims: Mapping[str, Any], before: str = "") -> dict[str, Any]:
    """Return nested claims by their path, such as `realm_access.roles`."""
    found: dict[str, Any] = {}
    for name, value in claims.items():
        path = f"{before}{name}"
        found |= _flat(value, f"{path}.") if isinstance(value, Mapping) else {path: value}
    return found


def _filled(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value not in ("", [], None)}
