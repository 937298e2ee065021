"""How many connections PostgreSQL must take (docs/city.md 3)."""

from collections.abc import Iterator
from typing import Any

from django.utils.translation import gettext as _

from accounts.provider import Finding, verdict
from portal import conf

# Of each worker beside its threads: those that probe and deliver.
BESIDE = 4
# For commands, the deliverer among them.
COMMANDS = 20


def needed(machines: int, workers: int, threads: int) -> int:
    """Return how many connections so many machines may need, each of so many workers of so many
    threads. A worker that is replaced is there until its successor is, one at a time.
    """
    return machines * (workers + 1) * (threads + BESIDE) + COMMANDS


def enough(asked: Any) -> Iterator[Finding]:
    """Yield whether the PostgreSQL of the connection `asked` takes as many as all machines need
    that are connected now; what it keeps for superusers and others is not for Vestibule.
    """
    most, machines = _most(asked), _machines(asked)
    wanted = needed(machines, conf.workers(), conf.threads())
    numbers = {"most": most, "wanted": wanted, "machines": machines}
    yield verdict(
        most >= wanted,
        _("PostgreSQL takes enough connections: %(most)d (machines seen: %(machines)d).") % numbers,
        _(
            "PostgreSQL takes %(most)d connections, and Vestibule may need %(wanted)d "
            "(machines seen: %(machines)d)."
        )
        % numbers,
        _("Raise max_connections, or lower VESTIBULE_WORKERS or VESTIBULE_THREADS."),
    )


def _most(asked: Any) -> int:
    with asked.cursor() as cursor:
        cursor.execute(
            "SELECT current_setting('max_connections')::int"
            " - current_setting('superuser_reserved_connections')::int"
            " - coalesce(current_setting('reserved_connections', true), '0')::int"
        )
        return int(cursor.fetchone()[0])


def _machines(asked: Any) -> int:
    """Return from how many addresses more connections come than a command or the deliverer has;
    one at least. A local socket counts as an address.
    """
    with asked.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM (SELECT 1 FROM pg_stat_activity"
            " WHERE datname = current_database() AND usename = current_user"
            " GROUP BY client_addr HAVING count(*) > %s) AS machines",
            [BESIDE],
        )
        return max(1, int(cursor.fetchone()[0]))
