"""docs/moving.md: an embedded site moves to PostgreSQL and Redis, and who is signed in stays so."""

from __future__ import annotations

import json
import re
import stat
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

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
