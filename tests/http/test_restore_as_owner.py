"""docs/moving.md 3: who restores owns the database, and need not own what a superuser put there."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest

from tests.peers.commands import manage
from tests.peers.services import Postgres
from tests.peers.site import environment


@pytest.mark.soak
@pytest.mark.parametrize(
    ("made", "is_built"),
    [
        ("CREATE EXTENSION pg_trgm", True),
        ("CREATE SCHEMA ext; CREATE EXTENSION pg_trgm SCHEMA ext", False),
    ],
)
def test_what_a_superuser_made_is_left_as_it_is(
    tmp_path: Path,
    made: str,
    is_built: bool,
) -> None:
    """The extension `pg_trgm` at the new place, as docs/scale.md 2 has it; at the former one what
    the owner could not make: another extension, publications, subscriptions.
    """
    with Postgres().running() as postgres:
        former = environment({"DATABASE_URL": postgres.url, "VESTIBULE_DATA": str(tmp_path / "a")})
        assert manage(["migrate", "--verbosity=0"], former).returncode == 0
        with psycopg.connect(postgres.url, autocommit=True) as superuser:
            superuser.execute("CREATE EXTENSION pg_stat_statements")
            superuser.execute("CREATE PUBLICATION everything FOR ALL TABLES")
            superuser.execute(
                "CREATE SUBSCRIPTION of_another CONNECTION 'dbname=none' PUBLICATION everything "
                "WITH (connect = false)"
            )
        file = tmp_path / "site.backup"
        assert manage(["backup", "--keys", str(file)], former).returncode == 0

        with psycopg.connect(postgres.url, autocommit=True) as superuser:
            superuser.execute("CREATE ROLE town LOGIN PASSWORD 'town'")
            superuser.execute("CREATE DATABASE town OWNER town")
        theirs = f"postgres://{{}}@127.0.0.1:{postgres.port}/town"
        with psycopg.connect(theirs.format("vestibule:vestibule"), autocommit=True) as superuser:
            superuser.execute(made)
            superuser.execute("REVOKE CREATE ON DATABASE town FROM town")
        own = environment(
            {"DATABASE_URL": theirs.format("town:town"), "VESTIBULE_DATA": str(tmp_path / "b")}
        )
        done = manage(["restore", str(file)], own)
        assert done.returncode == 0, done.stderr
        with psycopg.connect(theirs.format("town:town")) as town:
            found = town.execute("SELECT to_regclass('person_found') IS NOT NULL").fetchone()
            assert found == (is_built,)
