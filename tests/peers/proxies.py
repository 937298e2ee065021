"""The proxies of `deploy/`, started for real before a server on loopback, over https.

Of each file only the name, the addresses and the certificate are other than an operator's.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.peers.certificates import Certificates, make_certificates
from tests.peers.site import ROOT, free_port

NAMES = ("nginx", "Caddy", "HAProxy")
PATH = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"


@contextmanager
def before(name: str, upstream: int) -> Iterator[tuple[int, Path]]:
    """Run a proxy before a port of 127.0.0.1. Gives its own port, and the authority to trust."""
    with tempfile.TemporaryDirectory(prefix="proxy-") as made:
        folder, port = Path(made), free_port()
        certificates = make_certificates(folder, ("localhost", "127.0.0.1"))
        command = _COMMANDS[name](folder, port, upstream, certificates)
        with served(command, port, folder):
            yield port, certificates.authority


@contextmanager
def served(command: Sequence[str], port: int, folder: Path) -> Iterator[None]:
    """Run a server that keeps what it needs in `folder`, until the end of the block.

    Raises `AssertionError` with what it printed when it does not listen on `port`.
    """
    with (folder / "output").open("wb") as output:
        process = subprocess.Popen(
            ["setpriv", "--pdeathsig", "TERM", *command],
            env={**os.environ, "PATH": PATH, "HOME": str(folder), "XDG_DATA_HOME": str(folder)},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
    try:
        _wait(process, port, folder / "output")
        yield
    finally:
        process.terminate()
        process.wait(60)


def changed(file: str, changes: Mapping[str, str]) -> str:
    """Return a file of `deploy/` with these changes, each of which must find its place."""
    text = (ROOT / "deploy" / file).read_text()
    for old, new in changes.items():
        assert old in text, f"deploy/{file} has no {old!r}"
        text = text.replace(old, new)
    return text


def _nginx(folder: Path, port: int, upstream: int, certificates: Certificates) -> list[str]:
    nginx_site(folder, "localhost", port, upstream, certificates)
    return nginx_around(folder, "site.conf")


def nginx_site(folder: Path, name: str, port: int, site: int, certificates: Certificates) -> None:
    """Write `site.conf`: deploy/nginx.conf at `port` by `name`, before granian at port `site`."""
    own = {
        "/etc/ssl/login.example.org.pem": str(certificates.certificate),
        "/etc/ssl/private/login.example.org.key": str(certificates.key),
        "listen 443 ssl": f"listen 127.0.0.1:{port} ssl",
        "server_name login.example.org": f"server_name {name}",
        "127.0.0.1:8000": f"127.0.0.1:{site}",
    }
    (folder / "site.conf").write_text(changed("nginx.conf", own))


def nginx_around(folder: Path, *files: str, access_log: str = "off") -> list[str]:
    """Return the command that runs nginx with files of `folder`, where it keeps all it needs. It
    logs requests to the file `access_log` where nothing else is said, as a distribution's does.
    """
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    paths = "".join(f"{kind}_temp_path {folder}/{kind};" for kind in kinds)
    included = "".join(f"include {folder}/{file};" for file in files)
    (folder / "nginx.conf").write_text(
        f"daemon off; pid {folder}/pid; error_log stderr; events {{ worker_connections 2048; }}"
        f"http {{ access_log {access_log}; {paths} {included} }}"
    )
    shutil.chown(folder, "www-data") if os.geteuid() == 0 else None
    return ["nginx", "-e", "stderr", "-p", str(folder), "-c", str(folder / "nginx.conf")]


def _caddy(folder: Path, port: int, upstream: int, certificates: Certificates) -> list[str]:
    text = changed(
        "Caddyfile",
        {
            "{\n\tservers": "{\n\tadmin off\n\tauto_https off\n\tservers",
            "{$SITE_HOST:login.example.org} {": f"https://localhost:{port} {{\n\tbind 127.0.0.1\n"
            f"\ttls {certificates.certificate} {certificates.key}",
            "{$SITE_UPSTREAM:127.0.0.1:8000}": f"127.0.0.1:{upstream}",
        },
    )
    (folder / "Caddyfile").write_text(text)
    return ["caddy", "run", "--adapter", "caddyfile", "--config", str(folder / "Caddyfile")]


def _haproxy(folder: Path, port: int, upstream: int, certificates: Certificates) -> list[str]:
    both = folder / "both.pem"
    both.write_bytes(certificates.certificate.read_bytes() + certificates.key.read_bytes())
    text = changed(
        "haproxy.cfg",
        {
            "bind :443": f"bind 127.0.0.1:{port}",
            "/etc/ssl/private/login.example.org.both.pem": str(both),
            "hdr Host login.example.org": "hdr Host localhost",
            "127.0.0.1:8000": f"127.0.0.1:{upstream}",
        },
    )
    (folder / "haproxy.cfg").write_text(text)
    return ["haproxy", "-db", "-f", str(folder / "haproxy.cfg")]


_COMMANDS = {"nginx": _nginx, "Caddy": _caddy, "HAProxy": _haproxy}


def _wait(process: subprocess.Popen[bytes], port: int, output: Path) -> None:
    deadline = time.monotonic() + 120
    while True:
        assert process.poll() is None, output.read_text(errors="replace")
        assert time.monotonic() < deadline, output.read_text(errors="replace")
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
