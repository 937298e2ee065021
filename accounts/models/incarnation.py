"""Which database answers: what differs where it may hold what an earlier moment held.

A backup comes into a database that was not there before, or into tables that were not. Older files,
a recovery to a moment and a standby that takes over want a server that starts. So the start of the
server and the file of a table, whose path has the database, tell (PostgreSQL, 9.26 and 9.27).
"""

from typing import Any

from django.db import connection
from django.db.models import CharField, Model, Value
from django.db.models.expressions import RawSQL

_OF = (
    "(SELECT concat_ws(':', extract(epoch FROM pg_postmaster_start_time()),"
    " pg_relation_filepath(%s::regclass), ''))"
)


def beside(model: type[Model]) -> Any:
    """Return the identity as a column beside the rows of `model`, whose table tells as well. That
    of SQLite is empty: a process has one file open, and no other.
    """
    if connection.vendor != "postgresql":
        return Value("", output_field=CharField())
    return RawSQL(_OF, (_name(model),), output_field=CharField())  # noqa: S611  # no caller's text


def of_empty(model: type[Model]) -> str:
    """Return the identity where `model` has no row beside which it could stand."""
    if connection.vendor != "postgresql":
        return ""
    with connection.cursor() as cursor:
        said = f"SELECT {_OF}, count(*) FROM {_name(model)}"  # noqa: S608  # no caller's text
        cursor.execute(said, (_name(model),))
        return str(cursor.fetchone()[0])


def _name(model: type[Model]) -> str:
    return str(connection.ops.quote_name(model._meta.db_table))
