"""The demo is two processes: the site, and the stand-in that it signs people in by."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

from accounts.models import Source
from accounts.source import catalogue, registry
from tests.http.sandbox.running import CITIZEN, hidden
from tests.peers.site import ROOT, demo_ports, environment
from tests.sandbox import openid_demo as demo
from tests.sandbox.processes import is_free


@contextmanager
def running(data: Path, port: int, *args: str) -> Iterator[str]:
    """Run the demo until Ctrl-C, give its banner, and see both processes end."""
    env = environment({"VESTIBULE_DATA": str(data), "VESTIBULE_ARGON2_MEMORY_KIB": "1024"})
    line = [sys.executable, "manage.py", "demo", "--port", str(port), *args]
    own = subprocess.Popen(line, cwd=ROOT, env=env, text=True, stdout=subprocess.PIPE)
    assert own.stdout
    try:
        banner = ""
        while "Ctrl-C" not in banner:
            said = own.stdout.readline()
            assert said, banner
            banner += said
        yield banner
        own.send_signal(signal.SIGINT)
        own.communicate(timeout=30)
        assert own.returncode == 0
        assert is_free(port)
        assert is_free(port + 1)
    finally:
        if own.poll() is None:
            own.kill()
            own.wait()


def test_a_newcomer_signs_in_by_one_click_and_leaves_on_both_sides(tmp_path: Path) -> None:
    port = demo_ports()
    site, stand_in = f"http://localhost:{port}", f"http://127.0.0.1:{port + 1}"
    with running(tmp_path, port) as banner, requests.Session() as browser:
        assert f"{stand_in}/" in banner
        page = browser.get(f"{site}/auth/login/citizen", timeout=10)
        assert page.url.startswith(f"{stand_in}/openid/authorize")
        form = {
            "csrfmiddlewaretoken": browser.cookies["sandbox-csrf"],
            "request": hidden(page, "request"),
            "persona": CITIZEN,
        }
        landed = browser.post(f"{stand_in}/openid/authorize/choose", data=form, timeout=10)
        assert landed.url == f"{site}/account/"
        assert browser.get(f"{site}/auth/session", timeout=10).json()["source"] == "citizen"
        assert "Clara Clausen" in browser.get(f"{stand_in}/", timeout=10).text
        token = {"csrfmiddlewaretoken": browser.cookies["csrftoken"]}
        left = browser.post(f"{site}/auth/logout", data=token, timeout=10)
        assert left.url == f"{site}/"
        assert any(step.url.startswith(f"{stand_in}/openid/end_session") for step in left.history)
        assert "Clara Clausen" not in browser.get(f"{stand_in}/", timeout=10).text


def test_a_second_run_keeps_the_stand_ins_key_and_reset_does_not(tmp_path: Path) -> None:
    port = demo_ports()
    found = []
    for args in ((), (), ("--reset",)):
        with running(tmp_path, port, *args):
            keys = requests.get(f"http://127.0.0.1:{port + 1}/openid/jwks", timeout=10)
            found.append(keys.json()["keys"][0]["n"])
    assert found[0] == found[1] != found[2]


def test_a_taken_port_of_the_stand_in_is_named(tmp_path: Path) -> None:
    port = demo_ports()
    with socket.create_server(("127.0.0.1", port + 1)):
        line = [sys.executable, "manage.py", "demo", "--port", str(port)]
        env = environment({"VESTIBULE_DATA": str(tmp_path)})
        done = subprocess.run(line, cwd=ROOT, env=env, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert str(port + 1) in done.stderr


@pytest.mark.django_db
def test_furnishing_makes_the_source_once_and_leaves_what_was_changed() -> None:
    demo.furnish(8000)
    source = Source.objects.get(slug=demo.SLUG)
    assert source.settings["issuer"] == "http://127.0.0.1:8001/openid"
    assert catalogue.instance(source).session_type == "oidc"
    source.label = "Ours"
    catalogue.save(source)
    demo.furnish(9000)
    source.refresh_from_db()
    assert source.label == "Ours"
    assert source.settings["issuer"] == "http://127.0.0.1:9001/openid"
    source.settings["issuer"] = "https://login.example.org/openid"
    catalogue.save(source)
    demo.furnish(8000)
    source.refresh_from_db()
    assert source.settings["issuer"] == "https://login.example.org/openid"


@pytest.mark.django_db
def test_a_site_without_the_provider_is_furnished_without_the_source(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    local_only = {"local": registry.providers()["local"]}
    monkeypatch.setattr(registry, "providers", lambda: local_only)
    demo.furnish(8000)
    assert not Source.objects.filter(slug=demo.SLUG).exists()
