"""PostgreSQL's own programs, run with all that the site's address of the database says."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from tempfile import TemporaryFile
from typing import IO, Any

from django.utils.translation import gettext as _
from psycopg.conninfo import make_conninfo
from psycopg.pq import Conninfo

from portal.operations import endings
from portal.operations.archive import Refused

# What else libpq reads: a home, for its files there, and its own variables.
_PASSED_ON = ("HOME", "PG", "KRB5")
_SERVICE = "vestibule"
# What pg_restore sets since this version, and what else may stand before it in a script.
_KNOWN_SINCE, _UNKNOWN = 17, b"SET transaction_timeout = 0;\n"
_AT_FIRST = (b"--", b"\\restrict ", b"BEGIN;", b"SET ", b"\n")


def run(asked: Any, program: str, *args: str) -> str:
    """Run a program on the database of the connection `asked`, and return what it writes. Raises
    `Refused` with what it says.

    It connects as the workers do (docs/configuration.md). No secret of the address stands in the
    list of processes: the password is in the environment, the others in a file without a name.
    """
    path = _found(program)
    with _way_to(asked) as (named, how):
        status, written, said = _done([path, named, *args], **how)
    _require(program, status, said)
    return written.decode()


def restore(asked: Any, dump: str, *args: str) -> None:
    """Run pg_restore on `dump`. One of 17 or newer sets what a server before 17 does not know: then
    psql is fed with what it would do but for that. Raises `Refused` with what they say.
    """
    path = _found("pg_restore")
    with _way_to(asked) as (_named, how):
        _status, version, _said = _done([path, "--version"], **how)
    found = re.search(rb"\) (\d+)", version)
    if asked.pg_version >= _KNOWN_SINCE * 10_000 or not found or int(found[1]) < _KNOWN_SINCE:
        run(asked, "pg_restore", *args, dump)
    else:
        _feed(asked, [path, *args, "--file=-", dump])


def _feed(asked: Any, words: list[str]) -> None:
    """Have psql do what another program writes. That begins a transaction and commits it, so that
    nothing is done of a script that breaks off.
    """
    psql = [_found("psql"), "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1"]
    with (
        _way_to(asked) as (named, how),
        TemporaryFile() as said,
        TemporaryFile() as answered,
        _started(words, **how, stdout=subprocess.PIPE, stderr=said) as script,
        _started(
            [*psql, named],
            **how,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=answered,
        ) as own,
    ):
        with suppress(BrokenPipeError):  # psql has ended, and says why
            _copy_known(script.stdout, own.stdin)
        _close(own)
        script.stdout.close()  # whose program may not have ended
        for name, child, file in (("psql", own, answered), ("pg_restore", script, said)):
            status = child.wait()
            file.seek(0)
            _require(name, status, file.read())


def _copy_known(script: IO[bytes], to: IO[bytes]) -> None:
    """Copy a script but for the one line, which stands among its first settings. In what follows,
    the rows of tables, it would be somebody's own.
    """
    for line in script:
        if line != _UNKNOWN:
            to.write(line)
        if not line.startswith(_AT_FIRST):
            break
    shutil.copyfileobj(script, to)


def _done(words: list[str], **how: Any) -> tuple[int, bytes, bytes]:
    """Run a program to its end. Returns its status, what it wrote and what it said."""
    with _started(words, **how, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as child:
        written, said = child.communicate()
    return child.returncode, written, said


@contextmanager
def _started(words: list[str], **how: Any) -> Iterator[Any]:
    """Start a program for the block, which it does not outlive."""
    with ExitStack() as at_end:
        with endings.put_off():
            child = at_end.enter_context(subprocess.Popen(words, **how))  # noqa: S603
            at_end.callback(_close, child)
            at_end.callback(child.kill)
        yield child


def _close(child: Any) -> None:
    """End what a program is fed with, whether or not it reads on."""
    with suppress(BrokenPipeError):
        if child.stdin:
            child.stdin.close()


def _found(program: str) -> str:
    path = shutil.which(program)
    if path is None:
        said = _("%s is missing: install PostgreSQL's client, of the server's version or newer.")
        raise Refused(said % program)
    return path


def _require(program: str, status: int, said: bytes) -> None:
    if status:
        lines = said.decode(errors="replace").strip().splitlines()
        raise Refused(f"{program}: {lines[0] if lines else ''}")


@contextmanager
def _way_to(asked: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """Give the word that names the database, and how a program is started that finds the rest."""
    open_words, secrets = _parameters(asked.get_connection_params())
    told = {name: value for name, value in os.environ.items() if name.startswith(_PASSED_ON)}
    if password := secrets.pop("password", ""):
        told["PGPASSWORD"] = password
    if host := open_words.get("host"):
        told["PGHOST"] = host  # Debian's wrapper takes the newest version then
    with _service_file(secrets) as (named, files):
        env = {**told, **named, "LC_ALL": "C.UTF-8"}
        yield f"--dbname={make_conninfo(**open_words)}", {"env": env, "pass_fds": files}


def _parameters(params: Mapping[str, Any]) -> tuple[dict[str, str], dict[str, str]]:
    """Return what libpq reads of the parameters of a connection; its secrets for themselves."""
    open_words: dict[str, str] = {}
    secrets: dict[str, str] = {}
    for each in Conninfo.get_defaults():
        name = each.keyword.decode()
        if params.get(name) not in (None, ""):
            is_secret = each.dispchar == b"*"  # libpq's own mark (PQconninfoOption)
            (secrets if is_secret else open_words)[name] = str(params[name])
    return open_words, secrets


def left_out(service: str) -> dict[str, str]:
    """Return what libpq takes for what an address leaves out: of its service, then of `PG...`."""
    known = {name: value for name, value in os.environ.items() if name == "PGSERVICE"}
    os.environ |= {"PGSERVICE": service} if service else {}
    try:
        found = Conninfo.get_defaults()
    finally:
        os.environ.pop("PGSERVICE", None)
        os.environ |= known
    return {each.keyword.decode(): each.val.decode() for each in found if each.val}


@contextmanager
def _service_file(secrets: Mapping[str, str]) -> Iterator[tuple[dict[str, str], tuple[int, ...]]]:
    """Give the variables and the open file by which libpq finds these, if there are any; they have
    no variable of their own, such as `sslpassword`. An address that names a service has that one.
    """
    if not secrets:
        yield {}, ()
        return
    lines = [f"[{_SERVICE}]", *(f"{name}={value}" for name, value in secrets.items()), ""]
    file = os.memfd_create(_SERVICE)
    try:
        os.write(file, "\n".join(lines).encode())
        yield {"PGSERVICEFILE": f"/proc/self/fd/{file}", "PGSERVICE": _SERVICE}, (file,)
    finally:
        os.close(file)
