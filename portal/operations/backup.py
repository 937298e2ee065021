"""A copy of all that the site holds, taken while it runs, and the way back (docs/moving.md).

SQLite is copied by its own online backup, PostgreSQL by pg_dump: both are of one moment. The keys
come along when that is asked for; without them no copy opens what is sealed.
"""

import json
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import IO, Any

from django.db import DatabaseError, connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts import conf
from accounts.keyring import key_ids
from portal import conf as portal_conf
from portal.operations import (
    archive,
    endings,
    key_file,
    pg_contents,
    pg_programs,
    rotation,
    version,
)
from portal.operations.archive import DATABASE, KEYS, Refused
from portal.operations.doctor import database


def take(file: IO[bytes], *, with_keys: bool) -> None:
    """Write a backup to `file`, the keys in it if `with_keys`. Raises `Refused`."""
    if not _has_tables():
        raise Refused(_("The database has no tables: there is nothing to back up."))
    with _workshop() as folder:
        members = {DATABASE: folder / DATABASE}
        _DUMPS[connection.vendor](folder / DATABASE)
        if with_keys:
            members[KEYS] = folder / KEYS
            members[KEYS].write_text(json.dumps(key_file.current()))
        manifest = {
            "version": version.running(),
            "taken_at": timezone.now().isoformat(timespec="seconds"),
            "database": connection.vendor,
            "site": conf.site_url(),
            "migrations": sorted(".".join(each) for each in _applied()),
            "keys": sorted(key for key, kinds in rotation.needed().items() if kinds),
        }
        archive.write(file, manifest, members)


def restore(
    file: IO[bytes], *, keys_to: Path | None, without_keys: bool, another_site: bool
) -> tuple[dict[str, Any], Path | None]:
    """Restore a backup into the empty database of the settings, and its keys into `VESTIBULE_DATA`,
    or the new file `keys_to` where the environment gives the keys. Returns its manifest, and the
    file in which the keys are kept that were in `VESTIBULE_DATA` before, if there were others.

    Raises `Refused`, and has changed nothing then, for what is damaged, newer than this version, of
    another kind of database, of a site at another address unless `another_site`, or sealed by keys
    that are neither in it nor in the settings unless `without_keys` gives that up. Raises `OSError`
    when the keys or the data cannot be written, and has changed nothing then.
    """
    with _workshop() as folder:
        manifest = archive.read(file, folder)
        _require_known(manifest)
        if not another_site:
            _require_this_site(manifest)
        keys = json.loads((folder / KEYS).read_text()) if (folder / KEYS).exists() else {}
        if without_keys:
            keys = {}
        else:
            _require_keys(manifest, keys, keys_to)
        is_in, require, put = _RESTORES[connection.vendor]
        require(folder / DATABASE)
        with _with_keys(keys, keys_to, is_in) as former:  # first: without them data is of no use
            put(folder / DATABASE)
    return manifest, former


@contextmanager
def _workshop() -> Iterator[Path]:
    """Give a folder that nobody else reads, and that is gone afterwards: beside the data, or where
    temporary files are if nothing can be written there, as in the image.
    """
    data = portal_conf.data_directory()
    beside = data if os.access(data, os.W_OK) else None
    with ExitStack() as at_end:
        with endings.put_off():
            folder = Path(tempfile.mkdtemp(prefix="backup-", dir=beside))
            at_end.callback(shutil.rmtree, folder)
            at_end.callback(os.umask, os.umask(0o077))
        yield folder


def _tables() -> list[str]:
    with connection.cursor() as cursor:
        return sorted(connection.introspection.table_names(cursor))


def _has_tables() -> bool:
    """Tell whether the data is in, or may be: the answer to a commit can be lost."""
    try:
        return bool(_tables())
    except DatabaseError:
        return True


def _applied() -> set[tuple[str, str]]:
    return {*MigrationRecorder(connection).applied_migrations()}


def _require_known(manifest: Mapping[str, Any]) -> None:
    loader = MigrationLoader(None)
    known = {".".join(each) for each in loader.disk_migrations}
    strange = sorted({*manifest["migrations"]} - known)
    if strange:
        said = _("The archive was written by a newer version, %(version)s: it has %(strange)s.")
        raise Refused(said % {"version": manifest["version"], "strange": strange[0]})
    if manifest["database"] != connection.vendor:
        said = _("The archive is of %(kind)s, and DATABASE_URL names another kind of database.")
        raise Refused(said % {"kind": manifest["database"]})


def _require_this_site(manifest: Mapping[str, Any]) -> None:
    theirs, ours = manifest.get("site"), conf.site_url()
    if theirs and theirs != ours:
        said = _(
            "The archive is of %(theirs)s, and this site is %(ours)s. Set VESTIBULE_SITE_URL if "
            "it is to be that one; give --another-site if it is to hold what the other held."
        )
        raise Refused(said % {"theirs": theirs, "ours": ours})


# --- SQLite ---------------------------------------------------------------------------------------


def _copy_sqlite(to: Path) -> None:
    """Copy the file as it is at one moment. Whoever writes meanwhile waits for nothing."""
    name = str(connection.settings_dict["NAME"])
    try:
        with closing(sqlite3.connect(name)) as source, closing(sqlite3.connect(to)) as copy:
            source.backup(copy)
            copy.execute("PRAGMA journal_mode=DELETE")  # all of it in the one file
    except sqlite3.Error as error:  # such as a disk that is full
        raise Refused(_("The database cannot be copied: %s.") % error) from None


def _has_sqlite() -> bool:
    name = Path(connection.settings_dict["NAME"])
    beside = [name, *(Path(f"{name}-{end}") for end in ("wal", "journal"))]
    return any(each.exists() and each.stat().st_size for each in beside)


def _require_no_sqlite(copy: Path) -> None:
    if _has_sqlite():
        name = connection.settings_dict["NAME"]
        raise Refused(_("There is a database already, %s: move it away first.") % name)
    try:
        with closing(sqlite3.connect(copy)) as own:
            (word,) = own.execute("PRAGMA integrity_check").fetchone()
    except sqlite3.DatabaseError:
        word = ""
    if word != "ok":
        raise Refused(_("The archive is damaged: its database is not whole."))


def _put_sqlite(copy: Path) -> None:
    connection.close()
    name = Path(connection.settings_dict["NAME"])
    draft = name.with_name(f"{name.name}.{os.getpid()}")
    try:
        shutil.move(copy, draft)  # perhaps to another file system, which may be full
        draft.replace(name)
    finally:
        draft.unlink(missing_ok=True)


# --- PostgreSQL -----------------------------------------------------------------------------------


# What a database's owner could not make again: only a superuser may.
_OURS = ("--no-owner", "--no-privileges", "--no-publications", "--no-subscriptions")
# Other extensions are as well. `plpgsql` is in every database and in no dump: where
# none of those named is found pg_dump refuses. Large objects stay out so, and there are none here.
_EXTENSIONS = ("--extension=pg_trgm", "--extension=plpgsql")


def _dump_postgres(to: Path) -> None:
    words = ("--format=custom", *_OURS, *_EXTENSIONS)
    pg_programs.run(connection, "pg_dump", *words, f"--file={to}")


def _require_no_tables(dump: Path) -> None:
    if names := _tables():
        raise Refused(_("The database is not empty: it has a table %s.") % names[0])
    if not (every_letter := database.encoding()).ok:
        raise Refused(every_letter.message)


def _load_postgres(dump: Path) -> None:
    # A comment of an extension that somebody else made is only its owner's to write.
    own = (*_OURS, "--no-comments", "--exit-on-error", "--single-transaction")
    pg_contents.load(connection, dump, *own)


_DUMPS = {"sqlite": _copy_sqlite, "postgresql": _dump_postgres}
# Whether there is a database, what refuses then, and what puts the archive's there.
_RESTORES = {
    "sqlite": (_has_sqlite, _require_no_sqlite, _put_sqlite),
    "postgresql": (_has_tables, _require_no_tables, _load_postgres),
}


# --- Keys -----------------------------------------------------------------------------------------


def _require_keys(manifest: Mapping[str, Any], keys: Mapping[str, str], to: Path | None) -> None:
    lost = {*manifest["keys"]} - key_file.ids(keys) - {*key_ids()}
    if lost:
        said = _(
            "The archive has no keys, and VESTIBULE_VAULT_KEYS lacks the key %s, which has sealed "
            "some of it. Set it; or give --without-keys: everybody is signed out, and the secrets "
            "of sources are lost."
        )
        raise Refused(said % sorted(lost)[0])
    if to is not None:
        key_file.require_new(to)
    elif keys and key_file.missing(keys) and not key_file.are_used():
        said = _("The environment gives other keys. Give --env FILE to have those written there.")
        raise Refused(said)


@contextmanager
def _with_keys(
    keys: Mapping[str, str], to: Path | None, is_in: Callable[[], bool]
) -> Iterator[Path | None]:
    """Write the keys for the block: for the environment, or where a site finds them that was given
    none. They go when it fails, unless the data `is_in`. Yields where the former are kept.
    """
    if keys and to is not None:
        with key_file.environment(to, keys, is_in):
            yield None
    elif keys and key_file.are_used():
        with key_file.put(Path(portal_conf.data_directory()), keys, is_in) as former:
            yield former
    else:
        yield None
