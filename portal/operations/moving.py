"""From the embedded site to PostgreSQL: every row, in one transaction, or none (docs/moving.md).

The settings of the process are the new site's; the former one is a SQLite file that nobody serves
any more. What is signed in stays so, since keys, sessions and tokens come along.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from django.apps import apps
from django.contrib.auth.models import Group, Permission
from django.contrib.contenttypes.models import ContentType
from django.core.management import CommandError, call_command
from django.core.management.color import no_style
from django.db import DatabaseError, OperationalError, connection, connections, transaction
from django.db.migrations.executor import MigrationExecutor
from django.utils.translation import gettext as _

from accounts import cache, conf
from accounts.cache import reasons
from accounts.keyring import key_id, key_ids
from accounts.models import Source
from portal import conf as portal_conf
from portal.operations import key_file, rotation
from portal.operations.doctor import database

FILE = "vestibule.sqlite3"
EMBEDDED = "embedded"
BATCH = 2000
# What migrations write, and a new site has before anybody has come.
_MADE: tuple[Any, ...] = (ContentType, Permission, Group, Group.permissions.through, Source)
# What is made anew: collected files, numbers, what SQLite keeps beside its file.
_OWN = {FILE, f"{FILE}-wal", f"{FILE}-shm", f"{FILE}-journal", key_file.NAME, "static", "metrics"}

Step = Callable[[str, int], None]


class Refused(ValueError):
    """Why nothing was moved: a sentence for the operator."""


class Unsure(Exception):
    """The database was lost when the data was to be kept: nobody knows whether it is in."""


def move(folder: Path, keys_to: Path | None, step: Step) -> dict[str, int]:
    """Move what the embedded site in `folder` holds to the database of the settings. Tells `step`
    the label of each table and its number of rows. Returns the numbers by table.

    `keys_to` is a file to which the former keys are written, for the new site's environment. Raises
    `Refused`, `key_file.Unusable`, or `OSError` when that file cannot be written, and has changed
    nothing in either database but empty tables. Raises `Unsure` when the data may be in: the keys
    stay then.
    """
    counted: dict[str, int] = {}

    def told(label: str, count: int) -> None:
        counted[label] = count
        step(label, count)

    try:
        _move(folder, keys_to, told)
    except DatabaseError as error:
        is_in = _is_in() if len(counted) == len(_models()) else False  # else it never came so far
        if is_in is None:
            raise Unsure from None
        if not is_in:
            raise Refused(_("The database does not answer: %s.") % _primary(error)) from None
    return counted


def _move(folder: Path, keys_to: Path | None, step: Step) -> None:
    if connection.vendor != "postgresql":
        raise Refused(_("DATABASE_URL names no PostgreSQL: it is where the site moves to."))
    if not (folder / FILE).is_file():
        raise Refused(_("There is no embedded site in %s.") % folder)
    _require_redis()
    known = key_file.read(folder)
    if keys_to:
        key_file.require_new(keys_to)
    elif not portal_conf.secret_key_is_given():
        _require_keys({key_file.SECRET: known.get(key_file.SECRET, "")})  # soon, as it is missing
    with _held(folder / FILE):
        _require_same_version()
        _make_tables()
        with ExitStack() as undone, transaction.atomic():
            _copy_all(step)
            if not keys_to:
                _require_keys(_used(known))
            _require_readable(known if keys_to else {})
            if keys_to:  # before the data is in, and gone again when that fails
                own = key_file.environment(keys_to, _all_keys(known), lambda: _is_in() is not False)
                undone.enter_context(own)


def _is_in() -> bool | None:
    """Tell whether the data is in, None when nobody can: the answer to a commit can be lost."""
    connection.close()
    try:
        _require_empty()
    except Refused:
        return True
    except DatabaseError:
        return None
    return False


def left_behind(folder: Path) -> list[str]:
    """Return the names of what lies in the folder and was not moved, for the operator to judge."""
    return sorted(each.name for each in folder.iterdir() if each.name not in _OWN)


# --- Before ---------------------------------------------------------------------------------------


def _require_redis() -> None:
    if conf.redis_url():
        if why := cache.shared.trouble():
            raise Refused(_("Redis cannot be used: %s.") % why)
        cache.shared.set("move", 1, 10)
        if cache.shared.get("move") != 1:
            raise Refused(_("The Redis of REDIS_URL does not answer."))


def _require_keys(known: Mapping[str, str]) -> None:
    if name := key_file.missing(known):
        said = _(
            "%s lacks the key of the former site: everybody would be signed out. Give --env FILE "
            "to have its keys written there, for the environment of the new site."
        )
        raise Refused(said % name)


@contextmanager
def _held(file: Path) -> Iterator[None]:
    """Open the SQLite file for nobody else until the end of the block. Raises `Refused` while the
    site, or a command of it, has it open.
    """
    known = connections.settings["default"]
    options = {"timeout": 1, "transaction_mode": "EXCLUSIVE"}
    connections.settings[EMBEDDED] = {
        **known,
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": str(file),
        "OPTIONS": options,
    }
    own = connections[EMBEDDED]
    try:
        try:
            with own.cursor() as cursor:
                # The write-ahead log can be left only while nobody else has the file open.
                cursor.execute("PRAGMA journal_mode=DELETE")
        except DatabaseError:
            raise Refused(_("The former site still runs: stop it and deliver_outbox.")) from None
        with transaction.atomic(using=EMBEDDED):
            yield
    finally:
        own.close()
        del connections[EMBEDDED], connections.settings[EMBEDDED]


def _require_same_version() -> None:
    executor = MigrationExecutor(connections[EMBEDDED])
    if executor.migration_plan(executor.loader.graph.leaf_nodes()):
        raise Refused(_("The former site is of an older version: run migrate there first."))
    if executor.loader.applied_migrations.keys() - executor.loader.disk_migrations.keys():
        raise Refused(_("The former site is of a newer version than this one."))


def _make_tables() -> None:
    if not (every_letter := database.encoding()).ok:
        raise Refused(every_letter.message)
    _require_ours()
    try:
        call_command("migrate", verbosity=0, interactive=False)
    except CommandError as error:
        raise Refused(str(error)) from None


def _require_ours() -> None:
    """Refuse a database that holds what is not Vestibule's, before anything is written to it."""
    ours = {model._meta.db_table for model in _models()} | {"django_migrations"}
    with connection.cursor() as cursor:
        strangers = sorted({*connection.introspection.table_names(cursor)} - ours)
    if strangers:
        raise Refused(_("The database is not empty: it has a table %s.") % strangers[0])


def _models() -> list[Any]:
    """Return each model with a table of its own, those of many-to-many columns as well."""
    found = apps.get_models(include_auto_created=True)
    return [each for each in found if each._meta.managed and not each._meta.proxy]


# --- The rows -------------------------------------------------------------------------------------


def _copy_all(step: Step) -> None:
    """Copy each table and compare the numbers. PostgreSQL checks the foreign keys at the end, so
    that the order does not matter.
    """
    quoted = {model: connection.ops.quote_name(model._meta.db_table) for model in _models()}
    with connection.cursor() as cursor:
        cursor.execute(f"LOCK TABLE {', '.join(quoted.values())} IN ACCESS EXCLUSIVE MODE")
        _require_empty()
        cursor.execute(f"TRUNCATE {', '.join(quoted.values())}")
        for model in quoted:
            step(model._meta.db_table, _copy(model))
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        for statement in connection.ops.sequence_reset_sql(no_style(), [*quoted]):
            cursor.execute(statement)
    for model in quoted:
        if model._base_manager.count() != model._base_manager.using(EMBEDDED).count():
            raise Refused(_("Not every row of %s has arrived.") % model._meta.db_table)


def _require_empty() -> None:
    """Refuse a database that people have come to."""
    for model in _models():
        rows = model._base_manager.all()
        rows = rows.exclude(slug=Source.LOCAL) if model is Source else rows
        if (model is Source or model not in _MADE) and rows.exists():
            said = _("The database is not empty: there is something in %s.")
            raise Refused(said % model._meta.db_table)


def _copy(model: Any) -> int:
    """Copy one table by COPY. Returns the number of rows. Raises `Refused` for one that does not
    fit, and does not show it.
    """
    fields = model._meta.concrete_fields
    columns = ", ".join(connection.ops.quote_name(each.column) for each in fields)
    into = f"COPY {connection.ops.quote_name(model._meta.db_table)} ({columns}) FROM STDIN"
    rows = model._base_manager.using(EMBEDDED).order_by("pk")
    count = 0
    try:
        own = connection.cursor()
        with connection.wrap_database_errors, own as cursor, cursor.cursor.copy(into) as copy:
            for row in rows.values_list(*(each.attname for each in fields)).iterator(BATCH):
                given = zip(fields, row, strict=True)
                copy.write_row([each.get_db_prep_save(value, connection) for each, value in given])
                count += 1
    except DatabaseError as error:
        table, why = model._meta.db_table, _primary(error)
        raise Refused(_("A row of %(table)s: %(why)s") % {"table": table, "why": why}) from None
    return count


def _primary(error: BaseException) -> str:
    """Return the first sentence of the server, which names a column and no value."""
    told = getattr(error.__cause__ or error, "diag", None)
    if primary := getattr(told, "message_primary", None):
        return str(primary)
    return reasons.of(error) if isinstance(error, OperationalError) else type(error).__name__


# --- The keys -------------------------------------------------------------------------------------


def _require_readable(coming: Mapping[str, str]) -> None:
    """Refuse when something that was moved is sealed by a key that the new site will not have."""
    lost = rotation.needed().keys() - {*key_ids()} - key_file.ids(coming)
    if lost:
        said = _(
            "VESTIBULE_VAULT_KEYS lacks the key %s, which has sealed some of it. Put it in, or "
            "clear away what is lost by rotate_keys --forget-lost before you move."
        )
        raise Refused(said % sorted(lost)[0])


def _used(known: Mapping[str, str]) -> dict[str, str]:
    """Return which of the keys in the file of the former site are needed. Where the environment
    gives a secret key, and none of the vault's in the file has sealed anything, the former site had
    its keys from its environment: the file counted no more.
    """
    sealed = {each for each, counts in rotation.needed().items() if counts}
    vault = [each for each in _vault_of(known) if key_id(each) in sealed]
    if not vault and portal_conf.secret_key_is_given():
        return {}
    return {**known, key_file.VAULT: ",".join(vault)}


def _all_keys(known: Mapping[str, str]) -> dict[str, str]:
    """Return the keys for the new site. Those that the environment gives stay the first, and those
    of the former site count behind them; a secret key that was made here a moment ago is left out.
    """
    own = key_file.current()
    secret, former = known.get(key_file.SECRET) or own[key_file.SECRET], [own[key_file.FALLBACKS]]
    if portal_conf.secret_key_is_given():
        former += [] if secret in portal_conf.secret_keys() else [secret]
        secret = own[key_file.SECRET]
    former.append(known.get(key_file.FALLBACKS, ""))
    both = [conf.vault_keys(), _vault_of(known)]
    first, second = both if portal_conf.vault_keys_are_given() else reversed(both)
    return {
        key_file.SECRET: secret,
        key_file.FALLBACKS: ",".join(dict.fromkeys(filter(None, former))),
        key_file.VAULT: ",".join(dict.fromkeys([*first, *second])),
    }


def _vault_of(known: Mapping[str, str]) -> list[str]:
    return key_file.listed(known.get(key_file.VAULT, ""))
