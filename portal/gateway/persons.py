"""What a person is like: read once a minute at most in each worker, and at once after a change."""

import time
from collections import OrderedDict
from dataclasses import dataclass, field
from threading import Lock

from accounts import ended
from accounts.models import User

_SECONDS = 60.0
_AT_MOST = 5000


@dataclass(frozen=True, slots=True)
class Person:
    """A person as applications know them: the stable id, the username, name, groups, and an address
    that is verified: applications take whoever has it for the same person.
    """

    uid: str
    username: str
    name: str = field(repr=False)
    email: str = field(repr=False)
    groups: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Known:
    person: Person
    read_at: float
    version: int


class Memory:
    """What one worker knows of people, by primary key: those whom it was asked about last."""

    def __init__(self) -> None:
        self._lock, self._held = Lock(), OrderedDict[str, _Known]()

    def find(self, pk: str) -> Person | None:
        """Return the person; None when there is none any more. Raises `DatabaseError`.

        Costs no query within a minute. A person who was changed is read anew, and all are when a
        rule or a group was.
        """
        version, now = ended.version(ended.RULE), time.monotonic()
        known, oldest = self._held.get(pk), max(ended.changed_at(pk), now - _SECONDS)
        if known and known.version == version and known.read_at > oldest:
            return known.person
        person = _read(pk)
        with self._lock:
            self._held.pop(pk, None)
            if person:
                self._held[pk] = _Known(person, now, version)
            while len(self._held) > _AT_MOST:
                self._held.popitem(last=False)
        return person


memory = Memory()


def _read(pk: str) -> Person | None:
    rows = User.objects.filter(pk=pk).order_by("groups__name")
    columns = ("uid", "username", "name", "email", "email_verified", "groups__name")
    found = list(rows.values_list(*columns))
    if not found:
        return None
    uid, username, name, email, is_verified, _group = found[0]
    groups = tuple(row[5] for row in found if row[5])
    return Person(uid, username, name, email if is_verified else "", groups)
