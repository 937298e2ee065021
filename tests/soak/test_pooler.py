"""docs/city.md 3: PgBouncer before PostgreSQL, in session mode, with fewer connections of the
server's than the site has threads.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import psycopg
import pytest
import requests

from tests.http.test_without_database import enter, open_site, until
from tests.peers.services import PATIENCE, Postgres
from tests.peers.site import free_port

PROGRAM = shutil.which("pgbouncer", path=f"{os.environ['PATH']}:/usr/sbin") or "pgbouncer"
HELD = 3  # connections of the server's
INI = """
[databases]
vestibule = host=127.0.0.1 port={server} user=vestibule password=vestibule
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = session
default_pool_size = {held}
logfile = {folder}/log
"""

pytestmark = pytest.mark.soak


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    with Postgres().running() as own:
        yield own


@pytest.fixture(scope="module")
def pooler(postgres: Postgres) -> Iterator[str]:
    """Run it as the user of PostgreSQL, since it refuses root. Gives the URL of the database."""
    folder, port = postgres.folder / "pooler", free_port()
    folder.mkdir()
    (folder / "ini").write_text(
        INI.format(server=postgres.port, port=port, held=HELD, folder=folder)
    )
    shutil.chown(folder, "postgres")
    process = subprocess.Popen([PROGRAM, "--quiet", "-u", "postgres", str(folder / "ini")])
    url = f"postgres://vestibule@127.0.0.1:{port}/vestibule"

    def answers() -> bool:
        assert process.poll() is None, (folder / "log").read_text()
        try:
            psycopg.connect(url, connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True

    try:
        until(answers, PATIENCE)
        yield url
    finally:
        process.terminate()
        process.wait(30)


def test_a_site_of_many_threads_shares_few_connections_and_is_held_up_by_no_silence(
    postgres: Postgres, pooler: str, tmp_path: Path
) -> None:
    """The short ways as well give back what they took; the site's own clock ends what hangs."""
    with ExitStack() as stack:
        house = open_site(
            stack,
            tmp_path,
            "",
            DATABASE_URL=f"{pooler}?conn_max_age=0",
            VESTIBULE_DATABASE_STATEMENT="0",
            VESTIBULE_DATABASE_LOCK="0",
            VESTIBULE_DATABASE_WAIT="3",
            VESTIBULE_TRUSTED_PROXIES="127.0.0.1",
        )
        browser = enter(house)

        def ask(number: int) -> int:
            named = {"X-Original-Method": "GET", "X-Original-URL": f"{house.url}/x"}
            path, headers = [("/account/", {}), ("/gateway/check", named)][number % 2]
            answer = requests.get(
                house.url + path,
                headers=headers,
                cookies=browser.cookies,
                allow_redirects=False,
                timeout=60,
            )
            return answer.status_code

        with ThreadPoolExecutor(8) as threads:
            before = [*threads.map(ask, range(200))]
            assert {*before} == {200, 403}  # no rule covers the question
            until(lambda: psycopg.connect(pooler, connect_timeout=2).close() is None)
            with postgres.frozen():
                assert {*threads.map(ask, [0] * 8)} == {503}
            until(lambda: ask(0) == 200)
