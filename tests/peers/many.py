"""Many rows at once, made by the database itself: people with a way in and a session each, and
events and access tokens of theirs.

They are for statements that read, search and count. Nothing is sealed in them, so nobody is signed
in by one: whoever measures a sign-in signs in beside them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from django.apps import apps
from django.db import connection
from django.db.models import Model
from django.db.models.fields import NOT_PROVIDED

from accounts.database import statistics

ISSUER = "https://id.many.example"
EVENTS_EACH = 10
# Above the keys that a site counts by itself.
FIRST_KEY = 10_000_000
# Between the first and the last session, and between the first and the last event, in seconds.
SEEN_WITHIN, HAPPENED_WITHIN = 1_200_000, 10_000_000
# What people are called: each combination is had by many, whom a number tells apart.
_GIVEN = """
    Agnes Aksel Alberte Alma Anders Anna Anton Arthur Asta August Benjamin Birgit Bodil Caroline
    Christian Clara Dagmar Dorthe Ebba Elias Ella Emil Emma Erik Esben Felix Frederik Freja
    Gudrun Gustav Hanne Helle Henrik Ida Ingrid Jakob Jens Johan Josefine Julie Karen Karl
    Kirsten Lars Laura Lise Ludvig Magnus Malthe Maria Mathilde Mette Mikkel Nanna Niels Nora
    Oliver Oscar Rosa Signe Sofie Thomas Viggo William
"""
_FAMILY = """
    Andersen Andreasen Bach Bang Berg Bertelsen Bruun Carlsen Christensen Clausen Dahl Dam
    Danielsen Eriksen Frandsen Friis Gregersen Hald Hansen Henriksen Hermansen Holm Iversen
    Jacobsen Jensen Jespersen Jessen Johansen Juhl Karlsen Kjeldsen Knudsen Koch Kristensen
    Krogh Larsen Lassen Laursen Lauridsen Lund Madsen Markussen Mathiesen Michelsen Mikkelsen
    Mortensen Munk Nielsen Nissen Olesen Olsen Overgaard Paulsen Petersen Poulsen Rasmussen
    Schmidt Simonsen Skov Steffensen Svendsen Thomsen Vestergaard Winther
"""


def fill(source: int, slug: str, first: int, last: int, events_each: int = EVENTS_EACH) -> None:
    """Make the people of these numbers, `last` not among them, with a way in by the source of the
    primary key `source` and of this slug, a session, and `events_each` events; each tenth has an
    access token.
    """
    _begin()
    for model, count, columns in _rows(source, slug, first, last, events_each):
        _insert(model, count, columns)


def username_of(number: int) -> str:
    """Return the username of the person of this number; `@many.example` makes it the address."""
    given, family = _GIVEN.split(), _FAMILY.split()
    name = f"{given[number % len(given)]}.{family[number // len(given) % len(family)]}"
    return f"{name}{number}".lower()


def uid_of(number: int) -> str:
    """Return the uid of the session of this number."""
    return hashlib.md5(f"s{number}".encode(), usedforsecurity=False).hexdigest()


def sid_of(number: int) -> str:
    """Return the sid by which the source knows the session of this number."""
    return hashlib.md5(f"sid{number}".encode(), usedforsecurity=False).hexdigest()


def subject_of(number: int) -> str:
    """Return the subject by which the source knows the person of this number."""
    return hashlib.md5(f"i{number}".encode(), usedforsecurity=False).hexdigest()


def crowd(person: int, slug: str, first: int, last: int, expires: str = "") -> None:
    """Give the person of a primary key the sessions of these numbers. They expire in twelve days,
    or have expired `expires` seconds ago.
    """
    _begin()
    columns = _session(slug, str(person), f"'crowd{person}'", _ago(expires or "-1000000"))
    _insert(apps.get_model("accounts.StoredSession"), (first, last), columns)


def settle() -> None:
    """Bring the statistics up to date, as PostgreSQL and a day's clean-up on SQLite do."""
    statistics.settle()
    if _is_postgres():
        with connection.cursor() as cursor:
            cursor.execute("VACUUM ANALYZE")


def _rows(
    source: int, slug: str, first: int, last: int, events_each: int
) -> Iterable[tuple[type[Model], tuple[int, int], Mapping[str, str]]]:
    person = f"{FIRST_KEY} + n"
    given, family = _one_of(_GIVEN, "n"), _one_of(_FAMILY, f"n / {len(_GIVEN.split())}")
    username = f"lower({given} || '.' || {family}) || n"
    yield (
        apps.get_model("accounts.User"),
        (first, last),
        {
            "id": person,
            "uid": _md5("'p' || n"),
            "username": username,
            "username_key": username,
            "name": f"{given} || ' ' || {family}",
            "email": f"{username} || '@many.example'",
            "created_at": _ago(f"(n * 7919) % {HAPPENED_WITHIN}"),
            "seen_at": _ago(f"(n * 7919) % {SEEN_WITHIN}"),
        },
    )
    yield (
        apps.get_model("accounts.Identity"),
        (first, last),
        {
            "source_id": str(source),
            "issuer": f"'{ISSUER}'",
            "subject": _md5("'i' || n"),
            "user_id": person,
            "created_at": _ago(f"(n * 7919) % {HAPPENED_WITHIN}"),
        },
    )
    yield (
        apps.get_model("accounts.StoredSession"),
        (first, last),
        _session(slug, person, "'i' || n", _ago(f"(n * 7919) % {SEEN_WITHIN} - {2 * SEEN_WITHIN}")),
    )
    code = _md5("'c' || n")
    name = "CASE n % 10 WHEN 0 THEN 'session.ended' WHEN 1 THEN 'logout' ELSE 'login.succeeded' END"
    owner = f"{FIRST_KEY} + n / {events_each}"
    yield (
        apps.get_model("accounts.Event"),
        (first * events_each, last * events_each),
        {
            "at": _ago(f"(n * 7919) % {HAPPENED_WITHIN}"),
            "last_at": _ago(f"(n * 7919) % {HAPPENED_WITHIN}"),
            "name": name,
            "support_code": f"upper(substr({code}, 1, 4) || '-' || substr({code}, 5, 4))",
            "source": f"'{slug}'",
            "session_type": "'oidc'",
            "user_id": owner,
            "by_id": owner,
            "actor": "'person'",
            "session_uid": _md5(f"'s' || (n / {events_each})"),
            "address": "'192.0.2.' || (n % 250)",
        },
    )
    yield (
        apps.get_model("authorization_server.AccessToken"),
        (first // 10, last // 10),
        {
            "token": "''",
            "token_checksum": _sha256("'t' || n"),
            "expires": _ago(f"-{SEEN_WITHIN}"),
            "scope": "'openid'",
            "user_id": f"{FIRST_KEY} + n * 10",
            "session_id": _md5("'s' || (n * 10)"),
            "created": _ago("0"),
            "updated": _ago("0"),
        },
    )


def _session(slug: str, person: str, subject: str, expires: str) -> Mapping[str, str]:
    seen = f"(n * 7919) % {SEEN_WITHIN}"
    return {
        "session_key": _sha256("'s' || n"),
        "session_data": f"'{'x' * 900}'",
        "uid": _md5("'s' || n"),
        "user_id": person,
        "type": "'oidc'",
        "source": f"'{slug}'",
        "issuer": f"'{ISSUER}'",
        "sid": _md5("'sid' || n"),
        "subject": _md5(subject),
        "state_digest": _sha256("'state' || n"),
        "address": "'192.0.2.' || (n % 250)",
        "user_agent": "'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/1'",
        "created_at": _ago(seen),
        "last_seen_at": _ago(seen),
        "expire_date": expires,
        "ends_at": expires,
    }


def _insert(model: type[Model], count: tuple[int, int], columns: Mapping[str, str]) -> None:
    """Insert a row for each number; what `columns` does not name has its default."""
    names, said, given = [], [], []
    for field in model._meta.local_concrete_fields:
        expression = columns.get(str(field.attname))
        counted = field.primary_key and field.get_internal_type().endswith("AutoField")
        if expression is None and (counted or field.has_db_default()):
            continue
        names.append(connection.ops.quote_name(str(field.column)))
        said.append(_typed(expression.replace("%", "%%"), field) if expression else "%s")
        if expression is None:
            value = None if field.null and field.default is NOT_PROVIDED else field.get_default()
            given.append(field.get_db_prep_save(value, connection))
    table = connection.ops.quote_name(model._meta.db_table)
    numbers = (
        f"SELECT n FROM generate_series({count[0]}::bigint, {count[1] - 1}::bigint) AS s(n)"
        if _is_postgres()
        else f"WITH RECURSIVE s(n) AS (SELECT {count[0]} UNION ALL SELECT n + 1 FROM s "
        f"WHERE n + 1 < {count[1]}) SELECT n FROM s"
    )
    if count[0] >= count[1]:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {table} ({', '.join(names)}) "
            f"SELECT {', '.join(said)} FROM ({numbers}) AS m",
            given,
        )


def _typed(expression: str, field: Any) -> str:
    return f"CAST({expression} AS {field.db_type(connection)})" if _is_postgres() else expression


def _one_of(names: str, number: str) -> str:
    """Return the expression of one of `names`, by a number of any size."""
    each = names.split()
    width = max(map(len, each))
    padded = "".join(name.ljust(width) for name in each)
    begin = f"CAST(({number}) % {len(each)} AS integer) * {width} + 1"
    return f"rtrim(substr('{padded}', {begin}, {width}))"


def _begin() -> None:
    """Give SQLite the functions that PostgreSQL has."""
    if _is_postgres():
        return
    connection.ensure_connection()
    for name, function in (("md5", hashlib.md5), ("sha256_hex", hashlib.sha256)):
        connection.connection.create_function(name, 1, _digest(function), deterministic=True)


def _digest(function: Callable[..., Any]) -> Callable[[str], str]:
    return lambda text: str(function(text.encode(), usedforsecurity=False).hexdigest())


def _md5(text: str) -> str:
    return f"md5({text})"


def _sha256(text: str) -> str:
    if _is_postgres():
        return f"encode(sha256(convert_to({text}, 'UTF8')), 'hex')"
    return f"sha256_hex({text})"


def _ago(seconds: str) -> str:
    """Return the expression of the moment so many seconds ago."""
    if _is_postgres():
        return f"now() - ({seconds}) * interval '1 second'"
    return f"strftime('%Y-%m-%d %H:%M:%f000', 'now', (-({seconds})) || ' seconds')"


def _is_postgres() -> bool:
    return connection.vendor == "postgresql"
