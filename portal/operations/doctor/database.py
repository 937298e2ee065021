"""The database: its version, its tables, and an end to every wait."""

from collections.abc import Iterator
from typing import Any

from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.utils.translation import gettext as _

from accounts.cache import reasons
from accounts.provider import Finding, verdict
from portal.operations import checks
from portal.operations.doctor import connections
from portal.operations.doctor.look import Look

OLDEST_POSTGRES = 14
ENCODING = "UTF8"


def findings(look: Look) -> Iterator[Finding]:
    """Yield whether it answers, is up to date, and lets nobody wait for ever."""
    try:
        connection.ensure_connection()
        waiting = MigrationExecutor(connection).migration_plan(_targets())
        if connection.vendor == "sqlite" and not look.quick:
            _require_whole()
    except DatabaseError as error:
        yield unanswered(error)
        return
    yield verdict(
        not waiting,
        _("The tables are those of this version."),
        _("The tables are of an older version: %d migrations wait.") % len(waiting),
        _("Back up the database, run manage.py migrate, and start the workers anew."),
    )
    if connection.vendor == "postgresql":
        yield from _postgres(look.told.get("database", {}))
    else:
        yield _file()


def unanswered(error: DatabaseError) -> Finding:
    """Return that the database cannot be reached, why, and what to do about that."""
    why = reasons.of(error)
    if connection.vendor == "sqlite":
        return _of_file(why)
    if reasons.is_about_tls(why):
        fix = _(
            "Compare DATABASE_URL with the server: whether it wants TLS (sslmode), the authority "
            "(sslrootcert), name and end of its certificate, the site's own (sslcert, sslkey)."
        )
    elif reasons.is_a_refusal(why):
        fix = _("Compare user, password and name in DATABASE_URL with those of the database.")
    else:
        fix = _("Start it, and compare DATABASE_URL with where it listens.")
    return Finding(False, _("The database does not answer: %s.") % why, fix)


def _of_file(why: str) -> Finding:
    if why.endswith(("not a database", "malformed")):  # as SQLite says
        fix = _(
            "Stop the site, keep a copy of the file, and restore a backup into a new one "
            "(docs/moving.md 3); then look at the disk."
        )
        return Finding(False, _("The file of the database is damaged: %s.") % why, fix)
    said = _("The file of the database cannot be used: %s.") % why
    fix = _("Look at its disk, at who may write to the file and its folder, and at what holds it.")
    return Finding(False, said, fix)


def _require_whole() -> None:
    """Read a SQLite file from end to end. Raises `DatabaseError` where that is not in order."""
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA quick_check(1)")
        if cursor.fetchone() != ("ok",):
            raise DatabaseError("database disk image is malformed")


def _targets() -> Any:
    return MigrationExecutor(connection).loader.graph.leaf_nodes()


def supported() -> Finding:
    """Return whether this version of PostgreSQL is supported."""
    version = connection.pg_version // 10000  # type: ignore[attr-defined]
    return verdict(
        version >= OLDEST_POSTGRES,
        _("PostgreSQL %d is supported.") % version,
        _("PostgreSQL %d is older than Vestibule supports.") % version,
        _("Upgrade PostgreSQL to %d or newer.") % OLDEST_POSTGRES,
    )


def encoding() -> Finding:
    """Return whether the database of PostgreSQL takes every name, and counts its letters."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('server_encoding')")
        (name,) = cursor.fetchone() or ("",)
    return verdict(
        name == ENCODING,
        _("The database keeps every letter."),
        _("The encoding of the database is %s, which does not keep every name.") % name,
        _("Restore a backup into one of CREATE DATABASE ... ENCODING 'UTF8' TEMPLATE template0"),
    )


def _postgres(told: dict[str, str] | None) -> Iterator[Finding]:
    yield supported()
    yield encoding()
    yield from ends(told)
    yield from connections.enough(connection)
    yield from acknowledged(connection)


def ends(told: dict[str, str] | None) -> Iterator[Finding]:
    """Yield whether the workers reach the database, and end their waits for it, by what one of them
    has `told`: its time-outs, None where the database does not answer it.
    """
    if told is None:
        said = _("The workers do not reach the database, which answers this command.")
        fix = _("Give them the same DATABASE_URL, and start them anew; their log says more.")
        yield Finding(False, said, fix)
    if not told:
        return
    endless = sorted(name for name, value in told.items() if value == "0")
    yield verdict(
        not endless,
        _("Statements and locks of the workers end by themselves."),
        _("The workers may wait for ever: %s is not set.") % ", ".join(endless),
        _(
            "Set VESTIBULE_DATABASE_STATEMENT and _LOCK; behind a pooler that refuses options, "
            "set time-outs in the pooler."
        ),
    )


def acknowledged(asked: Any) -> Iterator[Finding]:
    """Yield whether what the database of the connection `asked` has acknowledged survives its loss,
    where DATABASE_URL names another host that would take over (docs/city.md 6).
    """
    if "," not in asked.settings_dict["HOST"]:
        return
    with asked.cursor() as cursor:
        cursor.execute(
            "SELECT current_setting('synchronous_commit') NOT IN ('off', 'local')"
            " AND current_setting('synchronous_standby_names') <> ''"
        )
        waits = cursor.fetchone()[0]
    yield verdict(
        waits,
        _("PostgreSQL acknowledges a commit once a standby has it."),
        _("PostgreSQL acknowledges a commit that no standby has: a failover forgets the latest."),
        _("Set synchronous_standby_names, and leave synchronous_commit on."),
    )


def _file() -> Finding:
    return verdict(
        not checks.is_production() or not checks.is_embedded(),
        _("The database is a file of this machine."),
        _("The database is a file of this machine, which production does not take."),
        _("Set DATABASE_URL to a PostgreSQL."),
    )
