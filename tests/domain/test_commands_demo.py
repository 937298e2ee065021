"""docs/architecture.md 9: the demo starts where it harms nobody, and says in a sentence why it does
not.

That it starts, keeps what was done and ends is in tests/http/sandbox/test_demo.py.
"""

from __future__ import annotations

import socket
import subprocess
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, ManagementUtility, call_command

from accounts.models import User
from tests.architecture.test_deploy import PRODUCTION
from tests.peers.demo import command
from tests.peers.site import ROOT, demo_ports
from tests.sandbox import demo, processes
from tests.sandbox.management.commands.demo import Command

pytestmark = pytest.mark.services


@pytest.fixture(autouse=True)
def _no_demo(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is tried here, the tests' own database is neither deleted nor filled."""

    def refuse(*_: object) -> None:
        pytest.fail("The demo goes on where it should have stopped.")

    for module, name in ((demo, "forget"), (demo, "furnish"), (processes, "running")):
        monkeypatch.setattr(module, name, refuse)


def refused(**options: Any) -> str:
    with pytest.raises(CommandError) as caught:
        call_command(Command(), **options)
    said = str(caught.value)
    assert "\n" not in said
    return said


@pytest.mark.parametrize("port", [-5, 0, 65532, 99999])
def test_a_port_that_cannot_be_is_refused_in_one_sentence(port: int) -> None:
    assert "a number from 1 to 65531" in refused(port=port)


@pytest.mark.parametrize("part", [0, 1, 2, 3], ids=["site", "stand-in", "library", "directory"])
def test_a_taken_port_is_named_in_one_sentence(part: int) -> None:
    port = demo_ports()
    with socket.create_server(("127.0.0.1", port + part)):
        assert str(port + part) in refused(port=port)


def test_reset_never_touches_a_database_that_was_named(settings: Any) -> None:
    settings.DATABASE_URL = "sqlite:///other.sqlite3"
    assert "DATABASE_URL" in refused(reset=True, port=demo_ports())


@pytest.mark.django_db
def test_the_demo_stays_away_from_other_peoples_database() -> None:
    User.objects.create_user("somebody")
    assert "people" in refused(port=demo_ports())


def test_the_demo_does_not_run_in_production(tmp_path: Path) -> None:
    line, env = command(tmp_path, **{**PRODUCTION, "VESTIBULE_ARGON2_MEMORY_KIB": "47104"})
    done = subprocess.run(line, cwd=ROOT, env=env, capture_output=True, text=True, timeout=300)
    assert done.returncode == 1
    assert "production" in done.stderr
    assert done.stderr.count("\n") == 1


def test_an_installed_site_says_that_the_demo_needs_a_checkout(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit) as left:
        ManagementUtility(["vestibule", "demo", "--port", "9000", "--reset"]).execute()
    said = capsys.readouterr().err
    assert left.value.code == 1
    assert "checkout" in said
    assert said.count("\n") == 1
