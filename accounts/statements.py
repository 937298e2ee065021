"""SQL that is built once, for the statements that every login runs.

Django builds the SQL of a query anew each time. Here it is built at the first use; from then on
only the values change. That nearly halves the processor time of `sign_in`, from 1.1 to 0.6 ms on
SQLite: docs/decisions/0005-statements-built-once.md. What is written and read is what the models
say.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import cache
from itertools import chain
from typing import Any, Generic, TypeVar

from django.db import connection, transaction
from django.db.models import Field, Model, Q

Row = TypeVar("Row", bound=Model)


class Lookup(Generic[Row]):
    """The one row of `model` whose columns have these values; `examples` has one for each, a number
    or a text. The row is locked until the transaction ends, against whoever changes it.
    """

    def __init__(self, model: type[Row], **examples: Any) -> None:
        self._model = model
        self._examples = examples
        self._sql = ""

    def find(self, **values: Any) -> Row | None:
        """Return the row, or None. The names are those of the examples."""
        if not self._sql:
            same = Q(*self._examples.items())  # which keeps their order, as keywords would not
            rows = self._model._default_manager.select_for_update(no_key=True, of=("self",))
            self._sql = rows.filter(same).query.sql_with_params()[0]
        ordered = [values[name] for name in self._examples]
        return next(iter(self._model._default_manager.raw(self._sql, ordered)), None)


class Existence(Generic[Row]):
    """Whether `model` has a row of which a condition holds. `condition` makes it of values whose
    `examples`, texts and moments that differ from each other, have the same names.
    """

    def __init__(self, model: type[Row], condition: Callable[..., Q], **examples: Any) -> None:
        self._model = model
        self._condition = condition
        self._examples = examples
        self._sql = ""
        self._order: list[tuple[str | None, Any]] = []

    def holds(self, **values: Any) -> bool:
        """Return whether there is such a row. The names are those of the examples."""
        if not self._sql:
            asked = self._model._default_manager.filter(self._condition(**self._examples))
            sql, parameters = asked.query.exists().sql_with_params()
            names = {_adapted(example): name for name, example in self._examples.items()}
            self._order = [(names.get(each), each) for each in parameters]
            self._sql = sql
        ordered = [_adapted(values[name]) if name else each for name, each in self._order]
        with connection.cursor() as cursor:
            cursor.execute(self._sql, ordered)
            return cursor.fetchone() is not None


def _adapted(value: Any) -> Any:
    is_moment = isinstance(value, datetime)
    return connection.ops.adapt_datetimefield_value(value) if is_moment else value


def insert(*rows: Model) -> None:
    """Insert new rows of any models, all or none, in one round trip where the database can.

    The database gives keys that are counted; they are not read back. Raises `IntegrityError` as
    saving does.
    """
    steps = [_step(row) for row in rows]
    if _takes_several():
        sqls, values = zip(*steps, strict=True)
        steps = [("; ".join(sqls), list(chain(*values)))]
    with transaction.atomic(savepoint=False), connection.cursor() as cursor:
        for sql, values in steps:
            cursor.execute(sql, values)


def _takes_several() -> bool:
    """Tell whether the database takes several statements at once: PostgreSQL, as long as psycopg
    puts the values in on this side.
    """
    bound_there = connection.settings_dict["OPTIONS"].get("server_side_binding")
    return connection.vendor == "postgresql" and not bound_there


def _step(row: Model) -> tuple[str, list[Any]]:
    sql, fields = _insertion(type(row))
    return sql, [f.get_db_prep_save(f.pre_save(row, add=True), connection) for f in fields]


@cache
def _insertion(model: type[Model]) -> tuple[str, list[Field[Any, Any]]]:
    known = model._meta.local_concrete_fields
    # A column with a default of the database's counts as its own; where ours has one too, it is.
    fields = [field for field in known if field.has_default() or not field.db_returning]
    name = connection.ops.quote_name
    columns = ", ".join(name(str(field.column)) for field in fields)
    marks = ", ".join(["%s"] * len(fields))
    table = name(model._meta.db_table)
    return f"INSERT INTO {table} ({columns}) VALUES ({marks})", fields  # noqa: S608  # the models' names
