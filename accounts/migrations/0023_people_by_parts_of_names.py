"""What an index needs for people who are looked up by a part of their name (docs/scale.md 2):
PostgreSQL's trigrams, an extension that the owner of a database may add. 0027 builds the index;
another, of three columns, stands where this migration was run in an older form.
"""

import structlog
from django.db import DatabaseError, migrations, transaction

log = structlog.get_logger("vestibule.migrations")


def add(_apps, schema_editor):
    connection = schema_editor.connection
    if connection.vendor != "postgresql":
        return
    try:
        with transaction.atomic(using=connection.alias), connection.cursor() as cursor:
            cursor.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")
    except DatabaseError as error:
        log.warning("people.without_trigrams", error=type(error).__name__)


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("accounts", "0022_indexes_that_nobody_uses")]
    operations = [migrations.RunPython(add, migrations.RunPython.noop)]
