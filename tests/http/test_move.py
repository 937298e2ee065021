"""docs/moving.md: an embedded site moves to PostgreSQL and Redis, and who is signed in stays so."""

from __future__ import annotations

import json
import re
import secrets
import select
import socket
import stat
import threading
from base64 import b64encode
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest

from tests.conftest import ARGON2_KIB
from tests.peers import database
from tests.peers.commands import manage
from tests.peers.household import Household
from tests.peers.second_provider import second_provider
from tests.peers.services import Postgres, Redis
from tests.peers.site import Site, environment, free_port


@pytest.fixture(scope="module")
def services() -> Iterator[dict[str, str]]:
    with Postgres().running() as postgres, Redis().running() as redis:
        yield {"DATABASE_URL": postgres.url, "REDIS_URL": redis.url}


def embedded(data: Path, migrated_file: str) -> Site:
    """Return an embedded site that is not started yet."""
    data.mkdir()
    database.copied(migrated_file, data)
    url = f"http://localhost:{free_port()}"
    known = {
        "VESTIBULE_DATA": str(data),
        "VESTIBULE_SITE_URL": url,
        "VESTIBULE_ARGON2_MEMORY_KIB": str(ARGON2_KIB),
        "VESTIBULE_THREADS": "8",
        "VESTIBULE_HTTP_PLAIN": "1",
    }
    return Site(url, environment(known), workers=1, threads=8, log=data.parent / "output")


def counted(url: str) -> dict[str, int]:
    with psycopg.connect(url) as own:
        names = own.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        return {
            name: own.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0]  # type: ignore[index]
            for (name,) in names.fetchall()
        }


def refused(site: Site, *args: str, **variables: str) -> str:
    done = manage(["move_from", *args], {**site.env, **variables})
    assert done.returncode == 1, done.stdout
    assert "Traceback" not in done.stderr
    assert "Nothing was changed." in done.stderr
    return done.stderr


def test_a_site_moves_and_everybody_stays_signed_in(
    services: dict[str, str], migrated_file: str, tmp_path: Path
) -> None:
    former, new, keys = tmp_path / "former", tmp_path / "new", tmp_path / "keys.env"
    with ExitStack() as stack:
        site = embedded(former, migrated_file)
        stack.callback(site.stop)
        site.start()
        house = Household(site)
        house.moves_in(stack.enter_context(second_provider()).issuer)
        assert house.lost() == []
        house.begins_again()
        city = {**services, "VESTIBULE_DATA": str(new)}
        assert "still runs" in refused(site, str(former), "--env", str(keys), **city)
        site.stop()

        assert "names no PostgreSQL" in refused(site, str(former))
        silent = {**city, "DATABASE_URL": f"postgres://a:b@127.0.0.1:{free_port()}/c"}
        said = refused(site, str(former), "--env", str(keys), **silent)
        assert "The database does not answer" in said
        assert "no embedded site" in refused(site, str(new), **city)
        assert "lacks the key" in refused(site, str(former), **city)
        assert not keys.exists()
        keys.symlink_to(tmp_path / "nowhere" / "keys.env")  # looks new, and takes nothing
        assert str(keys) in refused(site, str(former), "--env", str(keys), **city)
        assert counted(services["DATABASE_URL"])["accounts_user"] == 0
        keys.unlink()
        site.env = {**site.env, **city}
        said = site.manage("move_from", str(former), "--env", str(keys))
        assert re.search(r"accounts_user +3\n", said)
        assert re.search(r"authorization_server_client +\d", said)
        assert stat.S_IMODE(keys.stat().st_mode) == 0o600
        given = dict(line.split("=", 1) for line in keys.read_text().split())
        made = json.loads((former / "keys.json").read_text())
        assert given["VESTIBULE_SECRET_KEY"] == made["secret_key"]
        assert not any(secret in said for secret in made.values())

        site.env, site.workers = {**site.env, **given, "VESTIBULE_WORKERS": "2"}, 2
        site.start()
        assert house.lost() == []
        house.begins_again()
        assert house.lost() == []  # new rows have ids of their own
        assert "Traceback" not in site.output()
        site.stop()

        before = counted(services["DATABASE_URL"])
        assert "not empty" in refused(site, str(former), **given)
        assert counted(services["DATABASE_URL"]) == before


@pytest.mark.parametrize("encoding", ["LATIN1", "SQL_ASCII"])
def test_a_database_that_does_not_keep_every_letter_is_found_before_anybody_moves(
    services: dict[str, str], migrated_file: str, tmp_path: Path, encoding: str
) -> None:
    """What `createdb` makes on a server that was set up without a language."""
    site = embedded(tmp_path / "former", migrated_file)
    with database.fresh_database(services["DATABASE_URL"], encoding=encoding) as url:
        city = {**services, "DATABASE_URL": url, "VESTIBULE_DATA": str(tmp_path / "new")}
        keys = ("--env", str(tmp_path / "keys.env"))
        assert encoding in refused(site, str(tmp_path / "former"), *keys, **city)
        assert counted(url) == {}
        done = manage(["doctor", "database"], {**site.env, **city})
        assert f"encoding of the database is {encoding}" in done.stdout
        assert "ENCODING 'UTF8'" in done.stdout


def test_who_may_make_no_tables_is_told_so(
    services: dict[str, str], migrated_file: str, tmp_path: Path
) -> None:
    """PostgreSQL 15 and newer: GRANT ALL ON DATABASE gives nobody its schema `public`."""
    site = embedded(tmp_path / "former", migrated_file)
    with (
        database.fresh_database(services["DATABASE_URL"]) as url,
        psycopg.connect(url, autocommit=True) as own,
    ):
        own.execute("CREATE ROLE town LOGIN PASSWORD 'town'")
        try:
            theirs = url.replace("vestibule:vestibule@", "town:town@")
            city = {**site.env, **services, "DATABASE_URL": theirs}
            done = manage(["migrate"], city)
            assert done.returncode == 1
            assert "Traceback" not in done.stderr
            assert "OWNER TO" in done.stderr
            keys = ("--env", str(tmp_path / "keys.env"))
            assert "OWNER TO" in refused(site, str(tmp_path / "former"), *keys, **city)
        finally:
            own.execute("DROP ROLE town")


SIGNS_IN = """
from django.test import Client
from accounts.models import User
User.objects.create_user("alice", "correct horse battery staple").give_local_identity()
alice = Client(SERVER_NAME="localhost")
form = {"username": "alice", "password": "correct horse battery staple"}
alice.post("/auth/login/local", form)
print(alice.cookies["vestibule"].value)
"""
IS_IN = """
from django.test import Client
alice = Client(SERVER_NAME="localhost")
alice.cookies["vestibule"] = %r
print(alice.get("/auth/session").json()["isLoggedIn"])
"""


@pytest.mark.soak
def test_keys_that_were_rotated_by_variables_stay_the_first(
    services: dict[str, str], migrated_file: str, tmp_path: Path
) -> None:
    """docs/operations.md 5, then docs/moving.md 1: the file of the first keys counts no more."""
    former, keys = tmp_path / "former", tmp_path / "keys.env"
    site = embedded(former, migrated_file)
    cookie = site.manage("shell", "--verbosity=0", stdin=SIGNS_IN).split()[-1]
    made = json.loads((former / "keys.json").read_text())
    secret, vault = secrets.token_urlsafe(50), b64encode(secrets.token_bytes(32)).decode()
    rotated = {
        "VESTIBULE_SECRET_KEY": secret,
        "VESTIBULE_SECRET_KEY_FALLBACKS": made["secret_key"],
        "VESTIBULE_VAULT_KEYS": f"{vault},{made['vault_key']}",
    }
    site.env = {**site.env, **rotated}
    with database.fresh_database(services["DATABASE_URL"]) as url:
        over = {"DATABASE_URL": url, "VESTIBULE_SECRET_KEY_FALLBACKS": ""}
        unturned = refused(site, str(former), **over)
        assert "VESTIBULE_SECRET_KEY lacks the key of the former site" in unturned
        site.manage("rotate_keys")
        over["VESTIBULE_VAULT_KEYS"] = vault
        with database.fresh_database(url, url.rpartition("/")[2]) as without:
            done = manage(["move_from", str(former)], {**site.env, **over, "DATABASE_URL": without})
            assert done.returncode == 0, done.stderr
        site.env = {**site.env, **over}
        site.manage("move_from", str(former), "--env", str(keys))
        given = dict(line.split("=", 1) for line in keys.read_text().split())
        assert given == rotated
        site.env = {**site.env, **given, "VESTIBULE_DATA": str(tmp_path / "new")}
        said = site.manage("shell", "--verbosity=0", stdin=IS_IN % cookie)
        assert said.split()[-1] == "True"


@pytest.mark.soak
def test_a_row_that_does_not_fit_leaves_the_database_as_it_was(
    services: dict[str, str], migrated_file: str, tmp_path: Path
) -> None:
    former = tmp_path / "former"
    site = embedded(former, migrated_file)
    name = "a" * 400
    site.manage("shell", "--verbosity=0", stdin=f"""
from accounts.models import User
User.objects.create_user("alice", "correct horse battery staple")
User.objects.update(name={name!r})
""")  # fmt: skip
    with database.fresh_database(services["DATABASE_URL"]) as url:
        told = refused(site, str(former), DATABASE_URL=url)
        assert "accounts_user" in told
        assert name not in told
        assert counted(url)["accounts_user"] == 0
        site.manage("shell", "--verbosity=0", stdin="""
from accounts.models import User
User.objects.update(name="Alice")
""")  # fmt: skip
        done = manage(["move_from", str(former)], {**site.env, "DATABASE_URL": url})
        assert done.returncode == 0, done.stderr
        assert counted(url)["accounts_user"] == 1
    with database.fresh_database(services["DATABASE_URL"]) as url:
        with psycopg.connect(url) as own:
            own.execute("CREATE TABLE somebody_elses (id int)")
        assert "somebody_elses" in refused(site, str(former), DATABASE_URL=url)
        assert counted(url) == {"somebody_elses": 0}


@pytest.mark.soak
@pytest.mark.parametrize("comes_back", [True, False])
def test_keys_stay_when_the_answer_to_the_commit_is_lost(
    comes_back: bool, services: dict[str, str], migrated_file: str, tmp_path: Path
) -> None:
    """Without them the data that is in would be of no use."""
    site, keys = embedded(tmp_path / "former", migrated_file), tmp_path / "keys.env"
    site.manage("shell", "--verbosity=0", "--command", """
from accounts.models import User
User.objects.create_user("alice", "correct horse battery staple")
""")  # fmt: skip
    with (
        database.fresh_database(services["DATABASE_URL"]) as url,
        Losing(urlsplit(url).port or 0, comes_back=comes_back) as proxy,
    ):
        told = {**site.env, "DATABASE_URL": url.replace(f":{proxy.server}/", f":{proxy.port}/")}
        done = manage(["move_from", str(tmp_path / "former"), "--env", str(keys)], told)
        assert proxy.has_lost
        assert "Traceback" not in done.stderr
        assert "Nothing was changed" not in done.stderr
        assert (done.returncode, "may be in" in done.stderr) == (not comes_back, not comes_back)
        assert counted(url)["accounts_user"] == 1
        assert keys.read_text().startswith("VESTIBULE_SECRET_KEY=")


class Losing:
    """A way to PostgreSQL that loses the answer to the commit behind a COPY, and then every new
    connection, unless it `comes_back`.
    """

    def __init__(self, server: int, *, comes_back: bool) -> None:
        self.server, self.has_lost = server, False
        self._comes_back, self._listener = comes_back, socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]

    def __enter__(self) -> Losing:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                if self.has_lost and not self._comes_back:
                    client.close()
                else:
                    threading.Thread(target=self._carry, args=[client], daemon=True).start()

    def _carry(self, client: socket.socket) -> None:
        has_copied = False
        with (
            client,
            socket.create_connection(("127.0.0.1", self.server)) as server,
            suppress(OSError),
        ):
            while True:
                for each in select.select([client, server], [], [])[0]:
                    data = each.recv(65536)
                    if not data:
                        return
                    (server if each is client else client).sendall(data)
                    has_copied = has_copied or (each is client and b"FROM STDIN" in data)
                    if has_copied and each is client and b"COMMIT" in data:
                        server.recv(65536)  # it is in
                        self.has_lost = True
                        return
