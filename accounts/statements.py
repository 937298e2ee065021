"""SQL that is built once, for statements that run at every login or request.

Django builds the SQL of a query anew each time. Here it is built at the first use; from then on
only the values change: docs/decisions/0005-statements-built-once.md. What is written and read is
what the models say.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import nullcontext
from datetime import UTC, datetime
from functools import cache
from itertools import chain
from typing import Any, Generic, TypeVar

from django.db import DEFAULT_DB_ALIAS, connection, connections, models, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Field, Model, Q, QuerySet
from django.db.models.sql import Query

Row = TypeVar("Row", bound=Model)
Beside = TypeVar("Beside", bound=Model)

# Fields that leave a value of one of these types as it is, and moments, where the driver does.
_AS_THEY_ARE = frozenset({
    models.CharField, models.TextField, models.BooleanField,
    models.ForeignKey, models.OneToOneField,
})  # fmt: skip
_PLAIN, _MOMENTS = (str, bool, type(None)), (datetime, type(None))
_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


class Built:
    """A query that `make` makes of values. `examples`, which differ from each other, have the same
    names: texts, numbers and moments.
    """

    def __init__(self, make: Callable[..., Query], **examples: Any) -> None:
        self._make = make
        self._examples = examples
        self._sql = ""
        self._order: list[tuple[str | None, Any]] = []
        self._converters: list[tuple[int, list[Any], Any]] = []

    def first(self, **values: Any) -> tuple[Any, ...] | None:
        """Return the first row, or None. The names are those of the examples."""
        own, ordered = _own(), self._ordered(values)
        with own.cursor() as cursor:
            cursor.execute(self._sql, ordered)
            found = cursor.fetchone()
        return self._converted(found) if found and self._converters else found

    def _ordered(self, values: Mapping[str, Any]) -> list[Any]:
        """Return the parameters of the statement, which is built by then."""
        if not self._sql:
            self._build()
        return [_adapted(values[name]) if name else each for name, each in self._order]

    def _build(self) -> None:
        query = self._make(**self._examples)
        compiler = query.get_compiler(connection=connection)
        sql, parameters = compiler.as_sql()
        names = {_adapted(example): name for name, example in self._examples.items()}
        self._order = [(names.get(each), each) for each in parameters]
        columns = [column for column, *_ in compiler.select[: compiler.col_count]]
        converters = compiler.get_converters(columns)
        self._converters = [(n, found, of) for n, (found, of) in converters.items()]
        self._sql = self._said(query, sql)

    def _said(self, query: Query, sql: str) -> str:
        """Return the statement for what selects rows of `query` by `sql`."""
        return sql

    def _converted(self, found: Iterable[Any]) -> tuple[Any, ...]:
        values = list(found)
        for number, converters, expression in self._converters:
            for convert in converters:
                values[number] = convert(values[number], expression, connection)
        return tuple(values)


class Values(Built):
    """The columns of one row: `make` makes a queryset with `values_list`."""

    def __init__(self, make: Callable[..., QuerySet[Any, Any]], **examples: Any) -> None:
        super().__init__(lambda **values: make(**values).query, **examples)


class Shared(Values):
    """The columns of one row, which is locked until the transaction ends against whoever holds it
    `FOR UPDATE`, and nobody else.
    """

    def _said(self, query: Query, sql: str) -> str:
        return sql + _key_share()


class Lookup(Built, Generic[Row, Beside]):
    """The one row of `model` to which a row of `by` belongs that has these values, by the foreign
    key `key`. Both are locked until the transaction ends, in this order, against whoever changes or
    deletes them; where the row of `by` was deleted meanwhile there is none.

    With it comes the row to which the row of `by` belongs by the foreign key `beside`, as far as
    `columns` say, locked last and as `Shared` does.
    """

    def __init__(
        self,
        model: type[Row],
        by: type[Model],
        key: str,
        beside: tuple[type[Beside], str, Iterable[str]],
        **examples: Any,
    ) -> None:
        other, name, columns = beside
        wanted = {key: [field.name for field in model._meta.concrete_fields], name: [*columns]}
        rows = by._default_manager.select_related(*wanted)
        rows = rows.only("pk", *(f"{at}__{each}" for at in wanted for each in wanted[at]))
        rows = rows.select_for_update(no_key=True, of=(key, "self"))
        super().__init__(lambda **values: rows.filter(**values).query, **examples)
        self._models: tuple[type[Row], type[Beside]] = model, other
        self._names = _names(model, wanted[key]), _names(other, wanted[name])
        self._table = other._meta.db_table
        # Django selects them in the order of the fields, behind those of `by`.
        order = [field.name for field in by._meta.concrete_fields if field.name in wanted]
        self._theirs_last = order == [key, name]

    def find(self, **values: Any) -> tuple[Row, Beside] | None:
        """Return the two rows, or None. The names are those of the examples."""
        found = self.first(**values)
        if found is None:
            return None
        mine, others = map(len, self._names)
        both = found[-mine - others :]
        row, beside = (
            (both[:mine], both[mine:]) if self._theirs_last else (both[others:], both[:others])
        )
        return (
            self._models[0].from_db(DEFAULT_DB_ALIAS, self._names[0], row),
            self._models[1].from_db(DEFAULT_DB_ALIAS, self._names[1], beside),
        )

    def _said(self, query: Query, sql: str) -> str:
        return sql + _key_share(self._table)


class Existence(Built):
    """Whether `model` has a row of which a condition holds, which `condition` makes of values."""

    def __init__(self, model: type[Model], condition: Callable[..., Q], **examples: Any) -> None:
        rows = model._default_manager
        super().__init__(
            lambda **values: rows.filter(condition(**values)).query.exists(), **examples
        )

    def holds(self, **values: Any) -> bool:
        """Return whether there is such a row. The names are those of the examples."""
        return self.first(**values) is not None


class Deletion(Values):
    """The rows whose keys a queryset of `make` has; no other rows hang on them."""

    def carry_out(self, **values: Any) -> None:
        """Delete the rows. The names are those of the examples."""
        ordered = self._ordered(values)
        with _own().cursor() as cursor:
            cursor.execute(self._sql, ordered)

    def _said(self, query: Query, sql: str) -> str:
        name, meta = connection.ops.quote_name, query.get_meta()
        table, key = name(meta.db_table), name(str(meta.pk.column))
        return f"DELETE FROM {table} WHERE {key} IN ({sql})"  # noqa: S608  # the models' names


def _names(model: type[Model], wanted: Iterable[str]) -> list[str]:
    """Return the columns of `wanted`, and the key, in the order in which Django selects them."""
    known = {*wanted, model._meta.pk.name}
    return [field.attname for field in model._meta.concrete_fields if field.name in known]


def _key_share(table: str = "") -> str:
    """Return what locks rows, of `table` alone where it is named, against `FOR UPDATE`."""
    if not connection.features.has_select_for_update:
        return ""
    of = f" OF {connection.ops.quote_name(table)}" if table else ""
    return " FOR KEY SHARE" + of


def _own() -> BaseDatabaseWrapper:
    """Return this thread's connection itself: each look through Django's stand-in for it costs a
    dozen calls.
    """
    return connections[DEFAULT_DB_ALIAS]


def _adapted(value: Any) -> Any:
    is_moment = isinstance(value, datetime)
    return connection.ops.adapt_datetimefield_value(value) if is_moment else value


def insert(*rows: Model) -> None:
    """Insert new rows of any models, all or none, in one round trip where the database can.

    The database gives keys that are counted; they are not read back. Raises `IntegrityError` as
    saving does.
    """
    own = _own()
    steps = [_step(row, own) for row in rows]
    if _takes_several(own):
        sqls, values = zip(*steps, strict=True)
        steps = [("; ".join(sqls), list(chain(*values)))]
    # What goes in one trip is one transaction by itself: BEGIN and COMMIT would be two trips more.
    alone = len(steps) == 1 and not own.in_atomic_block
    with nullcontext() if alone else transaction.atomic(savepoint=False), own.cursor() as cursor:
        for sql, values in steps:
            cursor.execute(sql, values)


def _takes_several(own: BaseDatabaseWrapper) -> bool:
    """Tell whether the database takes several statements at once: PostgreSQL, as long as psycopg
    puts the values in on this side.
    """
    bound_there = own.settings_dict["OPTIONS"].get("server_side_binding")
    return own.vendor == "postgresql" and not bound_there


def _step(row: Model, own: BaseDatabaseWrapper) -> tuple[str, list[Any]]:
    sql, fields = _insertion(type(row))
    held = vars(row)
    return sql, [
        held[name] if isinstance(held[name], plain) else _prepared(row, field, own)
        for name, field, plain in fields
    ]


def _prepared(row: Model, field: Field[Any, Any], own: BaseDatabaseWrapper) -> Any:
    return field.get_db_prep_save(field.pre_save(row, add=True), own)


@cache
def _insertion(
    model: type[Model],
) -> tuple[str, list[tuple[str, Field[Any, Any], tuple[type, ...]]]]:
    """Return the statement; and for each column where a row holds its value, the field, and the
    types of values that the field would leave as they are.
    """
    known = model._meta.local_concrete_fields
    # A column with a default of the database's counts as its own; where ours has one too, it is.
    fields = [field for field in known if field.has_default() or not field.db_returning]
    name = connection.ops.quote_name
    columns = ", ".join(name(str(field.column)) for field in fields)
    marks = ", ".join(["%s"] * len(fields))
    table = name(model._meta.db_table)
    held = [(field.attname, field, _plain(field)) for field in fields]
    return f"INSERT INTO {table} ({columns}) VALUES ({marks})", held  # noqa: S608  # the models' names


def _plain(field: Field[Any, Any]) -> tuple[type, ...]:
    """Return the types of which a field hands values to the driver as they are."""
    if type(field) in _AS_THEY_ARE:
        return _PLAIN
    is_moment = isinstance(field, models.DateTimeField) and not (
        field.auto_now or field.auto_now_add
    )
    return _MOMENTS if is_moment and _adapted(_LONG_AGO) is _LONG_AGO else ()
