"""What a statement of a migration does to those who use its table meanwhile, on PostgreSQL.

By the documentation of PostgreSQL, 13.3 (locks) and ALTER TABLE (what rewrites or reads a table). A
statement that needs every row of a table is told by its words alone.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from django.utils.translation import gettext as _

# Defaults that are computed once, so that no row is written.
_ONCE = re.compile(r"(now|current_timestamp|statement_timestamp|transaction_timestamp)\b", re.I)
_CREATED = re.compile(r'CREATE TABLE (?:IF NOT EXISTS )?"?(\w+)"?', re.I)
_INDEX = re.compile(
    r'CREATE (?:UNIQUE )?INDEX (CONCURRENTLY )?.*? ON (?:ONLY )?"?(\w+)"?', re.I | re.S
)
_ALTERED = re.compile(r'ALTER TABLE (?:IF EXISTS )?(?:ONLY )?"?(\w+)"? (.*)', re.I | re.S)
_ROWS = re.compile(r'(?:UPDATE|DELETE FROM) (?:ONLY )?"?(\w+)"?', re.I)
_DROPPED = re.compile(r'DROP TABLE (?:IF EXISTS )?"?(\w+)"?', re.I)
_CHECKED = re.compile(
    r"ADD CONSTRAINT .*(CHECK|FOREIGN KEY|UNIQUE|PRIMARY KEY|EXCLUDE)", re.I | re.S
)
_ADDED = re.compile(r"ADD COLUMN (?:IF NOT EXISTS )?\S+ (.*)", re.I | re.S)


@dataclass(frozen=True, slots=True)
class Judged:
    """What a statement does to `table`, in words. `is_long`: it holds others up for as long as the
    table is large. `is_in_the_way`: the former version cannot work with what is left.
    """

    table: str
    why: str
    is_long: bool = False
    is_in_the_way: bool = False


def judged(statements: Iterable[str]) -> Iterator[Judged]:
    """Yield what each statement does to a table that was there before."""
    new: set[str] = set()
    for text in statements:
        statement = " ".join(line for line in text.splitlines() if not line.startswith("--"))
        for name in _CREATED.findall(statement):
            new.add(name)
        found = _judged(statement.strip())
        if found and found.table not in new:
            yield found


def _judged(statement: str) -> Judged | None:
    if index := _INDEX.match(statement):
        if index[1]:
            return Judged(index[2], _("an index is built, and nobody waits"))
        return Judged(index[2], _("an index is built, and whoever writes waits"), is_long=True)
    if altered := _ALTERED.match(statement):
        return _altered(altered[1], altered[2])
    if rows := _ROWS.match(statement):
        return Judged(rows[1], _("rows are written, and whoever writes them waits"), is_long=True)
    if dropped := _DROPPED.match(statement):
        return Judged(dropped[1], _("the table goes"), is_in_the_way=True)
    return None


def _altered(table: str, change: str) -> Judged:
    words = change.upper()
    if added := _ADDED.match(change):
        return _added(table, added[1])
    if re.match(r"(DROP COLUMN|RENAME)", words):
        return Judged(table, _("a column or the table goes, or is renamed"), is_in_the_way=True)
    if re.match(r"ALTER COLUMN \S+ (SET DATA )?TYPE ", words):
        return Judged(table, _("the table is written anew, and everybody waits"), is_long=True)
    if re.match(r"ALTER COLUMN \S+ SET NOT NULL", words):
        said = _("each row is checked, and everybody waits")
        return Judged(table, said, is_long=True, is_in_the_way=True)
    if re.match(r"ALTER COLUMN \S+ DROP DEFAULT", words):
        said = _("a column has no default: the former version cannot add rows")
        return Judged(table, said, is_in_the_way=True)
    if _CHECKED.match(change) and "NOT VALID" not in words and "USING INDEX" not in words:
        return Judged(table, _("each row is checked, and whoever writes waits"), is_long=True)
    return Judged(table, _("it is altered, for a moment"))


def _added(table: str, column: str) -> Judged:
    words = column.upper()
    default = re.search(r"DEFAULT (.*)", column, re.I | re.S)
    if "NOT NULL" in words and default is None:
        said = _("a column has no default: the former version cannot add rows")
        return Judged(table, said, is_long=True, is_in_the_way=True)
    computed = default and "(" in default[1] and not _ONCE.match(default[1].lstrip("( "))
    if computed or "GENERATED" in words:
        return Judged(table, _("the table is written anew, and everybody waits"), is_long=True)
    if "REFERENCES" in words or "UNIQUE" in words:
        return Judged(table, _("each row is checked, and whoever writes waits"), is_long=True)
    return Judged(table, _("a column is added, for a moment"))
