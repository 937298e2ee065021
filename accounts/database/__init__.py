"""The database may fail: what that looks like, and how long anybody waits for it.

`accounts.database` is an engine of Django's: PostgreSQL's own, in accounts/database/base.py, with
an end to every wait.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import InterfaceError, OperationalError, close_old_connections

RETRY_AFTER = 5

# What PostgreSQL says, by SQLSTATE, where it answers and cannot be used all the same (PostgreSQL,
# Appendix A): the role may not, a table or a column is not there, as while a backup is restored or
# before `migrate`, the files are damaged.
_OF_NO_USE = {"42501", "42P01", "42703", "XX000", "XX001", "XX002"}


def is_down(error: BaseException | None) -> bool:
    """Tell whether `error` says that the database cannot be used now: gone, silent, locked, full,
    without rights or tables, damaged.

    What was raised because of that counts as well.
    """
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        if isinstance(error, (OperationalError, InterfaceError)):
            return True
        if getattr(error, "sqlstate", None) in _OF_NO_USE:
            return True
        seen.add(id(error))
        error = error.__cause__ or error.__context__
    return False


@contextmanager
def as_for_a_request() -> Iterator[None]:
    """Do for the block what Django does for a request: the connection of this thread is one that
    lives, and is given back afterwards where none is kept (`conn_max_age`).
    """
    close_old_connections()
    try:
        yield
    finally:
        close_old_connections()
