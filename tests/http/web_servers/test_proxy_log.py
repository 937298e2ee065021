"""What nginx logs of its own accord, by the files of `deploy/`: no address that holds a secret."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
import requests

from tests.peers import proxies
from tests.peers.certificates import make_certificates
from tests.peers.site import free_port

SECRET = (
    "/auth/callback/town?code=hush&state=hush",
    "/login/reset/MQ/hush-hush",
    "/login/letmein/hush",
    "/oauth/authorize?login_hint=hush",
    "/admin/accounts/user/?q=hush",
)


@pytest.mark.wire
def test_c10_nginx_keeps_no_code_no_link_and_no_name(tmp_path: Path) -> None:
    """The log of a distribution has each address with its query, for two weeks."""
    login, files, nobody = free_port(), free_port(), free_port()
    made = make_certificates(tmp_path, ("localhost", "127.0.0.1"))
    proxies.nginx_site(tmp_path, "localhost", login, nobody, made)
    own = {
        "/etc/ssl/files.example.org.pem": str(made.certificate),
        "/etc/ssl/private/files.example.org.key": str(made.key),
        "listen 443 ssl": f"listen 127.0.0.1:{files} ssl",
        "server_name files.example.org": "server_name localhost",
        "127.0.0.1:8080": f"127.0.0.1:{nobody}",
    }
    (tmp_path / "files.conf").write_text(proxies.changed("gateway/nginx.conf", own))
    log = tmp_path / "access.log"
    command = proxies.nginx_around(tmp_path, "site.conf", "files.conf", access_log=str(log))
    with proxies.served(command, login, tmp_path), requests.Session() as browser:
        browser.verify, browser.trust_env = str(made.authority), False
        for path in SECRET:
            assert browser.get(f"https://localhost:{login}{path}", timeout=60).status_code == 502
        browser.get(f"https://localhost:{files}/.vestibule/accept?code=hush", timeout=60)
        browser.get(f"https://localhost:{files}/of-the-application", timeout=60)
        deadline = time.monotonic() + 60
        while "/of-the-application" not in log.read_text() and time.monotonic() < deadline:
            time.sleep(0.1)
    kept = log.read_text()
    assert "GET /of-the-application" in kept, "what is the application's is logged as before"
    assert "hush" not in kept
