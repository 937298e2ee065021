"""The process: what it keeps from one run to the next, and where it does not run."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
import requests

from tests.http.sandbox.running import Browser, Sandbox, told
from tests.peers.commands import manage
from tests.peers.site import ROOT

PRODUCTION = {
    "VESTIBULE_ENV": "production",
    "VESTIBULE_SECRET_KEY": "x" * 50,
}


def test_a_second_run_keeps_the_key_the_sessions_and_the_grants(tmp_path: Path) -> None:
    sandbox = Sandbox(tmp_path)
    sandbox.start()
    browser = Browser(sandbox)
    tokens = browser.tokens()
    keys = requests.get(f"{sandbox.issuer}/jwks", timeout=60).json()
    browser.trouble("down")
    sandbox.stop()
    sandbox.start()
    try:
        assert requests.get(f"{sandbox.issuer}/jwks", timeout=60).json() == keys
        assert told(browser.authorize(prompt="none"))["code"]
        form = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
        assert sandbox.post("token", **form).status_code == 200
    finally:
        sandbox.stop()


def test_nothing_secret_is_kept_in_the_clear(tmp_path: Path) -> None:
    sandbox = Sandbox(tmp_path)
    sandbox.start()
    try:
        browser = Browser(sandbox)
        tokens = browser.tokens()
        code = told(browser.authorize())["code"]
    finally:
        sandbox.stop()
    kept = b"".join(path.read_bytes() for path in tmp_path.glob("sandbox.sqlite3*"))
    cookie = browser.session.cookies["sandbox-openid"]
    for secret in (tokens["refresh_token"], tokens["access_token"], code, cookie):
        assert secret.encode() not in kept
    said = Path(tmp_path, "output").read_text()
    assert tokens["refresh_token"] not in said
    assert code not in said


def test_it_does_not_start_in_production(tmp_path: Path) -> None:
    """Whether granian ends with its worker, or tries again, depends on how soon that one ended."""
    sandbox = Sandbox(tmp_path)
    command, env = sandbox.command(**PRODUCTION)
    with subprocess.Popen(
        command, cwd=ROOT, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        assert process.stdout
        said = next((line for line in process.stdout if "does not run in production" in line), "")
        answers = sandbox.answers()
        process.terminate()
    assert said
    assert not answers


@pytest.mark.parametrize("environment", ["", "production"], ids=["here", "production"])
def test_a_check_refuses_the_app_in_production(tmp_path: Path, environment: str) -> None:
    _, env = Sandbox(tmp_path).command(**PRODUCTION)
    env |= {"VESTIBULE_ENV": environment, "DJANGO_SETTINGS_MODULE": "tests.sandbox.site"}
    done = manage(["check", "--tag", "vestibule"], env)
    assert ("vestibule.E040" in done.stderr) == bool(environment), done.stderr
