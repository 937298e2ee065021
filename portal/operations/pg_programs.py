"""PostgreSQL's own programs, run with all that the site's address of the database says."""

import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from django.utils.translation import gettext as _
from psycopg.conninfo import make_conninfo
from psycopg.pq import Conninfo

from portal.operations.archive import Refused

# What else libpq reads: a home, for its files there, and its own variables.
_PASSED_ON = ("HOME", "PG", "KRB5")
_SERVICE = "vestibule"


def run(asked: Any, program: str, *args: str) -> None:
    """Run a program on the database of the connection `asked`. Raises `Refused` with what it says.

    It connects as the workers do (docs/configuration.md). No secret of the address stands in the
    list of processes: the password is in the environment, the others in a file without a name.
    """
    path = shutil.which(program)
    if path is None:
        said = _("%s is missing: install PostgreSQL's client, of the server's version or newer.")
        raise Refused(said % program)
    open_words, secrets = _parameters(asked.get_connection_params())
    told = {name: value for name, value in os.environ.items() if name.startswith(_PASSED_ON)}
    if password := secrets.pop("password", ""):
        told["PGPASSWORD"] = password
    if host := open_words.get("host"):
        told["PGHOST"] = host  # Debian's wrapper takes the newest version then
    with _service_file(secrets) as (named, files):
        done = subprocess.run(  # noqa: S603  # a program of a name that is fixed
            [path, f"--dbname={make_conninfo(**open_words)}", *args],
            env={**told, **named, "LC_ALL": "C.UTF-8"},
            pass_fds=files,
            capture_output=True,
            text=True,
            check=False,
        )
    if done.returncode:
        raise Refused(f"{program}: {done.stderr.strip().splitlines()[0] if done.stderr else ''}")


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
