"""README's *Run it*, line for line, on PostgreSQL and Redis, and behind each proxy of deploy/."""

from __future__ import annotations

import re
import secrets
import shlex
import subprocess
import sys
import time
from base64 import b64encode
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests

from tests.http.sandbox.running import hidden
from tests.peers import proxies
from tests.peers.services import Postgres, Redis
from tests.peers.site import ROOT, TUNED, environment, free_port

BLOCK = re.search(r"```\n(export VESTIBULE_ENV=.*?)```", (ROOT / "README.md").read_text(), re.S)
PERSON, PASSWORD = "root", "four-gulls-over-a-ferry"
# What cannot be typed in a test: questions, and what the tests' own environment has done already.
INSTEAD = {
    "python3 -m venv .venv": "",
    ". .venv/bin/activate": "",
    "python -m pip install --require-hashes -r requirements.txt": "",
    "python manage.py createsuperuser": "python manage.py createsuperuser --no-input"
    f" --username {PERSON}",
}


def lines() -> list[str]:
    """Return the commands, without their comments."""
    assert BLOCK
    whole = re.sub(r"\s*\\\n\s*", " ", BLOCK[1])
    found = [re.sub(r"\s+#.*", "", line).strip() for line in whole.splitlines()]
    return [line for line in found if line]


def exported() -> dict[str, str]:
    words = (line.removeprefix("export ") for line in lines() if line.startswith("export "))
    return dict(word.split("=", 1) for word in words)


@dataclass(frozen=True)
class Production:
    """A site that README's commands have set up and serve."""

    port: int
    said: Mapping[str, str]
    log: Path


@pytest.fixture(scope="module")
def production(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Production]:
    data, port = tmp_path_factory.mktemp("production"), free_port()
    with ExitStack() as stack:
        given = {
            "VESTIBULE_ENV": exported()["VESTIBULE_ENV"],
            "VESTIBULE_SITE_URL": "https://localhost",
            "VESTIBULE_SECRET_KEY": secrets.token_urlsafe(50),
            "VESTIBULE_VAULT_KEYS": b64encode(secrets.token_bytes(32)).decode(),
            "DATABASE_URL": stack.enter_context(Postgres().running()).url,
            "REDIS_URL": stack.enter_context(Redis().running()).url,
            "VESTIBULE_MAIL_URL": "smtp+tls://user:password@127.0.0.1:1",
            "VESTIBULE_TRUSTED_PROXIES": "127.0.0.1",
            "VESTIBULE_WORKERS": exported()["VESTIBULE_WORKERS"],
            **TUNED,
        }
        assert set(given) == set(exported()), "README exports what the test does not, or less"
        env = environment(
            {**given, "VESTIBULE_DATA": str(data), "DJANGO_SUPERUSER_PASSWORD": PASSWORD}
        )
        env["PATH"] = f"{Path(sys.executable).parent}:{env['PATH']}"
        said, output = {}, (data / "log").open("ab")
        for line in lines():
            command = INSTEAD.get(line, line)
            if line.startswith("export ") or not command:
                continue
            if command.startswith("granian ") or command.endswith("--forever"):
                more = ["--port", str(port)] if command.startswith("granian ") else []
                process = subprocess.Popen(
                    ["setpriv", "--pdeathsig", "TERM", *shlex.split(command), *more],
                    cwd=ROOT, env=env, stdout=output, stderr=output,
                )  # fmt: skip
                stack.callback(end, process)
            else:
                done = subprocess.run(
                    shlex.split(command), cwd=ROOT, env=env, capture_output=True, text=True
                )
                assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
                said[line] = done.stdout + done.stderr
        wait(f"http://127.0.0.1:{port}/healthz", data / "log")
        yield Production(port, said, data / "log")


def end(process: subprocess.Popen[bytes]) -> None:
    assert process.poll() is None, f"{process.args} has ended by itself"
    process.terminate()
    process.wait(60)


def wait(url: str, log: Path) -> None:
    deadline = time.monotonic() + 120
    while True:
        assert time.monotonic() < deadline, log.read_text()
        try:
            if requests.get(url, headers={"Host": "localhost"}, timeout=60).status_code == 200:
                return
        except requests.ConnectionError:
            time.sleep(0.2)


def test_the_checks_find_nothing(production: Production) -> None:
    assert "no issues" in production.said["python manage.py check --deploy"]


@pytest.mark.parametrize("name", proxies.NAMES)
def test_people_sign_in_and_leave_behind_each_proxy(production: Production, name: str) -> None:
    with proxies.before(name, production.port) as (port, authority), requests.Session() as browser:
        browser.trust_env, browser.verify = False, str(authority)
        site = f"https://localhost:{port}"
        browser.headers["Referer"] = f"{site}/login"
        page = browser.get(f"{site}/login", timeout=60)
        style = re.search(r'href="(/static/[^"]+\.css)"', page.text)
        assert style
        served = browser.get(f"{site}{style[1]}", timeout=60)
        assert (served.status_code, served.headers["Content-Encoding"]) == (200, "gzip")
        token = {"csrfmiddlewaretoken": hidden(page, "csrfmiddlewaretoken")}
        form = {**token, "username": PERSON, "password": PASSWORD}
        entered = browser.post(f"{site}/auth/login/local", form, timeout=60)
        assert entered.url == f"{site}/account/", entered.text
        assert {cookie.name for cookie in browser.cookies} >= {"__Host-vestibule"}
        session = browser.get(f"{site}/auth/session", timeout=60)
        assert session.json()["user"]["username"] == PERSON
        token = {"csrfmiddlewaretoken": session.headers["X-CSRFToken"]}
        browser.post(f"{site}/auth/logout", token, timeout=60)
        assert not browser.get(f"{site}/auth/session", timeout=60).json()["isLoggedIn"]
    assert "Traceback" not in production.log.read_text()
