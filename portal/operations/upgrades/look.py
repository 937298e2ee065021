"""What stands before an upgrade, found by the new version's code on the former one's tables.

Nothing is changed. Tables are read by the columns that both versions have.
"""

import platform
from collections.abc import Iterator, Mapping

from django.core.checks import run_checks
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.migration import Migration
from django.utils.translation import gettext as _

from accounts.keyring import key_ids
from accounts.models import Source
from accounts.provider import Finding, verdict
from accounts.source import catalogue
from portal import conf
from portal.operations import rotation, variables, version
from portal.operations.doctor import database
from portal.operations.upgrades import locks, previous

# Beyond so many rows it is told that a statement which needs them all takes long.
MANY = 100_000


def examine() -> Iterator[tuple[str, Finding]]:
    """Yield the findings, each with its subject."""
    try:
        connection.ensure_connection()
    except DatabaseError as error:
        yield "database", database.unanswered(error)
        return
    for subject, findings in (
        ("versions", _versions()),
        ("tables", _tables()),
        ("settings", settings(conf.given_names(), conf.known_names())),
        ("settings", _refused()),
        ("keys", _keys()),
        ("sources", _sources()),
    ):
        for finding in findings:
            yield subject, finding


def _versions() -> Iterator[Finding]:
    told = {"version": version.running(), "python": platform.python_version()}
    yield Finding(True, _("Vestibule %(version)s on Python %(python)s.") % told)
    if connection.vendor == "postgresql":
        yield database.supported()
        yield database.encoding()


# --- Tables ---------------------------------------------------------------------------------------


def _tables() -> Iterator[Finding]:
    executor = MigrationExecutor(connection)
    plan = [each for each, _back in executor.migration_plan(executor.loader.graph.leaf_nodes())]
    strange = executor.loader.applied_migrations.keys() - executor.loader.disk_migrations.keys()
    if strange:
        said = _("The tables are of a newer version than this one: %s.")
        yield Finding(False, said % ".".join(sorted(strange)[0]), _("Install that version."))
        return
    if not plan:
        yield Finding(True, _("The tables are those of this version."))
        return
    done = [each for name, told in _by_migration(executor, plan) for each in _said(name, told)]
    yield from (finding for finding, _judged in done)
    yield _beside(
        executor.loader.applied_migrations.keys(),
        is_in_the_way=any(judged and judged.is_in_the_way for _finding, judged in done),
    )


def _by_migration(
    executor: MigrationExecutor, plan: list[Migration]
) -> Iterator[tuple[str, list[locks.Judged]]]:
    """Yield each migration that waits, by its name, and what it does to tables that are there, as
    far as its SQL tells; none of SQLite, which has one writer whatever is done.
    """
    if connection.vendor != "postgresql":
        yield from ((f"{each.app_label}.{each.name}", []) for each in plan)
        return
    state = executor.loader.project_state(list(executor.loader.applied_migrations))
    there = {*connection.introspection.table_names()}
    for migration in plan:
        with connection.schema_editor(collect_sql=True, atomic=migration.atomic) as editor:
            state = migration.apply(state, editor, collect_sql=True)
        told = [each for each in locks.judged(editor.collected_sql) if each.table in there]
        yield f"{migration.app_label}.{migration.name}", told


def _said(name: str, judged: list[locks.Judged]) -> Iterator[tuple[Finding, locks.Judged | None]]:
    """Yield a migration in words: one line for each thing that it does to a table."""
    if not judged:
        yield Finding(True, _("%s waits.") % name), None
        return
    for each in dict.fromkeys(judged):
        rows = _rows(each.table)
        told = {"name": name, "table": each.table, "rows": rows, "why": each.why}
        said = _("%(name)s: %(table)s (about %(rows)d rows): %(why)s") % told
        slow = each.is_long and rows > MANY
        fix = _("Choose an hour when few people sign in, or stop the workers.") if slow else ""
        yield Finding(not slow, said, fix), each


def _rows(table: str) -> int:
    """Return about how many rows a table has, as PostgreSQL's own statistics say."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT reltuples::bigint FROM pg_class WHERE oid = to_regclass(%s)", [table]
        )
        found = cursor.fetchone()
    return max(0, found[0]) if found else 0


def _beside(applied: Mapping[tuple[str, str], object] | object, *, is_in_the_way: bool) -> Finding:
    """Tell whether the former version's workers may run meanwhile, and beside the new ones."""
    if connection.vendor != "postgresql":
        said = _("SQLite has one writer: stop the site, run manage.py migrate, and start it anew.")
        return Finding(True, said)
    done: set[tuple[str, str]] = {*applied}  # type: ignore[misc]
    is_next = done >= {*previous.MIGRATIONS.items()}
    return verdict(
        is_next and not is_in_the_way,
        _("The former version may run while migrate does, and beside the new workers."),
        _("The former version cannot run on the new tables."),
        _("Stop all workers, run manage.py migrate, and start the new ones; or go by way of %s.")
        % previous.VERSION,
    )


# --- Settings, keys, sources ----------------------------------------------------------------------


def settings(given: tuple[str, ...], known: frozenset[str]) -> Iterator[Finding]:
    """Yield which of the variables `given` are not read, and which of those `known` are new."""
    yield from variables.unread(given, known, previous.GONE)
    if new := sorted(known - previous.NAMES):
        told = {"version": previous.VERSION, "names": ", ".join(new)}
        yield Finding(True, _("New since %(version)s: %(names)s") % told)


def _refused() -> Iterator[Finding]:
    """Yield what would keep the workers from starting."""
    for each in run_checks(tags=["vestibule"]):
        if each.is_serious() and not each.is_silenced():
            yield Finding(False, each.msg, each.hint or "")


def _keys() -> Iterator[Finding]:
    lost = sorted(rotation.needed().keys() - {*key_ids()})
    yield verdict(
        not lost,
        _("All that is sealed can be opened."),
        _("A key that is not in VESTIBULE_VAULT_KEYS has sealed some of it: %s.") % ", ".join(lost),
        _("Run: manage.py doctor keys"),
    )


def _sources() -> Iterator[Finding]:
    """Yield which enabled sources this version refuses: their settings, as they are stored.
    There are none where an upgrade has not made their table yet.
    """
    if Source._meta.db_table not in connection.introspection.table_names():
        return
    columns = ("slug", "provider", "label", "settings", "staff")
    for values in Source.objects.filter(enabled=True).order_by("order").values(*columns):
        why = catalogue.why_unreadable(Source(**values))
        said = f"{values['slug']}: {why}" if why else _("%s is taken as it is.") % values["slug"]
        yield Finding(not why, said, _("Correct the settings of the source.") if why else "")
