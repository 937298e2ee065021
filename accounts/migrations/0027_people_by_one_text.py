"""One index for people who are looked up by a part of their name (docs/scale.md 2): of their
username, name and e-mail address with blanks between them. It takes the place of one of three
columns, each of which was looked up. Where trigrams are not to be had, or stand in a schema that is
not searched, people are read from one end to the other, as on SQLite.
"""

import structlog
from django.db import migrations

from accounts.database.indexes import on_postgresql

# As Django writes `icontains` of the text that portal/door/lists.py looks in.
_TEXT = "UPPER((username || ' ' || name || ' ' || email)::text)"
_FOUND = on_postgresql("accounts.User", "person_found", f"USING gin ({_TEXT} gin_trgm_ops)")
_IS_VISIBLE = "SELECT pg_opclass_is_visible(oid) FROM pg_opclass WHERE opcname = 'gin_trgm_ops'"
log = structlog.get_logger("vestibule.migrations")


def build(apps, schema_editor):
    if schema_editor.connection.vendor != "postgresql":
        return
    with schema_editor.connection.cursor() as cursor:
        cursor.execute(_IS_VISIBLE)
        is_visible = (True,) in cursor.fetchall()
        cursor.execute("SELECT to_regclass('person_named') IS NOT NULL")
        (is_of_before,) = cursor.fetchone()
    if is_visible:
        _FOUND.code(apps, schema_editor)
    else:
        log.warning("people.without_trigrams", error="no gin_trgm_ops in the search path")
    if is_of_before:
        schema_editor.execute("DROP INDEX CONCURRENTLY IF EXISTS person_named")


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("accounts", "0026_index_of_name_keys")]
    operations = [migrations.RunPython(build, _FOUND.reverse_code)]
