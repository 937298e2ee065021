"""Many people invited at once, by a table (CSV): all of its lines, or none and what is wrong."""

import csv
import io
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import IntegrityError, transaction
from django.utils.text import capfirst
from django.utils.translation import gettext as _

from accounts import events
from accounts.models import User
from accounts.models.users import username_key
from accounts.provider import Visit
from accounts.source import catalogue
from portal.door.names import keys_like, refuse_hidden
from portal.operations import roles
from portal.operations.rights import may_give, vouches_for

MOST = 500
COLUMNS = ("username", "name", "email", "groups")
NEEDED = ("username", "email")


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong in a line; 0 is the table as a whole."""

    line: int
    said: str


class Faulty(Exception):
    """Something is wrong, and nobody was invited."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__(f"{len(faults)} faults")
        self.faults = faults


@dataclass(frozen=True, slots=True)
class _Line:
    number: int
    username: str
    name: str
    email: str
    groups: Sequence[Group]


def invite(text: str, by: User, visit: Visit) -> int:
    """Add the people of a table, in one transaction, and mail each a link to choose a password,
    which counts once. Returns their number. Raises `Faulty` with what is wrong in each line.
    """
    provider = catalogue.recovering()
    if provider is None:
        raise Faulty([Fault(0, _("Nobody signs in with a password here."))])
    lines = _read(text, by)
    try:
        with transaction.atomic():
            people = [_add(line, by) for line in lines]
            for person in people:
                provider.send_link(person.uid, first=True)
            told = [events.event("person.invited", visit, user=each, by=by) for each in people]
            events.record(*told)
    except IntegrityError:  # somebody else has added one of them at this moment
        raise Faulty([Fault(0, _("Some of these people were added meanwhile."))]) from None
    return len(lines)


def _add(line: _Line, by: User) -> User:
    person = User(username=line.username, name=line.name, email=line.email)
    person.email_verified = vouches_for(by, line.email)
    person.tended = not by.is_superuser
    person.set_unusable_password()
    person.save(force_insert=True)
    person.give_local_identity()
    person.groups.add(*line.groups)
    return person


def _read(text: str, by: User) -> list[_Line]:
    """Return the lines of a table. Raises `Faulty`."""
    rows = list(_rows(text))
    known = {each.name: each for each in roles.departments()}
    taken = set(
        User.objects.filter(
            username_key__in=[
                key for _number, row in rows for key in keys_like(row.get("username", ""))
            ]
        ).values_list("username_key", flat=True)
    )
    lines, faults = [], []
    for number, row in rows:
        said = [*_faults(row, taken), *_group_faults(_names(row), known, by)]
        faults += [Fault(number, each) for each in said]
        taken.add(username_key(row.get("username", "")))
        groups = [known[name] for name in _names(row) if name in known]
        lines.append(
            _Line(number, row["username"], row.get("name", ""), row.get("email", ""), groups)
        )
    if faults:
        raise Faulty(faults)
    return lines


def _rows(text: str) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield each line that is not empty, with its number. Raises `Faulty` for no such table."""
    first = text.partition("\n")[0]
    delimiter = max(",;\t", key=first.count)
    reader = csv.reader(io.StringIO(text.lstrip("\ufeff")), delimiter=delimiter, strict=True)
    try:
        names = [each.strip().lower() for each in next(reader, [])]
        if problem := _heading_fault(names):
            raise Faulty([Fault(1, problem)])
        found = 0
        for cells in reader:
            if not any(each.strip() for each in cells):
                continue
            found += 1
            if found > MOST:
                raise Faulty([Fault(0, _("At most %d people at once.") % MOST)])
            if len(cells) > len(names):
                raise Faulty([Fault(reader.line_num, _("There are more cells than columns."))])
            values = [unicodedata.normalize("NFC", each.strip()) for each in cells]
            row = {**dict.fromkeys(names, ""), **dict(zip(names, values, strict=False))}
            yield reader.line_num, row
    except csv.Error:
        raise Faulty([Fault(reader.line_num, _("This is no table of that kind (CSV)."))]) from None
    if not found:
        raise Faulty([Fault(0, _("There is nobody in the table."))])


def _heading_fault(names: Sequence[str]) -> str:
    unknown = [each for each in names if each not in COLUMNS]
    if unknown or len(set(names)) < len(names) or not set(NEEDED) <= set(names):
        return _("The first line must name the columns: %s.") % ", ".join(COLUMNS)
    return ""


def _faults(row: dict[str, str], taken: set[str]) -> Iterator[str]:
    probe: Any = User(username=row["username"], name=row.get("name", ""), email=row["email"])
    if keys_like(row["username"]) & taken:
        yield _("Somebody has this name, or one that looks the same.")
    try:
        probe.clean_fields(exclude=["password", "username_key", "uid"])
        validate_email(row["email"])
    except ValidationError as error:
        told = error.message_dict if hasattr(error, "error_dict") else {"email": error.messages}
        for field, said in told.items():
            yield f"{_field(field)}: {' '.join(said)}"
    try:
        refuse_hidden(probe.name)
    except ValidationError as error:
        yield f"{_field('name')}: {error.messages[0]}"


def _field(name: str) -> str:
    field: Any = User._meta.get_field(name)
    return capfirst(str(field.verbose_name))


def _names(row: dict[str, str]) -> list[str]:
    return [name.strip() for name in row.get("groups", "").split("|") if name.strip()]


def _group_faults(names: Iterable[str], known: dict[str, Group], by: User) -> Iterator[str]:
    for name in names:
        if name not in known:
            yield _("There is no group called %s.") % name
        elif not may_give(by, [known[name]], ()):
            yield _("You may not give the group %s.") % name
