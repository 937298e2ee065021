"""An index for people who are looked up by a part of their name (docs/scale.md 2): PostgreSQL's
trigrams, an extension that the owner of a database may add. Where it is not to be had people are
read from one end to the other, as on SQLite.
"""

import structlog
from django.db import DatabaseError, migrations, transaction

from accounts.database.indexes import is_wanted

_NAME = "person_named"
log = structlog.get_logger("vestibule.migrations")


def build(apps, schema_editor):
    connection = schema_editor.connection
    if connection.vendor != "postgresql":
        return
    with connection.cursor() as cursor:
        try:
            with transaction.atomic(using=connection.alias):
                cursor.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")
        except DatabaseError as error:
            log.warning("people.without_trigrams", error=type(error).__name__)
            return
    if not is_wanted(schema_editor, _NAME):
        return
    table = schema_editor.quote_name(apps.get_model("accounts.User")._meta.db_table)
    # As Django writes `icontains`.
    columns = ", ".join(f"UPPER({name}::text) gin_trgm_ops" for name in ("username", "name", "email"))
    schema_editor.execute(f"CREATE INDEX CONCURRENTLY {_NAME} ON {table} USING gin ({columns})")


def drop(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {_NAME}")


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("accounts", "0022_indexes_that_nobody_uses")]
    operations = [migrations.RunPython(build, drop)]
