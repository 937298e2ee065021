"""The database may fail: what that looks like, and how long anybody waits for it.

`accounts.database` is an engine of Django's: PostgreSQL's own, in accounts/database/base.py, with
an end to every wait.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import InterfaceError, OperationalError, close_old_connections

RETRY_AFTER = 5


def is_down(error: BaseException | None) -> bool:
    """Tell whether `error` says that the database cannot be used now: gone, silent, locked, full.

    What was raised because of that counts as well.
    """
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        if isinstance(error, (OperationalError, InterfaceError)):
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
