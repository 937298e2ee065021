"""docs/moving.md: a running site is copied, lost, and restored, and who is signed in stays so."""

from __future__ import annotations

import contextlib
import gzip
import io
import json
import os
import shutil
import sqlite3
import stat
import subprocess
import sys
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.http.test_move import embedded
from tests.peers import database
from tests.peers.commands import ROOT, manage
from tests.peers.household import Household
from tests.peers.second_provider import second_provider
from tests.peers.services import Postgres
from tests.peers.site import Site
from tests.peers.small_disk import small_disk


@pytest.fixture(scope="module")
def house(migrated_file: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Household]:
    """Give people who are signed in at an embedded site."""
    site = embedded(tmp_path_factory.mktemp("house") / "data", migrated_file)
    with second_provider() as upstream, contextlib.closing(Stopping(site)):
        site.start()
        own = Household(site)
        own.moves_in(upstream.issuer)
        yield own


class Stopping:
    def __init__(self, site: Site) -> None:
        self.close = site.stop


@pytest.fixture(scope="module")
def archive(house: Household, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a backup of the running site, with its keys."""
    file = tmp_path_factory.mktemp("archive") / "site.backup"
    house.site.manage("backup", "--keys", str(file))
    return file


def data(house: Household) -> Path:
    return Path(house.site.env["VESTIBULE_DATA"])


def refused(env: dict[str, str], file: Path, *args: str) -> str:
    """Return why a backup is not restored into an empty folder, in which it leaves nothing."""
    done = manage(["restore", str(file), *args], env)
    assert done.returncode == 1, done.stdout
    assert "Traceback" not in done.stderr
    assert "Nothing was changed." in done.stderr
    assert not Path(env["VESTIBULE_DATA"], database.SQLITE).stat().st_size
    assert not [*Path(env["VESTIBULE_DATA"]).glob("backup-*")]
    return done.stderr


def elsewhere(house: Household, folder: Path, **variables: str) -> dict[str, str]:
    return {**house.site.env, "VESTIBULE_DATA": str(folder), **variables}


def changed(archive: Path, to: Path, change: Callable[[dict[str, bytes]], None]) -> Path:
    """Write the archive anew, with other members."""
    with tarfile.open(archive) as own:
        members = {each.name: own.extractfile(each).read() for each in own}  # type: ignore[union-attr]
    change(members)
    with tarfile.open(to, "w:gz") as own:
        for name, content in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            own.addfile(entry, io.BytesIO(content))
    return to


def with_manifest(**told: object) -> Callable[[dict[str, bytes]], None]:
    def change(members: dict[str, bytes]) -> None:
        own = json.loads(members["manifest.json"])
        members["manifest.json"] = json.dumps({**own, **told}).encode()

    return change


def test_nobody_else_reads_it_and_it_overwrites_nothing(house: Household, archive: Path) -> None:
    assert stat.S_IMODE(archive.stat().st_mode) == 0o600
    before = archive.read_bytes()
    assert manage(["backup", str(archive)], house.site.env).returncode == 1
    assert archive.read_bytes() == before
    assert not [*data(house).glob("backup-*")]


def test_it_is_made_where_nothing_can_be_written_beside_the_data(
    house: Household, tmp_path: Path
) -> None:
    """As in the image, whose file system is read-only. Root may write anywhere, unless it gives
    that up.
    """
    closed, room = tmp_path / "closed", tmp_path / "room"
    shutil.copytree(data(house), closed, ignore=shutil.ignore_patterns("*sqlite3*"))
    room.mkdir()
    closed.chmod(0o500)
    file = f"sqlite:///{data(house) / database.SQLITE}"
    env = elsewhere(house, closed, DATABASE_URL=file, TMPDIR=str(room))
    less = ["setpriv", "--bounding-set=-dac_override", "--"] if os.geteuid() == 0 else []
    words = [*less, sys.executable, "manage.py", "backup", "--keys", "-"]
    done = subprocess.run(words, cwd=ROOT, env=env, capture_output=True)
    closed.chmod(0o700)
    assert done.returncode == 0, done.stderr.decode()
    with tarfile.open(fileobj=io.BytesIO(done.stdout)) as own:
        assert "database" in own.getnames()
    assert not [*room.iterdir()]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (with_manifest(format=2, version="9.0.0"), "another version, 9.0.0"),
        (with_manifest(migrations=["accounts.9999_far"], version="9.0.0"), "newer version, 9.0.0"),
        (with_manifest(database="postgresql"), "another kind of database"),
        (lambda members: members.update(database=members["database"][:-5] + b"other"), "damaged"),
        (lambda members: members.pop("database"), "damaged"),
        (lambda members: members.update({"../keys.json": b"{}"}), "not part of a backup"),
        (lambda members: members.pop("manifest.json"), "no backup"),
    ],
)
def test_what_is_not_a_backup_of_ours_is_refused(
    house: Household,
    archive: Path,
    tmp_path: Path,
    change: Callable[[dict[str, bytes]], None],
    said: str,
) -> None:
    bad = changed(archive, tmp_path / "bad", change)
    assert said in refused(elsewhere(house, tmp_path / "new"), bad)


def test_a_damaged_file_is_refused(house: Household, archive: Path, tmp_path: Path) -> None:
    whole, bad = archive.read_bytes(), tmp_path / "bad"
    env = elsewhere(house, tmp_path / "new")
    for content in (
        whole[: len(whole) // 2],
        whole[:3000] + bytes([whole[3000] ^ 1]) + whole[3001:],
        b"no archive at all",
        b"",
        gzip.compress(b"x" * 5000),
    ):
        bad.write_bytes(content)
        assert "damaged" in refused(env, bad)


def test_without_its_keys_it_is_not_restored_by_mistake(house: Household, tmp_path: Path) -> None:
    file, env = tmp_path / "site.backup", elsewhere(house, tmp_path / "new")
    said = house.site.manage("backup", str(file))
    assert "The keys are not in it" in said
    with tarfile.open(file) as own:
        assert own.getnames() == ["manifest.json", "database"]
    assert "VESTIBULE_VAULT_KEYS lacks the key" in refused(env, file)
    done = manage(["restore", str(file), "--without-keys"], env)
    assert done.returncode == 0, done.stderr
    keys = json.loads((data(house) / "keys.json").read_text())
    given = {
        "VESTIBULE_VAULT_KEYS": keys["vault_key"],
        "VESTIBULE_SECRET_KEY": keys["secret_key"],
    }
    done = manage(["restore", str(file)], {**elsewhere(house, tmp_path / "other"), **given})
    assert done.returncode == 0, done.stderr


def test_the_archive_of_another_site_takes_nobodys_keys(
    house: Household, archive: Path, tmp_path: Path
) -> None:
    env = elsewhere(house, tmp_path / "b", VESTIBULE_SITE_URL="http://b.example")
    assert manage(["check"], env).returncode == 0
    place = tmp_path / "b" / "keys.json"
    own = place.read_bytes()
    said = refused(env, archive)
    assert house.site.url in said
    assert "http://b.example" in said
    assert "--another-site" in said
    assert place.read_bytes() == own
    done = manage(["restore", str(archive), "--another-site"], env)
    assert done.returncode == 0, done.stderr
    assert place.read_bytes() != own
    (kept,) = (tmp_path / "b").glob("keys-*.json")
    assert kept.read_bytes() == own
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert f"kept in {kept}" in done.stdout


def test_where_the_keys_cannot_be_written_nothing_is_restored(
    house: Household, archive: Path, tmp_path: Path
) -> None:
    """A link to nowhere looks as if a new file could be made there, and takes none."""
    keys = tmp_path / "keys.env"
    keys.symlink_to(tmp_path / "nowhere" / "keys.env")
    env = elsewhere(house, tmp_path / "new")
    assert str(keys) in refused(env, archive, "--env", str(keys))
    keys.unlink()
    done = manage(["restore", str(archive), "--env", str(keys)], env)
    assert done.returncode == 0, done.stderr
    made = json.loads((data(house) / "keys.json").read_text())
    assert f"VESTIBULE_VAULT_KEYS={made['vault_key']}" in keys.read_text()


@pytest.mark.soak
def test_on_a_full_disk_nothing_is_restored(house: Household, archive: Path) -> None:
    with small_disk(8) as disk:
        env = elsewhere(house, disk.folder / "new")
        assert manage(["check"], env).returncode == 0
        place = disk.folder / "new" / "keys.json"
        own = place.read_bytes()
        with disk.full():
            done = manage(["restore", str(archive)], env)
        assert done.returncode == 1
        assert f"{disk.folder}" in done.stderr
        assert "No space left on device\nNothing was changed." in done.stderr
        assert place.read_bytes() == own
        assert not [*place.parent.glob("keys-*.json")]
        done = manage(["restore", str(archive)], env)
        assert done.returncode == 0, done.stderr


@pytest.mark.soak
def test_on_a_full_disk_no_backup_is_left(house: Household, archive: Path) -> None:
    """Whichever byte is the last that there is room for."""
    with small_disk(1) as disk:
        for left in range(0, archive.stat().st_size, 4096):
            with disk.full(left):
                done = manage(["backup", "--keys", str(disk.folder / "new")], house.site.env)
            assert done.returncode == 1
            assert done.stderr == "CommandError: No space left on device\n"
            assert not (disk.folder / "new").exists()


@pytest.mark.soak
def test_on_a_full_disk_no_copy_of_the_data_is_left(
    house: Household, migrated_file: str, tmp_path: Path
) -> None:
    with small_disk(8) as disk:
        site = embedded(disk.folder / "data", migrated_file)
        with disk.full(65536):
            done = manage(["backup", "--keys", str(tmp_path / "new")], site.env)
        assert done.returncode == 1
        assert "CommandError: The database cannot be copied: " in done.stderr
        assert not (tmp_path / "new").exists()
        assert not [*(disk.folder / "data").glob("backup-*")]


@pytest.mark.soak
def test_who_writes_meanwhile_is_in_it_whole(house: Household, tmp_path: Path) -> None:
    """A row and its events are written together: of each attempt there are both or neither."""
    with contextlib.closing(sqlite3.connect(data(house) / database.SQLITE)) as own:
        own.execute("CREATE TABLE pairs (number int)")
        own.commit()
        writing = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(data(house) / database.SQLITE)], cwd=ROOT
        )
        try:
            for number in range(3):
                house.site.manage("backup", str(tmp_path / f"{number}.backup"))
        finally:
            writing.terminate()
            writing.wait()
        own.execute("DROP TABLE pairs")
        own.commit()
    for number in range(3):
        with tarfile.open(tmp_path / f"{number}.backup") as packed:
            packed.extraction_filter = getattr(tarfile, "data_filter", None)  # none in 3.11.2
            packed.extract("database", tmp_path)
        with contextlib.closing(sqlite3.connect(tmp_path / "database")) as own:
            assert own.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            (count,) = own.execute("SELECT count(*) FROM pairs").fetchone()
            assert count % 2 == 0


WRITER = """
import sqlite3, sys
own = sqlite3.connect(sys.argv[1], timeout=30)
while True:
    with own:
        own.execute("INSERT INTO pairs VALUES (1)")
        own.execute("INSERT INTO pairs VALUES (2)")
"""


def test_a_site_that_was_lost_comes_back_with_who_was_signed_in(
    house: Household, archive: Path, tmp_path: Path
) -> None:
    assert house.lost() == []
    house.begins_again()
    last = tmp_path / "last.backup"
    house.site.manage("backup", "--keys", str(last))
    assert "already" in manage(["restore", str(last)], house.site.env).stderr
    house.site.stop()
    shutil.rmtree(data(house))
    house.site.manage("restore", str(last))
    house.site.manage("migrate", "--verbosity=0")
    house.site.start()
    assert house.lost() == []
    assert stat.S_IMODE((data(house) / "keys.json").stat().st_mode) == 0o600
    assert stat.S_IMODE((data(house) / database.SQLITE).stat().st_mode) == 0o600


@pytest.mark.soak
def test_postgresql_is_copied_by_its_own_program(
    house: Household, archive: Path, tmp_path: Path
) -> None:
    with Postgres().running() as postgres:
        env = elsewhere(house, tmp_path / "new", DATABASE_URL=postgres.url)
        assert manage(["migrate", "--verbosity=0"], env).returncode == 0
        make = "from accounts.models import User; User.objects.create_user('alice', 'x' * 20)"
        assert manage(["shell", "--verbosity=0", "--command", make], env).returncode == 0
        file = tmp_path / "site.backup"
        assert manage(["backup", "--keys", str(file)], env).returncode == 0
        assert "it has a table" in manage(["restore", str(file)], env).stderr
        with database.fresh_database(postgres.url) as url:
            keys = tmp_path / "keys.env"
            other = elsewhere(house, tmp_path / "other", DATABASE_URL=url)
            assert "another kind" in manage(["restore", str(archive)], other).stderr
            lost = {**other, "PATH": "/nowhere"}
            said = manage(["restore", str(file), "--env", str(keys)], lost).stderr
            assert "pg_restore is missing" in said
            assert not keys.exists(), "no keys stay where there is no data"
            done = manage(["restore", str(file), "--env", str(keys)], other)
            assert done.returncode == 0, done.stderr
            assert keys.read_text().startswith("VESTIBULE_SECRET_KEY=")
            ask = "from accounts.models import User; print(User.objects.get().username)"
            told = manage(["shell", "--verbosity=0", "--command", ask], other).stdout
            assert told == "alice\n"
            gone = {**other, "PATH": "/nowhere"}
            assert "pg_dump is missing" in manage(["backup", str(tmp_path / "x")], gone).stderr
            assert not (tmp_path / "x").exists()
