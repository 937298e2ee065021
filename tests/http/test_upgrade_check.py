"""docs/moving.md 4: an upgrade says what it will do, and its migrations hold nobody up."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest

from portal.conf import known_names
from portal.operations.upgrades import locks, look
from portal.operations.upgrades import previous as told
from tests.peers import database, previous
from tests.peers.commands import manage
from tests.peers.services import Postgres
from tests.peers.site import ROOT, environment

# Tables of few rows, whatever the site: a lock on one of them is a moment's.
SMALL = {
    "accounts_source", "auth_group", "auth_group_permissions", "auth_permission",
    "authorization_server_client", "authorization_server_signingkey", "django_content_type",
    "django_migrations", "gateway_accessrule", "operations_alarm", "operations_maintenancenotice",
    "operations_rescue",
}  # fmt: skip
MIGRATE = """
import json
from django.core.management import call_command
from django.db import connection
said = []
def keep(execute, sql, *rest):
    said.append(str(sql))
    return execute(sql, *rest)
with connection.execute_wrapper(keep):
    call_command("migrate", verbosity=0)
print(json.dumps([each for each in said if "django_migrations" not in each]))
"""


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    with Postgres().running() as own:
        yield own


@pytest.fixture(scope="module")
def of_before(postgres: Postgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Give a database as the release before this one has left it."""
    with database.fresh_database(postgres.url) as url:
        env = environment(
            {"VESTIBULE_DATA": str(tmp_path_factory.mktemp("a")), "DATABASE_URL": url}
        )
        migrated_to(env, told.MIGRATIONS)
        yield url


def migrated_to(env: dict[str, str], last: dict[str, str]) -> None:
    for app, name in last.items():
        done = manage(["migrate", "--verbosity=0", app, name], env)
        assert done.returncode == 0, done.stderr


def upgrade_check(data: Path, url: str = "", **variables: str) -> tuple[int, str]:
    env = environment({"VESTIBULE_DATA": str(data), "DATABASE_URL": url, **variables})
    done = manage(["upgrade-check"], env)
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode, done.stdout


def test_what_is_told_of_the_release_before_is_so() -> None:
    kept = previous.kept()
    assert previous.VERSION == told.VERSION
    assert {*kept["names"]} == told.NAMES
    assert told.MIGRATIONS.items() <= kept["migrations"].items()
    assert {*told.GONE} == told.NAMES - known_names()


def test_no_migration_since_then_holds_anybody_up(
    postgres: Postgres, of_before: str, tmp_path: Path
) -> None:
    with database.fresh_database(postgres.url, of_before.rpartition("/")[2]) as url:
        env = environment({"VESTIBULE_DATA": str(tmp_path), "DATABASE_URL": url})
        done = manage(["shell", "--verbosity=0"], env, MIGRATE)
        assert done.returncode == 0, done.stderr
    statements = json.loads(done.stdout.splitlines()[-1])
    wrong = [
        f"{each.table}: {each.why}"
        for each in locks.judged(statements)
        if each.table in previous.kept()["tables"]
        and (each.is_in_the_way or (each.is_long and each.table not in SMALL))
    ]
    assert not wrong


def test_a_migration_that_a_reader_holds_up_holds_nobody_up(
    postgres: Postgres, of_before: str, tmp_path: Path
) -> None:
    """docs/moving.md 4: as while a dump is taken. What waits for its lock gives up."""
    count = "SELECT count(*) FROM operations_alarm"
    with (
        database.fresh_database(postgres.url, of_before.rpartition("/")[2]) as url,
        psycopg.connect(url) as reader,
        psycopg.connect(url, autocommit=True) as others,
    ):
        reader.execute(count)
        with migrating(tmp_path, url, "operations") as process:
            assert process.stdout is not None
            assert any("the next try is in" in line for line in process.stdout)
            others.execute(count)  # which stood behind it, if it still waited
            reader.rollback()
            process.communicate(timeout=300)
        assert process.returncode == 0
        others.execute("SELECT over FROM operations_alarm")


@contextmanager
def migrating(data: Path, url: str, app: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        # A shell's background job ignores Ctrl-C, and so would all that it starts.
        ["env", "--default-signal=INT", sys.executable, "manage.py", "migrate", app],
        cwd=ROOT,
        env=environment({"VESTIBULE_DATA": str(data), "DATABASE_URL": url}),
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


@pytest.mark.soak
def test_an_index_that_is_being_built_is_left_alone(
    postgres: Postgres, of_before: str, tmp_path: Path
) -> None:
    """By a look before an upgrade, which changes nothing, and by a second migrate, which waits. To
    be built meanwhile it waits for an old snapshot, for longer than others wait for a lock.
    """
    index = "SELECT indexrelid, indisvalid FROM pg_index WHERE indexrelid = to_regclass('%s')"
    index %= "grant_expires"
    with (
        database.fresh_database(postgres.url, of_before.rpartition("/")[2]) as url,
        psycopg.connect(url) as reader,
        psycopg.connect(url, autocommit=True) as others,
    ):
        reader.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        reader.execute("SELECT count(*) FROM authorization_server_grant")
        with migrating(tmp_path, url, "authorization_server") as first:
            built = until(lambda: others.execute(index).fetchone())
            assert not built[1]
            with migrating(tmp_path, url, "authorization_server") as second:
                assert second.stdout is not None
                assert any("Another migrate is at work" in line for line in second.stdout)
                upgrade_check(tmp_path, url)
                assert others.execute(index).fetchone() == built
                reader.rollback()
                for each in (first, second):
                    each.communicate(timeout=300)
                    assert each.returncode == 0
        assert others.execute(index).fetchone() == (built[0], True)


@pytest.mark.soak
def test_a_migration_that_was_broken_off_is_run_again(
    postgres: Postgres, of_before: str, tmp_path: Path
) -> None:
    """By Ctrl-C, while its index waits for an old snapshot, as of a nightly dump."""
    env = environment({"VESTIBULE_DATA": str(tmp_path)})
    index = "SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass('identity_name_key')"
    with database.fresh_database(postgres.url, of_before.rpartition("/")[2]) as url:
        migrated_to({**env, "DATABASE_URL": url}, {"accounts": "0024"})
        with (
            psycopg.connect(url) as reader,
            psycopg.connect(url, autocommit=True) as others,
        ):
            reader.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
            reader.execute("SELECT count(*) FROM accounts_event")
            with migrating(tmp_path, url, "accounts") as process:
                assert until(lambda: others.execute(index).fetchone()) == (False,)
                process.send_signal(signal.SIGINT)
                process.communicate(timeout=300)
                assert process.returncode
            reader.rollback()
            migrated_to({**env, "DATABASE_URL": url}, {"accounts": "0026"})
            assert others.execute(index).fetchone() == (True,)


def until(found: Callable[[], Any], seconds: float = 60.0) -> Any:
    deadline = time.monotonic() + seconds
    while not (answer := found()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return answer


def test_nothing_waits_where_all_is_done(migrated_file: str, tmp_path: Path) -> None:
    database.copied(migrated_file, tmp_path)
    status, said = upgrade_check(tmp_path)
    assert status == 0, said
    assert "The tables are those of this version." in said
    assert "local is taken as it is." in said


def test_a_file_of_before_is_told_of(tmp_path: Path) -> None:
    env = environment({"VESTIBULE_DATA": str(tmp_path)})
    migrated_to(env, {"accounts": "0013_events_tell_how"})
    refused = {"VESTIBULE_DORMANT": "730", "VESTIBULE_MAIL_FROM": "Library, Town <a@b.example>"}
    status, said = upgrade_check(tmp_path, **refused)
    assert status == 1, said
    assert "accounts.0014_source_logo waits." in said
    assert "SQLite has one writer: stop the site" in said
    assert "VESTIBULE_DORMANT would erase people who stay away for less than 30 days." in said
    assert "VESTIBULE_MAIL_FROM: 'Library, Town <a@b.example>' is no address." in said
    assert said.count("FAIL") == 2


@pytest.mark.soak
def test_of_several_that_migrate_a_file_one_goes_first(tmp_path: Path) -> None:
    env = environment({"VESTIBULE_DATA": str(tmp_path)})
    command = [sys.executable, "manage.py", "migrate", "--verbosity=0"]
    several = [
        subprocess.Popen(command, cwd=ROOT, env=env, stdout=subprocess.PIPE, text=True)
        for _number in range(3)
    ]
    said = [each.communicate(timeout=300)[0] for each in several]
    assert [each.returncode for each in several] == [0, 0, 0], said


def test_an_empty_database_is_no_defect(tmp_path: Path) -> None:
    status, said = upgrade_check(tmp_path)
    assert status == 0, said
    assert "accounts.0001_initial waits." in said
    done = manage(["backup", str(tmp_path / "x")], environment({"VESTIBULE_DATA": str(tmp_path)}))
    assert done.returncode == 1
    assert "The database has no tables: there is nothing to back up." in done.stderr
    assert "Traceback" not in done.stderr
    assert not [*tmp_path.glob("backup-*"), *tmp_path.glob("x")]


@pytest.mark.soak
def test_postgresql_tells_what_each_table_meets(postgres: Postgres, tmp_path: Path) -> None:
    with database.fresh_database(postgres.url) as url:
        env = environment({"VESTIBULE_DATA": str(tmp_path), "DATABASE_URL": url})
        migrated_to(env, {**told.MIGRATIONS, "accounts": "0006_email_verified"})
        status, said = upgrade_check(tmp_path, url)
        assert status == 1
        assert "accounts.0014_source_logo: accounts_source (about 0 rows)" in said
        built = "(about 0 rows): an index is built, and whoever writes waits"  # docs/moving.md 4
        assert f"accounts.0012_people_who_stay_away: accounts_user {built}" in said
        assert f"accounts.0013_events_tell_how: accounts_event {built}" in said
        assert "Stop all workers, run manage.py migrate" in said
        migrated_to(env, told.MIGRATIONS)
        status, said = upgrade_check(tmp_path, url)
        assert "The former version cannot run" not in said
        make = "from accounts.models import Source; Source.objects.filter(slug='local')"
        broken = f"{make}.update(settings={{'gone': 1}})"
        manage(["shell", "--verbosity=0", "--command", broken], env)
        newer = "INSERT INTO django_migrations (app, name, applied) VALUES ('accounts', '9', now())"
        manage(["shell", "--verbosity=0"], env, stdin=f"""
from django.db import connection
connection.cursor().execute({newer!r})
""")  # fmt: skip
        status, said = upgrade_check(tmp_path, url, VESTIBULE_SESSION_IDEL="3")
        assert status == 1
        assert "The tables are of a newer version than this one: accounts.9." in said
        assert "Perhaps VESTIBULE_SESSION_IDLE is meant." in said


def test_variables_are_compared_with_what_is_read() -> None:
    given = (
        *("VESTIBULE_SECRET_KEY_FILE", "VESTIBULE_MAIL_URL_FILE", "VESTIBULE_ALARM_WEBHOOK_FILE"),
        *("VESTIBULE_SOURCE_TOWN", "VESTIBULE_NAME"),
    )
    known = known_names()
    assert [each.ok for each in look.settings(given, known)][:1] == [True]
    for name, meant in (
        ("VESTIBULE_COLOR", "VESTIBULE_COLOUR"),
        ("VESTIBULE_SITE_URL_FILE", "VESTIBULE_SITE_URL"),
        ("VESTIBULE_ALARM_MAIL_FILE", "VESTIBULE_ALARM_MAIL"),
    ):
        (wrong, *_rest) = look.settings((name,), known)
        assert (wrong.ok, wrong.fix) == (False, f"Perhaps {meant} is meant.")
    (*_rest, new) = look.settings((), known | {"VESTIBULE_OF_TOMORROW"})
    assert "VESTIBULE_OF_TOMORROW" in new.message
    assert "VESTIBULE_SOURCE_" not in new.message
