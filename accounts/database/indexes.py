"""Indexes of large tables, made and taken away while the site runs (docs/scale.md 3).

PostgreSQL builds them CONCURRENTLY: nobody who writes waits, and none of it may be part of a
transaction, so a migration that uses these is `atomic = False`. One that was broken off is run
again; two are not run at once (portal/operations/upgrades/brief.py). SQLite, which has one writer
at a time, builds them as ever.
"""

from collections.abc import Callable
from typing import Any

from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations import AddConstraint, AddIndex, RunPython
from django.db.transaction import atomic

_BROKEN = "SELECT 1 FROM pg_index WHERE indexrelid = to_regclass(%s) AND NOT indisvalid"
_TAKEN = "SELECT 1 FROM pg_constraint WHERE conname = %s AND conrelid = to_regclass(%s)"


class AddIndexMeanwhile(AddIndex):
    """Django's `AddIndex`, for which no writer waits. What is there already stays."""

    atomic = False

    def database_forwards(
        self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any
    ) -> None:
        """Build the index."""
        model = to_state.apps.get_model(app_label, self.model_name)
        if not self.allow_migrate_model(schema_editor.connection.alias, model):
            return
        if schema_editor.connection.vendor != "postgresql":
            if not _is_there(schema_editor.connection, model._meta.db_table, str(self.index.name)):
                super().database_forwards(app_label, schema_editor, from_state, to_state)
        elif is_wanted(schema_editor, str(self.index.name)):
            schema_editor.add_index(model, self.index, concurrently=True)


class AddUniqueMeanwhile(AddConstraint):
    """Django's `AddConstraint` of a `UniqueConstraint` over columns, for which no writer waits: the
    index is built first, then the constraint takes it (PostgreSQL, ALTER TABLE). What is there
    already stays.
    """

    def database_forwards(
        self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any
    ) -> None:
        """Build the index, and make it a constraint."""
        model = to_state.apps.get_model(app_label, self.model_name)
        connection = schema_editor.connection
        if not self.allow_migrate_model(connection.alias, model):
            return
        if connection.vendor != "postgresql":
            with atomic(using=connection.alias):  # the table is written anew: whole, or not at all
                super().database_forwards(app_label, schema_editor, from_state, to_state)
            return
        name, table = (
            schema_editor.quote_name(each) for each in (self.constraint.name, model._meta.db_table)
        )
        fields = self.constraint.fields  # type: ignore[attr-defined]
        columns = ", ".join(
            schema_editor.quote_name(model._meta.get_field(each).column) for each in fields
        )
        if is_wanted(schema_editor, self.constraint.name):
            schema_editor.execute(f"CREATE UNIQUE INDEX CONCURRENTLY {name} ON {table} ({columns})")
        with connection.cursor() as cursor:
            cursor.execute(_TAKEN, [self.constraint.name, table])
            if cursor.fetchone():
                return
        added = f"ADD CONSTRAINT {name} UNIQUE USING INDEX {name}"
        schema_editor.execute(f"ALTER TABLE {table} {added}")


def _is_there(connection: Any, table: str, name: str) -> bool:
    with connection.cursor() as cursor:
        return name in connection.introspection.get_constraints(cursor, table)


def is_wanted(editor: BaseDatabaseSchemaEditor, name: str) -> bool:
    """Tell whether the index must be built on PostgreSQL; one whose building was broken off is
    taken away first, unless `editor` only collects what would be done.
    """
    quoted = editor.quote_name(name)
    with editor.connection.cursor() as cursor:
        cursor.execute(_BROKEN, [quoted])
        if cursor.fetchone():
            editor.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {quoted}", None)
            return True
        cursor.execute("SELECT to_regclass(%s) IS NULL", [quoted])
        return bool(cursor.fetchone()[0])


def on_postgresql(model: str, name: str, definition: str) -> RunPython:
    """Return the operation that builds an index on PostgreSQL alone: what follows the table's name
    in CREATE INDEX is its `definition`.
    """

    def build(apps: Any, schema_editor: Any) -> None:
        if schema_editor.connection.vendor == "postgresql" and is_wanted(schema_editor, name):
            table = schema_editor.quote_name(apps.get_model(model)._meta.db_table)
            schema_editor.execute(f"CREATE INDEX CONCURRENTLY {name} ON {table} {definition}")

    def drop(_apps: Any, schema_editor: Any) -> None:
        if schema_editor.connection.vendor == "postgresql":
            schema_editor.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")

    return RunPython(build, drop)


def without(model: str, *columns: str, patterns: bool) -> Callable[[Any, Any], None]:
    """Return the function of a migration that takes away the plain indexes of these columns, each
    of which has one column: with `patterns` only those that Django makes for LIKE on PostgreSQL.
    """

    def drop(apps: Any, schema_editor: Any) -> None:
        table = apps.get_model(model)._meta.db_table
        connection = schema_editor.connection
        with connection.cursor() as cursor:
            found = connection.introspection.get_constraints(cursor, table)
            for name, about in found.items():
                plain = about["index"] and not (about["unique"] or about["primary_key"])
                if not plain or about["columns"] not in [[each] for each in columns]:
                    continue
                if name.endswith("_like") or not patterns:
                    meanwhile = "CONCURRENTLY " if connection.vendor == "postgresql" else ""
                    cursor.execute(
                        f"DROP INDEX {meanwhile}IF EXISTS {connection.ops.quote_name(name)}"
                    )

    return drop
