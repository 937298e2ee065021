"""An index for people who are looked up by a part of their name (docs/scale.md 2): PostgreSQL's
trigrams, an extension that the owner of a database may add. Where it is not to be had, or stands in
a schema that is not searched, people are read from one end to the other, as on SQLite.
"""

import structlog
from django.db import DatabaseError, migrations, transaction

from accounts.database.indexes import on_postgresql

# As Django writes `icontains`.
_PARTS = ", ".join(f"UPPER({name}::text) gin_trgm_ops" for name in ("username", "name", "email"))
_NAMED = on_postgresql("accounts.User", "person_named", f"USING gin ({_PARTS})")
_IS_VISIBLE = "SELECT pg_opclass_is_visible(oid) FROM pg_opclass WHERE opcname = 'gin_trgm_ops'"
log = structlog.get_logger("vestibule.migrations")


def build(apps, schema_editor):
    connection = schema_editor.connection
    if connection.vendor != "postgresql":
        return
    try:
        with transaction.atomic(using=connection.alias), connection.cursor() as cursor:
            cursor.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")
            cursor.execute(_IS_VISIBLE)
            is_visible = (True,) in cursor.fetchall()
    except DatabaseError as error:
        log.warning("people.without_trigrams", error=type(error).__name__)
        return
    if not is_visible:
        log.warning("people.without_trigrams", error="pg_trgm is in a schema that is not searched")
        return
    _NAMED.code(apps, schema_editor)


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("accounts", "0022_indexes_that_nobody_uses")]
    operations = [migrations.RunPython(build, _NAMED.reverse_code)]
