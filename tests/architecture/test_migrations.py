"""What the models say and what the migrations make are the same."""

import io

import pytest
from django.apps import apps
from django.core.management import CommandError, call_command
from django.db import connection

from tests.architecture.tree import FLOORS


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
