"""What of a dump is put into a database where a superuser has made some of it (docs/moving.md 3).

The extension `pg_trgm` may stand there in another schema than where the backup comes from, or in a
schema that the backup makes itself. So what is there stays, and the index that names the place of
the extension is built anew.
"""

import re
from importlib import import_module
from pathlib import Path
from typing import Any

import structlog
from django.apps import apps
from django.db import DatabaseError

from portal.operations import pg_programs

log = structlog.get_logger("vestibule.operations")

_BY_ONE_TEXT = "accounts.migrations.0027_people_by_one_text"
_FOUND = ("INDEX", "person_found")
# The other one is of before 0027, which builds the first in its place.
_BY_TRIGRAMS = {_FOUND, ("INDEX", "person_named")}
_TRIGRAMS = ("EXTENSION", "pg_trgm")
_MADE = """
SELECT 'EXTENSION', extname FROM pg_extension UNION ALL SELECT 'SCHEMA', nspname FROM pg_namespace
"""
# As `pg_restore --list` writes it: numbers, the kind, the schema, the name.
_LINE = re.compile(r"\d+; \d+ \d+ (EXTENSION|SCHEMA|INDEX) \S+ (\S+)")


def load(asked: Any, dump: Path, *args: str) -> None:
    """Put a dump into the database of the connection `asked`, by pg_restore with these words.
    Raises `Refused`, and has changed nothing then.
    """
    with asked.cursor() as cursor:
        cursor.execute(_MADE)
        there = {*cursor.fetchall()}
    if _TRIGRAMS in there:
        there |= _BY_TRIGRAMS
    listed = pg_programs.run(asked, "pg_restore", "--list", str(dump)).splitlines(keepends=True)
    wanted = dump.with_name("contents")
    wanted.write_text("".join(each for each in listed if _named(each) not in there))
    pg_programs.restore(asked, str(dump), f"--use-list={wanted}", *args)
    if _FOUND in there and any(_named(each) == _FOUND for each in listed):
        _build(asked)


def _named(line: str) -> tuple[str, ...]:
    found = _LINE.match(line)
    return found.groups() if found else ()


def _build(asked: Any) -> None:
    """Build the index of people, if its operators are found: all else is in, and works without."""
    try:
        with asked.schema_editor(atomic=False) as editor:
            import_module(_BY_ONE_TEXT).build(apps, editor)
    except DatabaseError as error:
        log.warning("people.without_trigrams", error=str(error))
