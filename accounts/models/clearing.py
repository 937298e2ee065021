"""Rows that are over are deleted in small steps: nobody waits long for a lock, a transaction stays
short, and a process that is ended meanwhile has lost nothing but its last step.
"""

from typing import Any

import structlog
from django.db.models import QuerySet

# How many rows one statement deletes: a table of millions stays usable meanwhile.
AT_ONCE = 2000
_TELL_EVERY = 100_000

log = structlog.get_logger("vestibule.clearing")


def delete(rows: QuerySet[Any], most: int | None = None) -> int:
    """Delete the first `most` of `rows`, all of them for None. Returns their number.

    `rows` have an order that an index keeps, so that each step finds its rows at once. Long work
    tells the log how far it is.
    """
    gone = told = 0
    while most is None or gone < most:
        size = AT_ONCE if most is None else min(AT_ONCE, most - gone)
        chosen = list(rows.values_list("pk", flat=True)[:size])
        if not chosen:
            break
        rows.model._default_manager.filter(pk__in=chosen).delete()
        gone += len(chosen)
        if gone - told >= _TELL_EVERY:
            told = gone
            log.info("clearing", table=rows.model._meta.db_table, rows=gone)
    return gone
