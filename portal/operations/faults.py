"""What ends a command, in one sentence: trouble that an operator can do something about."""

from traceback import walk_tb

from django.db import (
    DatabaseError,
    InterfaceError,
    InternalError,
    OperationalError,
    ProgrammingError,
    connection,
)
from django.db.migrations.executor import MigrationExecutor
from django.utils.translation import gettext as _
from psycopg import errors

from accounts.cache import reasons
from portal.configuration.streams import Unheard

# What `sentence` may have words for.
TOLD = (
    DatabaseError,
    InterfaceError,
    OSError,
    UnicodeEncodeError,
    EOFError,
    KeyboardInterrupt,
)
_NOT_THERE = (errors.UndefinedTable, errors.UndefinedColumn)
_REFUSED = (errors.InsufficientPrivilege, errors.ReadOnlySqlTransaction)


def sentence(error: BaseException) -> str:
    """Return what an operator is told of `error`; nothing where it is a defect of the command."""
    match error:
        case KeyboardInterrupt():
            return _("Ended by Ctrl-C before all was done. Run it again.")
        case EOFError() if cut := _cut_off(error):
            return _("%s was cut off when a disk was full: delete it, and run this again.") % cut
        case EOFError():
            return _("Standard input has ended, and an answer is needed: run this on a terminal.")
        case UnicodeEncodeError():
            return _unreadable(error)
        case Unheard():
            said = _(
                "What this command prints cannot be written: %s. It has ended there; what it had "
                "done by then stays."
            )
            return said % error.strerror
        case OSError():
            return ": ".join(map(str, filter(None, (error.filename, error.strerror))))
        case DatabaseError() | InterfaceError():
            return _of_database(error)
    return ""


def _cut_off(error: EOFError) -> str:
    """Return the compiled module (`.pyc`) for which Python had too little room, and which it kept
    nevertheless; nothing where it is the input that has ended.
    """
    frames = [frame for frame, _number in walk_tb(error.__traceback__)]
    return str(frames[-1].f_locals.get("bytecode_path") or "") if frames else ""


def _unreadable(error: UnicodeEncodeError) -> str:
    """Tell whoever has typed a word in another encoding than this machine's."""
    if "surrogates" not in error.reason:
        return ""
    word = str(error.object).encode(errors="backslashreplace").decode()
    return _("%s is not UTF-8 text.") % word


def _of_database(error: DatabaseError | InterfaceError) -> str:
    why, cause = reasons.of(error), error.__cause__
    if isinstance(cause, _NOT_THERE) or why.startswith(("no such table", "no such column")):
        return _without_tables()
    if isinstance(cause, _REFUSED):
        return _("The database does not allow this: %s.") % why
    if isinstance(error, ProgrammingError | InternalError) or not _is_the_servers(error):
        return ""
    return _("The database does not answer: %s.") % why


def _is_the_servers(error: DatabaseError | InterfaceError) -> bool:
    """Tell whether it is the server, or the file of the database, and no statement of ours."""
    return isinstance(error, OperationalError | InterfaceError) or type(error) is DatabaseError


def _without_tables() -> str:
    """Say what to do where a table is missing since `migrate` was not run, or elsewhere."""
    try:
        executor = MigrationExecutor(connection)
        waiting = executor.migration_plan(executor.loader.graph.leaf_nodes())
    except DatabaseError as error:
        return _("The database does not answer: %s.") % reasons.of(error)
    finally:
        connection.close()
    if not waiting:
        return ""
    return _(
        "The database lacks tables of this version: run migrate. If this site has people already, "
        "compare DATABASE_URL and VESTIBULE_DATA with those of its workers first."
    )
