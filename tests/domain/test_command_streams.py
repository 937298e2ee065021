"""Output without room, input that ends, Ctrl-C, no tables: a command says one sentence."""

from __future__ import annotations

import os
import py_compile
import shlex
import signal
import subprocess
import sys
from importlib.machinery import SourceFileLoader
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from structlog.testing import capture_logs

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


def test_who_reads_the_first_lines_alone_is_told_nothing(folder: Path) -> None:
    """`events export | head -1`, as SIGPIPE ends other programs; the reader has gone by then."""
    done = shell("exec 3> >(true); wait $!; MANAGE sources export >&3", folder)
    assert (done.returncode, done.stderr) == (141, "")


@pytest.mark.django_db(transaction=True)
def test_a_file_of_clients_that_is_refused_logs_no_change(tmp_path: Path) -> None:
    (file := tmp_path / "clients.toml").write_text(CLIENTS + "[clients.x]\nkind = 'none'\n")
    with capture_logs() as logged, pytest.raises(CommandError, match="Nothing was changed"):
        call_command("clients", "apply", str(file))
    assert logged == []
    file.write_text(CLIENTS)
    with capture_logs() as logged:
        call_command("clients", "apply", str(file))
    assert [each["event"] for each in logged] == ["client.saved"]


def test_a_provider_is_written_whole_or_not_at_all(folder: Path) -> None:
    """A file size limit is a disk that fills up; the second try found a folder in its way."""
    done = shell("ulimit -f 1; MANAGE startprovider guild", folder, PYTHONDONTWRITEBYTECODE="1")
    assert (done.returncode, done.stderr) == (1, "CommandError: File too large\n")
    assert not (folder / "guild").exists()


def test_a_compiled_file_that_was_cut_off_is_said(tmp_path: Path) -> None:
    """Python 3.11 keeps what it could write of one on a full disk, and fails by it ever after."""
    module = tmp_path / "cut_off.py"
    module.write_text("A = 1\n")
    compiled = Path(py_compile.compile(str(module), doraise=True) or "")
    compiled.write_bytes(compiled.read_bytes()[:40])
    loader = SourceFileLoader("cut_off", str(module))
    with pytest.raises(EOFError) as raised:
        loader.get_code("cut_off")
    assert str(compiled) in faults.sentence(raised.value)
    assert "Standard input" in faults.sentence(EOFError())


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
    (folder / "rules.toml").write_text('[rules.a]\nhost = "a.example"\nnote = "Børn →"\n')
    env = environment({"VESTIBULE_DATA": str(folder)})
    assert manage(["rules", "apply", str(folder / "rules.toml")], env).returncode == 0
    asked = "MANAGE rules export > out.toml && MANAGE rules apply out.toml"
    done = shell(asked, folder, PYTHONIOENCODING="latin-1")
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
    env = environment({"VESTIBULE_DATA": str(tmp_path)})
    done = manage(["letmein", "ada"], env)
    said = "CommandError: The database does not answer: file is not a database.\n"
    assert (done.returncode, done.stderr) == (1, said)
    done = manage(["upgrade-check"], env)
    assert done.returncode == 1
    assert "The file of the database is damaged: file is not a database." in done.stdout
    assert "restore a backup" in done.stdout


def test_a_page_of_the_database_that_is_damaged_is_found(folder: Path) -> None:
    """The first pages, which hold the migrations, are in order."""
    file = folder / "vestibule.sqlite3"
    with file.open("r+b") as own:
        own.seek(file.stat().st_size // 2)
        own.write(os.urandom(65536))
    done = manage(["doctor", "database"], environment({"VESTIBULE_DATA": str(folder)}))
    assert done.returncode == 1
    assert "The file of the database is damaged" in done.stdout


def test_a_name_in_another_encoding_is_said(folder: Path) -> None:
    done = shell(r"MANAGE letmein $'b\xf8rge'", folder)
    assert (done.returncode, done.stderr) == (1, "CommandError: b\\udcf8rge is not UTF-8 text.\n")


def test_an_answer_that_does_not_come_is_said(folder: Path) -> None:
    made = ["createsuperuser", "--noinput", "--username", "ada"]
    given = {"DJANGO_SUPERUSER_PASSWORD": "nobody guesses 7 words of these"}
    assert manage(made, environment({"VESTIBULE_DATA": str(folder), **given})).returncode == 0
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


@pytest.mark.django_db
def test_a_terminal_changes_no_backup(monkeypatch: pytest.MonkeyPatch) -> None:
    """It makes two characters of each end of a line, as does that of a container's `run`."""
    ours, theirs = os.openpty()
    with os.fdopen(theirs, "w") as terminal:
        monkeypatch.setattr(sys, "stdout", terminal)
        with pytest.raises(CommandError, match="A terminal would change a backup"):
            call_command("backup", "-")
    os.close(ours)
