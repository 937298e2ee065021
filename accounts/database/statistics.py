"""What the database knows of its tables, by which it chooses among indexes."""

from django.db import connection

_LOOKED_AT = 400  # rows of each index: enough to tell one value from many


def settle() -> None:
    """Have SQLite look at its tables, a little of each; PostgreSQL does so by itself."""
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute(f"PRAGMA analysis_limit={_LOOKED_AT}")
            cursor.execute("ANALYZE")
