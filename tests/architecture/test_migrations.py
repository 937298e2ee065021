"""What the models say and what the migrations make are the same."""

import io
from collections.abc import Iterable, Iterator
from importlib import import_module
from pathlib import Path

import pytest
from django.apps import apps
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.migrations import RunPython, SeparateDatabaseAndState
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState

from accounts.database.indexes import AddIndexMeanwhile, AddUniqueMeanwhile
from tests.architecture.tree import FLOORS, text

# What may be run again where it was broken off. A function must be written so.
REPEATABLE = (AddIndexMeanwhile, AddUniqueMeanwhile, RunPython)
BY_ONE_TEXT = "accounts.migrations.0027_people_by_one_text"


@pytest.mark.django_db
def test_no_migration_is_missing() -> None:
    said = io.StringIO()
    try:
        call_command("makemigrations", check=True, dry_run=True, stdout=said, stderr=said)
    except (CommandError, SystemExit):
        pytest.fail(said.getvalue())


@pytest.mark.django_db
def test_every_table_of_ours_exists() -> None:
    own = (app for app in apps.get_app_configs() if app.name.split(".")[0] in FLOORS)
    wanted = {model._meta.db_table for app in own for model in app.get_models()}
    with connection.cursor() as cursor:
        assert wanted <= set(connection.introspection.table_names(cursor))


def done(operations: Iterable[Operation]) -> Iterator[Operation]:
    """Yield what is done to the database."""
    for each in operations:
        if isinstance(each, SeparateDatabaseAndState):
            yield from done(each.database_operations)
        else:
            yield each


def test_what_is_no_transaction_can_be_run_again() -> None:
    """docs/scale.md 3: a column that was committed before its migration was is there for ever."""
    wrong = [
        f"{app}.{name}: {type(each).__name__}"
        for (app, name), migration in MigrationLoader(None).disk_migrations.items()
        if apps.get_app_config(app).name.split(".")[0] in FLOORS and not migration.atomic
        for each in done(migration.operations)
        if not isinstance(each, REPEATABLE)
    ]
    assert not wrong


@pytest.mark.django_db(transaction=True)
def test_an_index_that_is_there_already_stays() -> None:
    """Made by a migration that was not recorded, or, as for 0026, by an older form of another."""
    migration = import_module("accounts.migrations.0026_index_of_name_keys").Migration
    now = ProjectState.from_apps(apps)
    with connection.schema_editor(atomic=False) as editor:
        for each in migration.operations:
            each.database_forwards("accounts", editor, now, now)


@pytest.mark.django_db
def test_trigrams_that_are_not_found_stop_no_migration() -> None:
    """docs/scale.md 2: as where another program has put the extension into a schema of its own."""
    if connection.vendor != "postgresql":
        pytest.skip("SQLite has no trigrams")
    with connection.cursor() as cursor:
        cursor.execute("DROP EXTENSION pg_trgm CASCADE; CREATE SCHEMA extensions")
        cursor.execute("CREATE EXTENSION pg_trgm SCHEMA extensions")
    with connection.schema_editor(atomic=False) as editor:
        import_module("accounts.migrations.0023_people_by_parts_of_names").add(apps, editor)
        import_module(BY_ONE_TEXT).build(apps, editor)
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass('person_found') IS NULL")
        assert cursor.fetchone() == (True,)


@pytest.mark.django_db(transaction=True)
def test_one_index_of_names_takes_the_place_of_the_one_of_before() -> None:
    """Also where its building was broken off. Who adds it by hand reads its statement."""
    migration = import_module(BY_ONE_TEXT)
    assert f"{migration._TEXT} gin_trgm_ops" in text(Path("docs/scale.md"))
    if connection.vendor != "postgresql":
        return
    standing = "SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass(%s)"
    with connection.cursor() as cursor:
        cursor.execute("CREATE INDEX person_named ON accounts_user (name)")
        broken = (
            "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'person_found'::regclass"
        )
        cursor.execute(broken)
        for _again in range(2):
            with connection.schema_editor(atomic=False) as editor:
                migration.build(apps, editor)
            cursor.execute(standing, ["person_found"])
            assert cursor.fetchall() == [(True,)]
            cursor.execute(standing, ["person_named"])
            assert cursor.fetchall() == []
