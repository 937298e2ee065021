"""pg_dump and pg_restore connect by all that the address of the database says, as workers do."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import urlsplit

import psycopg
import pytest
from cryptography.hazmat.primitives import serialization
from django.db.utils import ConnectionHandler

from portal.configuration import stores
from portal.operations import endings, pg_contents, pg_programs
from portal.operations.archive import Refused
from tests.peers.certificates import Certificates
from tests.peers.database import fresh_database
from tests.peers.replicated import Server
from tests.peers.site import ROOT, environment

WHOLE = ("--format=custom", "--no-owner", "--extension=pg_trgm", "--extension=plpgsql")
PHRASE, PASSWORD = "a phrase of the key", "vestibule"


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with Server().running() as own:
        own.say("CREATE TABLE kept AS SELECT 1 AS number")
        yield own


@pytest.fixture(scope="module")
def files(server: Server) -> Certificates:
    """TLS, and a key of the site's own that a phrase locks."""
    found = server.encrypt()
    key = serialization.load_pem_private_key(found.key.read_bytes(), None)
    found.key.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(PHRASE.encode()),
        )
    )
    found.key.chmod(0o600)
    return found


@pytest.fixture
def looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Let the programs write down their words and variables, and go on."""
    seen = tmp_path / "seen"
    for name in ("pg_dump", "pg_restore"):
        own = tmp_path / "bin" / name
        own.parent.mkdir(exist_ok=True)
        own.write_text(
            f'#!/bin/sh\nprintf "%s\\n" "$@" >> {seen}\nexec {shutil.which(name)} "$@"\n'
        )
        own.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"), prepend=":")
    return seen


@contextmanager
def connected(url: str, blocker: Any) -> Iterator[Any]:
    found = stores.postgres(stores.address(url), connect=5, statement=30, lock=5)
    own = ConnectionHandler({"default": found})["default"]
    with blocker.unblock():
        try:
            yield own
        finally:
            own.close()


def copied(url: str, to: Path, blocker: Any) -> str:
    """Copy a table as a backup copies all, after the workers' way of connecting has worked."""
    with connected(url, blocker) as own:
        with own.cursor() as cursor:
            cursor.execute("SELECT number FROM kept")
        pg_programs.run(own, "pg_dump", "--table=kept", f"--file={to}")
    return to.read_text()


def test_the_password_may_stand_in_a_file(
    server: Server, tmp_path: Path, django_db_blocker: Any
) -> None:
    passes = tmp_path / "passes"
    passes.write_text(f"*:*:*:*:{PASSWORD}\n")
    passes.chmod(0o600)
    url = f"postgres://vestibule@127.0.0.1:{server.port}/vestibule?passfile={passes}"
    assert "TABLE public.kept" in copied(url, tmp_path / "dump", django_db_blocker)


def test_a_service_is_found_where_the_workers_find_it(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, django_db_blocker: Any
) -> None:
    service = tmp_path / "services"
    service.write_text(
        f"[house]\nhost=127.0.0.1\nport={server.port}\ndbname=vestibule\n"
        f"user=vestibule\npassword={PASSWORD}\n"
    )
    monkeypatch.setenv("PGSERVICEFILE", str(service))
    assert "TABLE public.kept" in copied(
        "postgres:///?service=house", tmp_path / "dump", django_db_blocker
    )


def test_a_key_that_a_phrase_locks_is_opened_and_no_secret_is_in_the_list_of_processes(
    server: Server,
    files: Certificates,
    looked_at: Path,
    tmp_path: Path,
    django_db_blocker: Any,
) -> None:
    """`hostaddr` says where, and the name is what the certificate proves."""
    words = (
        f"hostaddr=127.0.0.1&sslmode=verify-full&sslrootcert={files.authority}"
        f"&sslcert={files.certificate}&sslkey={files.key}&sslpassword={PHRASE.replace(' ', '%20')}"
    )
    at = f"vestibule:{PASSWORD}@localhost:{urlsplit(server.url).port}/vestibule"
    url = f"postgres://{at}?{words}"
    assert "TABLE public.kept" in copied(url, tmp_path / "dump", django_db_blocker)
    told = looked_at.read_text()
    assert "hostaddr=127.0.0.1" in told
    assert PHRASE not in told
    assert "password=" not in told
    with connected(url.replace("a%20phrase", "no%20phrase"), django_db_blocker) as own:
        with pytest.raises(Refused) as refused:
            pg_programs.run(own, "pg_dump", "--table=kept", f"--file={tmp_path / 'none'}")
        assert "no phrase" not in str(refused.value)


def test_what_is_restored_comes_by_the_same_way(
    server: Server, tmp_path: Path, django_db_blocker: Any
) -> None:
    dump = tmp_path / "dump"
    with connected(server.url, django_db_blocker) as own:
        pg_programs.run(own, "pg_dump", "--format=custom", "--table=kept", f"--file={dump}")
        server.say("DROP TABLE kept")
        pg_programs.restore(own, str(dump), "--no-owner")
    assert server.say("SELECT number FROM kept") == [(1,)]


NEWER = """#!/bin/sh
case "$*" in
--version) echo "pg_restore (PostgreSQL) 17.6 (Debian 17.6-0+deb13u1)" ;;
*--file=-*) {own} "$@" | sed "0,/^SET lock_timeout = 0;/s//&\\n{line}/" | head -n "$PGLINES"
    exit "$PGSTATUS" ;;
*) echo 'unrecognized configuration parameter "transaction_timeout"' >&2; exit 1 ;;
esac
"""


def test_a_newer_client_restores_to_an_older_server(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, django_db_blocker: Any
) -> None:
    """It sets `transaction_timeout`, which a server knows since 17: whoever has that line as the
    text of a row keeps it.
    """
    line, dump = "SET transaction_timeout = 0;", str(tmp_path / "dump")
    server.say("CREATE TABLE said (said text)", f"INSERT INTO said VALUES ('{line}'), ('x')")
    newer = tmp_path / "bin" / "pg_restore"
    newer.parent.mkdir()
    newer.write_text(NEWER.format(own=shutil.which("pg_restore"), line=line))
    newer.chmod(0o755)
    monkeypatch.setenv("PATH", str(newer.parent), prepend=":")
    with connected(server.url, django_db_blocker) as own:
        pg_programs.run(own, "pg_dump", "--format=custom", "--table=said", f"--file={dump}")
        server.say("DROP TABLE said")

        def restored(lines: int, status: int) -> list[tuple[object, ...]]:
            monkeypatch.setenv("PGLINES", str(lines))
            monkeypatch.setenv("PGSTATUS", str(status))
            pg_programs.restore(own, dump, "--single-transaction")
            return server.say("SELECT said FROM said")

        with pytest.raises(Refused, match="pg_restore: "):  # it breaks off amid the rows
            restored(lines=42, status=1)
        assert restored(lines=9999, status=0) == [(line,), ("x",)]
        with pytest.raises(Refused, match='relation "said" already exists'):
            restored(lines=9999, status=0)


PEOPLE = "CREATE TABLE accounts_user (username text, name text, email text)"
TABLE = ["accounts_user"]
IN_EXT = "CREATE SCHEMA ext; CREATE EXTENSION pg_trgm SCHEMA ext"
SEARCHED = "ALTER DATABASE {} SET search_path = public, ext"
INDEX = "CREATE INDEX person_found ON accounts_user USING gin (name {}.gin_trgm_ops)"


@pytest.mark.parametrize(
    ("former", "new", "is_built"),
    [
        ([IN_EXT, PEOPLE], [IN_EXT], False),
        (["CREATE EXTENSION pg_trgm", PEOPLE, INDEX.format("public")], [IN_EXT], False),
        (["CREATE EXTENSION pg_trgm", PEOPLE, INDEX.format("public")], [IN_EXT, SEARCHED], True),
        ([IN_EXT, PEOPLE, INDEX.format("ext")], ["CREATE EXTENSION pg_trgm"], True),
        ([IN_EXT, PEOPLE, INDEX.format("ext")], ["CREATE SCHEMA ext"], True),
    ],
)
def test_what_a_superuser_made_beforehand_stays(
    server: Server,
    tmp_path: Path,
    django_db_blocker: Any,
    former: list[str],
    new: list[str],
    is_built: bool,
) -> None:
    """docs/scale.md 2: trigrams may stand in a schema of their own, at either place."""
    dump = tmp_path / "database"
    with fresh_database(server.url) as one, fresh_database(server.url) as other:
        for url, made in ((one, former), (other, new)):
            with psycopg.connect(url, autocommit=True) as superuser:
                for each in made:
                    superuser.execute(each.format(urlsplit(url).path[1:]))
        with connected(one, django_db_blocker) as own:
            pg_programs.run(own, "pg_dump", *WHOLE, f"--file={dump}")
        with connected(other, django_db_blocker) as own:
            pg_contents.load(own, dump, "--no-owner", "--exit-on-error", "--single-transaction")
            with own.cursor() as cursor:
                cursor.execute(
                    "SELECT indisvalid FROM pg_index WHERE indrelid = 'accounts_user'::regclass"
                )
                assert cursor.fetchall() == [(True,)] * is_built


class AskedToEnd(subprocess.Popen[bytes]):
    """A program that is started just when somebody asks for the end."""

    begun: ClassVar[list[subprocess.Popen[bytes]]] = []

    def __init__(self, *args: Any, **how: Any) -> None:
        super().__init__(*args, **how)
        self.begun.append(self)
        os.kill(os.getpid(), signal.SIGTERM)


def test_no_program_outlives_an_end_that_is_asked_for_as_it_starts(
    server: Server, monkeypatch: pytest.MonkeyPatch, django_db_blocker: Any
) -> None:
    monkeypatch.setattr(subprocess, "Popen", AskedToEnd)
    with (
        connected(server.url, django_db_blocker) as own,
        pytest.raises(SystemExit),
        endings.in_order(),
    ):
        pg_programs.run(own, "psql", "--command=SELECT pg_sleep(60)")
    (program,) = AskedToEnd.begun
    assert program.returncode == -signal.SIGKILL


@pytest.mark.parametrize(
    "words",
    [["backup", "--keys", "target"], pytest.param(["restore", "-"], marks=pytest.mark.soak)],
)
def test_who_is_asked_to_end_leaves_nothing_in_clear(
    words: list[str], server: Server, tmp_path: Path
) -> None:
    """As a job in a cluster that is drained, or a unit that is stopped, while the dump is made."""
    data, pid = tmp_path / "data", tmp_path / "pid"
    data.mkdir()
    slow = tmp_path / "pg_dump"
    slow.write_text(f"#!/bin/sh\necho $$ > {pid}.new && mv {pid}.new {pid} && exec sleep 60\n")
    slow.chmod(0o755)
    env = environment({"VESTIBULE_DATA": str(data), "DATABASE_URL": server.url})
    with subprocess.Popen(
        [sys.executable, str(ROOT / "manage.py"), *words],
        cwd=tmp_path,
        env={**env, "PATH": f"{tmp_path}:{env['PATH']}"},
        stdin=subprocess.PIPE,
    ) as process:
        while not [*data.glob("backup-*")] or (words[0] == "backup" and not pid.exists()):
            assert process.poll() is None
            time.sleep(0.05)
        process.terminate()
        assert process.wait(30) == 143
    assert not [*data.glob("backup-*")]
    assert not (tmp_path / "target").exists()
    assert not pid.exists() or not Path("/proc", pid.read_text().strip()).exists()
