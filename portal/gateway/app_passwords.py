"""App passwords: for programs that know HTTP Basic alone (RFC 7617).

A password is 25 random letters and digits, 125 bits. It opens what the rules open to its person,
within its reach, and nothing of this site itself.
"""

import base64
import binascii
import re
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.crypto import constant_time_compare
from limits import RateLimitItemPerMinute

from accounts import events
from accounts.errors import AccessDenied, InvalidGrant, LoginRequired, TooManyRequests
from accounts.keyring import digest
from accounts.login import lockout
from accounts.models import SpentChallenge, StoredSession, User
from accounts.models.users import username_key
from accounts.provider import Visit
from accounts.session import children, dossier, people
from accounts.session.store import SEEN_EVERY
from accounts.session.typed import Session
from portal.gateway.held import AppPassword
from portal.gateway.reach import Reach
from portal.tokens import bearer
from portal.tokens.token_errors import InvalidToken

# Crockford's Base32, which has no letters that look alike.
ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_LENGTH, _GROUP = 25, 5
_SHAPE = re.compile(rf"[{ALPHABET}]{{{_LENGTH}}}")
_ALIKE = str.maketrans("oil", "011", "- ")
_LONGEST_HEADER = 2000
AT_MOST = 20
# For how long the password that a form brings is its own, and is told to whoever sends it twice.
OFFERED = timedelta(hours=1)
_TWICE = timedelta(minutes=1)
# High: a program that nobody has told of its password's end goes on trying.
GUESSES = RateLimitItemPerMinute(100, 5, namespace="app-password")


class TooMany(InvalidGrant):
    """A person has as many app passwords as they may have."""


class WrongPassword(InvalidGrant):
    """No app password: unknown, ended, or another person's."""

    def __init__(self) -> None:
        super().__init__("The app password is not known, or it has ended.")


@dataclass(frozen=True, slots=True)
class Made:
    """A new app password. `password` is shown once and stored nowhere."""

    name: str
    username: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose an app password is: the session as it stands, its person, and what it reaches."""

    session: Session
    person: User
    reach: Reach


def new_letters() -> str:
    """Return fresh letters for a password."""
    return "".join(secrets.choice(ALPHABET) for _ in range(_LENGTH))


def create(
    current: Session, name: str, reach: Reach, days: int, by: Visit, offered: str = ""
) -> Made:
    """Make an app password for the person of the session `current`, for so many `days`.

    A form that was `offered` letters makes one of them, however often it is sent: a double click,
    of which the browser shows the last answer alone, gets the same one twice.

    Raises `TooMany` beyond `AT_MOST`, `LoginRequired` when the session has just ended,
    `AccessDenied` at a shared computer, where nothing is made that outlives the session.
    """
    if current.shared:
        raise AccessDenied("Nothing that lasts is made at a shared computer.")
    letters = offered or new_letters()
    with transaction.atomic():
        # The lock holds off whoever ends all sessions of the person meanwhile.
        person = User.objects.select_for_update().filter(sessions__uid=current.uid).first()
        parent = StoredSession.objects.filter(uid=current.uid).first()
        if person is None or parent is None:
            raise LoginRequired("Sign in first.")
        if offered and not _spend(offered):
            if _was_just_made(person, offered, name, reach):
                return _made(name, person, offered)
            letters = new_letters()
        if of_person(person.pk).count() >= AT_MOST:
            raise TooMany("There are too many app passwords.")
        child = children.begin(parent, current, name, by)
        ends = timezone.now() + timedelta(days=days)
        StoredSession.objects.filter(uid=child.uid).update(ends_at=ends, expire_date=ends)
        reaches = {"host": reach.host, "path": reach.path, "read_only": reach.read_only}
        AppPassword.objects.create(digest=digest(letters), session_id=child.uid, **reaches)
        _record("app-password.created", child, by)
    return _made(name, person, letters)


def _made(name: str, person: User, letters: str) -> Made:
    groups = (letters[at : at + _GROUP] for at in range(0, _LENGTH, _GROUP))
    return Made(name, person.username, "-".join(groups))


def _spend(offered: str) -> bool:
    """Keep that letters were used, in the caller's transaction: of many callers one gets True."""
    until = timezone.now() + 2 * OFFERED
    _row, first = SpentChallenge.objects.get_or_create(
        digest=digest(f"app-password:{offered}"), defaults={"expires_at": until}
    )
    return first


def _was_just_made(person: User, letters: str, name: str, reach: Reach) -> bool:
    """Tell whether the same was asked for a moment ago, and still stands."""
    since = timezone.now() - _TWICE
    same = of_person(person.pk).filter(digest=digest(letters), session__created_at__gt=since)
    reaches = {"host": reach.host, "path": reach.path, "read_only": reach.read_only}
    return same.filter(session__label=name, **reaches).exists()


def revoke(person_id: int, uid: str, by: Visit) -> bool:
    """End the app password whose session is `uid`. Returns False when it is not the person's."""
    with transaction.atomic():
        found = of_person(person_id).filter(session_id=uid).first()
        if found is None or not people.end_one(person_id, uid, by):
            return False
        _record("app-password.revoked", found.session, by)
    return True


def of_person(person_id: int) -> QuerySet[AppPassword]:
    """Return the app passwords of a person that count now, the newest first."""
    rows = AppPassword.objects.filter(
        session__user_id=person_id, session__expire_date__gt=timezone.now()
    )
    return rows.select_related("session").order_by("-session__created_at", "-pk")


def held_of(person: User) -> Iterator[dossier.Held]:
    """Yield what is stored of a person's app passwords beside their sessions: what each opens."""
    rows = AppPassword.objects.filter(session__user=person).select_related("session")
    for row in rows.order_by("-pk"):
        place = row.host and row.host + row.path
        values = {"application": row.session.label, "only_at": place, "read_only": row.read_only}
        told = {name: value for name, value in values.items() if value != ""}
        since, until = row.session.created_at, row.session.expire_date
        yield dossier.Held(dossier.APPLICATION, told, "", since, until)


def find(credentials: str, visit: Visit) -> Owner:
    """Return whose app password `credentials` holds, the part of `Authorization` behind `Basic`.

    Costs one query, none for what is no app password. Raises `WrongPassword`, the same for every
    reason, and `TooManyRequests` at an address of too many wrong ones, for all passwords but those
    that were used there last.
    """
    name, password = _read(credentials)
    row = _row_of(name, password)
    try:
        lockout.require_places(GUESSES, visit.address)
    except TooManyRequests:
        place = row.session.address if row else None
        if place is None or lockout.network(place) != lockout.network(visit.address):
            raise
    if row is None:
        lockout.count_places(GUESSES, visit.address)
        raise WrongPassword
    try:
        session = bearer.standing(row.session)
    except InvalidToken:
        raise WrongPassword from None
    _note_use(row.session, visit)
    person: User = row.session.user  # type: ignore[assignment]  # `standing` has seen one
    return Owner(session, person, Reach(row.host, row.path, row.read_only))


def _read(credentials: str) -> tuple[str, str]:
    """Return name and password (RFC 7617, 2). No app password has a colon; a name may."""
    if len(credentials) > _LONGEST_HEADER:
        return "", ""
    try:
        decoded = base64.b64decode(credentials.strip(" "), validate=True)
        name, _colon, password = decoded.decode().rpartition(":")
    except (binascii.Error, ValueError):  # of which a `UnicodeDecodeError` is one
        return "", ""
    return name, password.lower().translate(_ALIKE)


def _row_of(name: str, password: str) -> AppPassword | None:
    if not _SHAPE.fullmatch(password):
        return None
    rows = AppPassword.objects.select_related("session__user")
    row = rows.filter(digest=digest(password)).first()
    if row is None or row.session.user is None:
        return None
    given, known = username_key(name), row.session.user.username_key
    return row if constant_time_compare(given, known) else None


def _note_use(row: StoredSession, visit: Visit) -> None:
    """Store when and where from the password was used, at most once a minute."""
    now = timezone.now()
    if now - row.last_seen_at < SEEN_EVERY and row.last_seen_at > row.created_at:
        return
    used = {"last_seen_at": now, "address": events.address_or_none(visit.address)}
    StoredSession.objects.filter(uid=row.uid, last_seen_at__lt=now).update(
        **used, user_agent=visit.user_agent[:300].replace("\0", "")
    )


def _record(name: str, row: StoredSession, by: Visit) -> None:
    said = {"source": row.source, "session_type": row.type, "session_uid": row.uid}
    events.record(events.event(name, by, user_id=row.user_id, detail=row.label, **said))
