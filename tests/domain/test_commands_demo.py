"""DESIGN.md 9: the demo starts by itself, keeps what was done, and ends at Ctrl-C."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from collections.abc import Mapping
from http.cookiejar import CookieJar
from pathlib import Path
from urllib.parse import urlencode
from urllib.request import HTTPCookieProcessor, build_opener, urlopen

import pytest
from django.core.management import ManagementUtility

from tests.peers.site import ROOT, demo_ports, environment
from tests.sandbox import demo

BASE = {"VESTIBULE_ARGON2_MEMORY_KIB": "1024"}


def command(data: Path, *args: str, **variables: str) -> tuple[list[str], dict[str, str]]:
    own = environment({**BASE, "VESTIBULE_DATA": str(data), **variables})
    if "DATABASE_URL" not in variables:
        own = {
            name: value for name, value in own.items() if name not in {"DATABASE_URL", "REDIS_URL"}
        }
    return [sys.executable, "manage.py", "demo", *args], own


class Demo:
    """A demo that runs, as a person sees it who reads the banner."""

    def __init__(self, data: Path, *args: str) -> None:
        self.port = demo_ports()
        self.url = f"http://localhost:{self.port}"
        line, env = command(data, "--port", str(self.port), *args)
        self.process = subprocess.Popen(
            line, cwd=ROOT, env=env, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        assert self.process.stdout
        self.banner = ""
        while "Ctrl-C" not in self.banner:
            said = self.process.stdout.readline()
            assert said, self.process.stderr.read() if self.process.stderr else ""
            self.banner += said

    def __enter__(self) -> Demo:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def leave(self, number: signal.Signals = signal.SIGINT) -> tuple[int, str, str]:
        """Return status, output and errors after a signal."""
        self.process.send_signal(number)
        out, err = self.process.communicate(timeout=30)
        return self.process.returncode, out.strip(), err

    def sign_in(self, persona: demo.Persona) -> str:
        """Sign in as the banner says. Returns where one lands."""
        opener = build_opener(HTTPCookieProcessor(CookieJar()))
        page = opener.open(f"{self.url}/login").read().decode()
        token = page.split('name="csrfmiddlewaretoken" value="')[1].split('"')[0]
        proof = {"username": persona.username, "password": persona.password}
        body = urlencode({**proof, "csrfmiddlewaretoken": token}).encode()
        landed: str = opener.open(f"{self.url}/auth/login/local", body).url
        return landed


def test_the_demo_says_where_it_is_and_who_may_come_in(tmp_path: Path) -> None:
    with Demo(tmp_path) as running:
        assert running.url in running.banner
        assert f"{running.url}/admin/" in running.banner
        assert urlopen(f"{running.url}/").status == 200
        for persona in demo.PERSONAS:
            assert f"{persona.username}" in running.banner
            assert persona.password in running.banner
            assert running.sign_in(persona) == f"{running.url}/account/"
        assert running.leave() == (0, "", "")
        with pytest.raises(OSError, match="refused"):
            socket.create_connection(("127.0.0.1", running.port), timeout=5)


def test_a_second_run_keeps_its_data_and_reset_does_not(tmp_path: Path) -> None:
    with Demo(tmp_path) as first:
        assert first.leave(signal.SIGTERM) == (0, "", "")
    mark = tmp_path / "not-ours"
    mark.write_text("stays")
    change = "from accounts.models import User; User.objects.filter(username='patron').delete();"
    change += "u = User.objects.get(username='admin'); u.set_password('x'); u.save()"
    line, env = command(tmp_path)
    subprocess.run([line[0], line[1], "shell", "-c", change], cwd=ROOT, env=env, check=True)
    with Demo(tmp_path) as second:
        assert "(you changed it)" in second.banner
        assert demo.PERSONAS[1].password in second.banner
        second.leave()
    with Demo(tmp_path, "--reset") as third:
        assert "(you changed it)" not in third.banner
        third.leave()
    assert mark.read_text() == "stays"


def refused(data: Path, *args: str, variables: Mapping[str, str] | None = None) -> str:
    line, env = command(data, *args, **(variables or {}))
    done = subprocess.run(line, cwd=ROOT, env=env, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    return done.stderr


def test_a_taken_port_is_named_in_one_sentence(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        said = refused(tmp_path, "--port", port)
    assert port in said
    assert said.count("\n") == 1


def test_reset_never_touches_a_database_that_was_named(tmp_path: Path) -> None:
    other = tmp_path / "other.sqlite3"
    other.write_bytes(b"")
    said = refused(tmp_path, "--reset", variables={"DATABASE_URL": f"sqlite:///{other}"})
    assert "DATABASE_URL" in said
    assert other.exists()


def test_the_demo_stays_away_from_other_peoples_database(tmp_path: Path) -> None:
    line, env = command(tmp_path)
    make = "from accounts.models import User; User.objects.create_user('somebody')"
    for args in (["migrate", "-v0"], ["shell", "-c", make]):
        subprocess.run([line[0], line[1], *args], cwd=ROOT, env=env, check=True)
    assert "people" in refused(tmp_path, "--port", str(demo_ports()))


def test_the_demo_does_not_run_in_production(tmp_path: Path) -> None:
    production = {
        "VESTIBULE_ENV": "production", "VESTIBULE_SECRET_KEY": "k3-Zq8vR_" * 8,
        "VESTIBULE_VAULT_KEYS": "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
        "VESTIBULE_SITE_URL": "https://login.example.org", "VESTIBULE_ARGON2_MEMORY_KIB": "47104",
        "VESTIBULE_MAIL_URL": "smtp://mail.example.org", "REDIS_URL": "redis://127.0.0.1:9/0",
        "DATABASE_URL": "postgres://vestibule@127.0.0.1:9/vestibule",
    }  # fmt: skip
    assert "production" in refused(tmp_path, variables=production)


def test_an_installed_site_says_that_the_demo_needs_a_checkout(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit) as left:
        ManagementUtility(["vestibule", "demo", "--port", "9000", "--reset"]).execute()
    said = capsys.readouterr().err
    assert left.value.code == 1
    assert "checkout" in said
    assert said.count("\n") == 1
