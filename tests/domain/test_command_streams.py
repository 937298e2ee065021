"""Output without room, input that ends, Ctrl-C, no tables: a command says one sentence."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from portal.operations import faults
from tests.peers import database
from tests.peers.commands import manage
from tests.peers.site import ROOT, environment

CLIENTS = """
[clients.library]
name = "The library"
kind = "server"
auth_method = "client_secret_basic"
redirect_uris = ["https://library.example.org/callback"]
"""


@pytest.fixture
def folder(migrated_file: str, tmp_path: Path) -> Path:
    """Give the data of a site with its tables."""
    database.copied(migrated_file, tmp_path)
    (tmp_path / "clients.toml").write_text(CLIENTS)
    return tmp_path


def shell(line: str, data: Path, **more: str) -> subprocess.CompletedProcess[str]:
    """Run a line of bash, in which MANAGE is the command of the checkout; output is as a pipe's."""
    own = f"{shlex.quote(sys.executable)} {shlex.quote(str(ROOT / 'manage.py'))}"
    env = environment({"VESTIBULE_DATA": str(data), **more})
    env.pop("PYTHONUNBUFFERED", None)
    return subprocess.run(
        ["bash", "-c", line.replace("MANAGE", own)],
        cwd=data,
        env=env,
        capture_output=True,
        text=True,
        timeout=300,
    )


@pytest.mark.parametrize(
    ("first", "where", "why"),
    [
        ("", "> /dev/full", "No space left on device"),
        ("exec 3> >(true); wait $!; ", ">&3", "Broken pipe"),  # whose reader has gone by then
    ],
    ids=["no room", "no reader"],
)
def test_a_secret_that_nobody_can_read_is_not_made(
    folder: Path, first: str, where: str, why: str
) -> None:
    done = shell(f"{first}MANAGE clients apply clients.toml {where}", folder)
    said = f"CommandError: What this command prints cannot be written: {why}.\nNothing was changed."
    assert (done.returncode, done.stderr) == (1, said + "\n")
    exported = manage(["clients", "export"], environment({"VESTIBULE_DATA": str(folder)}))
    assert (exported.returncode, exported.stdout.strip()) == (0, "")


@pytest.mark.parametrize("command", ["doctor --quick settings", "help"])
def test_output_that_finds_no_room_is_one_sentence(folder: Path, command: str) -> None:
    done = shell(f"MANAGE {command} > /dev/full", folder)
    assert done.returncode == 1
    assert done.stderr.startswith("CommandError: What this command prints cannot be written: No sp")
    assert done.stderr.count("\n") == 1


def test_closed_streams_are_no_file_of_the_site(folder: Path) -> None:
    done = shell("MANAGE sources export <&- >&-", folder)
    assert (done.returncode, done.stderr) == (0, "")
    assert shell("MANAGE clear_expired <&- >&- 2>&-", folder).returncode == 0


def test_lines_of_the_log_that_find_no_room_show_no_secret(folder: Path) -> None:
    line = "import logging; logging.getLogger('x').error('/cb?code=%s', 'a-good-secret')"
    done = shell(f'MANAGE shell --verbosity=0 --command "{line}" > /dev/full', folder)
    assert "a-good-secret" not in done.stderr
    assert "Traceback" not in done.stderr


def test_a_file_is_utf8_whatever_the_locale(folder: Path) -> None:
    asked = "MANAGE rules export > out.toml && MANAGE rules apply out.toml"
    (folder / "rules.toml").write_text('[rules.a]\nhost = "a.example"\nnote = "Børn →"\n')
    done = shell(f"MANAGE rules apply rules.toml && {asked}", folder, PYTHONIOENCODING="latin-1")
    assert done.returncode == 0, done.stderr
    assert "unchanged a" in " ".join(done.stdout.split())


@pytest.mark.parametrize(
    "command", ["letmein ada", "sources export", "clients check", "events export"]
)
def test_where_migrate_was_not_run_that_is_said(tmp_path: Path, command: str) -> None:
    done = manage(command.split(), environment({"VESTIBULE_DATA": str(tmp_path)}))
    assert done.returncode == 1
    assert done.stderr.startswith("CommandError: The database lacks tables of this version: run mi")
    assert done.stderr.count("\n") == 1


def test_a_file_that_is_no_database_is_said(tmp_path: Path) -> None:
    (tmp_path / "vestibule.sqlite3").write_bytes(b"no database " * 1000)
    done = manage(["letmein", "ada"], environment({"VESTIBULE_DATA": str(tmp_path)}))
    said = "CommandError: The database does not answer: file is not a database.\n"
    assert (done.returncode, done.stderr) == (1, said)


def test_a_name_in_another_encoding_is_said(folder: Path) -> None:
    done = shell(r"MANAGE letmein $'b\xf8rge'", folder)
    assert (done.returncode, done.stderr) == (1, "CommandError: b\\udcf8rge is not UTF-8 text.\n")


def test_an_answer_that_does_not_come_is_said(folder: Path) -> None:
    made = "MANAGE createsuperuser --noinput --username ada"
    given = {"DJANGO_SUPERUSER_PASSWORD": "nobody guesses 7 words of these"}
    assert shell(made, folder, **given).returncode == 0
    done = shell("MANAGE changepassword ada < /dev/null", folder)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert done.stderr.endswith("CommandError: " + faults.sentence(EOFError()) + "\n")


def test_ctrl_c_is_one_sentence(folder: Path) -> None:
    """Also where the tests were started in the background, by a shell that ignores it for them."""
    command = [sys.executable, str(ROOT / "manage.py"), "sources", "apply"]
    os.mkfifo(folder / "sources.toml")
    process = subprocess.Popen(
        ["env", "--default-signal=INT", *command, str(folder / "sources.toml")],
        env=environment({"VESTIBULE_DATA": str(folder)}),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with (folder / "sources.toml").open("w"):  # it reads, or is about to: then it finds the end
        process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=300)
    said = "CommandError: Ended by Ctrl-C before all was done. Run it again.\n"
    assert (process.returncode, out, err) == (130, "", said)


def test_a_file_with_the_mark_of_windows_is_read(folder: Path) -> None:
    (folder / "bom.toml").write_bytes(b"\xef\xbb\xbf" + CLIENTS.encode())
    asked = ["clients", "apply", str(folder / "bom.toml")]
    done = manage(asked, environment({"VESTIBULE_DATA": str(folder)}))
    assert done.returncode == 0, done.stderr
    assert "created   library" in done.stdout


def test_a_backup_says_what_it_has_written(folder: Path) -> None:
    file = folder / "of a day.backup"
    done = manage(["backup", str(file), "--keys"], environment({"VESTIBULE_DATA": str(folder)}))
    said = f"{file} is written: {file.stat().st_size} bytes.\n"
    assert (done.returncode, done.stdout) == (0, said)
