"""A PostgreSQL primary and its streaming standby, which takes over when it is told to.

A commit is acknowledged once the standby has it (`synchronous_standby_names`), as whoever wants to
lose nothing sets it up (docs/city.md).
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import psycopg

from tests.peers.certificates import Certificates, make_certificates
from tests.peers.services import Postgres

BIN = sorted(Path("/usr/lib/postgresql").glob("*/bin"))[-1]


class Server(Postgres):
    """A PostgreSQL that may follow another."""

    def script(self) -> tuple[str, dict[str, str]]:
        name, variables = super().script()
        return name, {**variables, "PG_SYNCHRONOUS": "on"}

    def say(self, *statements: str) -> list[tuple[object, ...]]:
        """Run statements, each on its own, and return the rows of the last."""
        with psycopg.connect(self.url, autocommit=True, connect_timeout=5) as own:
            for each in statements[:-1]:
                own.execute(each)
            done = own.execute(statements[-1])
            return done.fetchall() if done.description else []

    def follow(self, primary: Server) -> None:
        """Start as a standby of `primary`, with a copy of its data."""
        as_postgres = [] if os.getuid() else ["setpriv", "--reuid=postgres", "--regid=postgres"]
        as_postgres += [] if os.getuid() else ["--init-groups"]
        if not os.getuid():
            shutil.chown(self.folder, "postgres", "postgres")
        at = urlsplit(primary.url)
        subprocess.run(
            [
                *as_postgres, str(BIN / "pg_basebackup"), "--pgdata", str(self.folder / "data"),
                "--write-recovery-conf", "--checkpoint=fast", "--no-sync",
                "--host", "127.0.0.1", "--port", str(at.port), "--username", "vestibule",
            ],
            env={**os.environ, "PGPASSWORD": "vestibule"},
            cwd=self.folder,
            check=True,
            capture_output=True,
        )  # fmt: skip
        self.start()
        primary.say("ALTER SYSTEM SET synchronous_standby_names = '*'", "SELECT pg_reload_conf()")

    def promote(self) -> None:
        """Take over. It waits for nobody from then on."""
        self.say(
            "SELECT pg_promote(true, 60)",
            "ALTER SYSTEM RESET synchronous_standby_names",
            "SELECT pg_reload_conf()",
        )

    def encrypt(self) -> Certificates:
        """Speak TLS from the next connection on, and return the authority to trust."""
        files = make_certificates(self.folder, ("localhost",))
        for name, file in (("server.crt", files.certificate), ("server.key", files.key)):
            copy = shutil.copy(file, self.folder / "data" / name)
            os.chmod(copy, 0o600)
            if not os.getuid():
                shutil.chown(copy, "postgres", "postgres")
        self.folder.chmod(0o755)
        self.say("ALTER SYSTEM SET ssl = on", "SELECT pg_reload_conf()")
        return files


@contextlib.contextmanager
def primary_and_standby() -> Iterator[tuple[Server, Server]]:
    """Give both, the second a standby of the first."""
    primary, standby = Server(), Server()
    try:
        primary.start()
        standby.follow(primary)
        yield primary, standby
    finally:
        for each in (standby, primary):  # nobody reads what they keep
            if each.process is not None:
                each.kill()
            shutil.rmtree(each.folder)


def address(*servers: Server, host: str = "127.0.0.1") -> str:
    """Return the `DATABASE_URL` that names so many servers."""
    hosts = ",".join(f"{host}:{each.port}" for each in servers)
    return f"postgres://vestibule:vestibule@{hosts}/vestibule"
