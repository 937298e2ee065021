"""The web servers of `deploy/gateway/`, started for real: each before the site and an application.

Of each file only the names, the addresses and the certificates are other than an operator's. The
site's own address is nginx's, by `deploy/nginx.conf`; whoever stands at Caddy's, Envoy's,
Traefik's or HAProxy's application signs in there as well.
"""

from __future__ import annotations

import socket
import ssl
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.peers.certificates import Certificates, make_certificates
from tests.peers.proxies import changed, nginx_around, nginx_site, served

NAMES = ("nginx", "Caddy", "Envoy", "Traefik", "HAProxy")
LOGIN, FILES = "login.town.localhost", "files.town.localhost"
_PYTHON = Path(sys.executable).parent


@dataclass(frozen=True)
class Places:
    """Who listens where: ports of 127.0.0.1."""

    login: int  # the site, as people see it
    site: int  # granian
    application: int
    files: int  # the application, as people see it

    @property
    def login_url(self) -> str:
        return f"https://{LOGIN}:{self.login}"

    @property
    def files_url(self) -> str:
        return f"https://{FILES}:{self.files}"


Prepare = Callable[[Path, Places, Certificates], list[str]]


@contextmanager
def authority() -> Iterator[Certificates]:
    """Make the certificates of both names, for all web servers of a test."""
    with TemporaryDirectory(prefix="authority-") as made:
        Path(made).chmod(0o755)
        names = (FILES, LOGIN, "localhost", "127.0.0.1")
        yield make_certificates(Path(made), names)


@contextmanager
def before(name: str, places: Places, certificates: Certificates) -> Iterator[None]:
    """Run a web server until the end of the block. nginx has the site's own address as well."""
    with TemporaryDirectory(prefix="gateway-") as made:
        command = _PREPARED[name](Path(made), places, certificates)
        with served(command, places.files, Path(made)):
            _answers(places.files, certificates, Path(made, "output"))
            yield


def _answers(port: int, certificates: Certificates, output: Path) -> None:
    """Wait until a web server has read its file: Traefik listens before."""
    context = ssl.create_default_context(cafile=certificates.authority)
    deadline = time.monotonic() + 120
    while True:
        assert time.monotonic() < deadline, output.read_text(errors="replace")
        wire = socket.create_connection(("127.0.0.1", port), 10)
        try:
            context.wrap_socket(wire, server_hostname=FILES).close()
        except OSError:
            wire.close()
            time.sleep(0.05)
        else:
            return


def _nginx(folder: Path, places: Places, certificates: Certificates) -> list[str]:
    nginx_site(folder, LOGIN, places.login, places.site, certificates)
    own = {
        "/etc/ssl/files.example.org.pem": str(certificates.certificate),
        "/etc/ssl/private/files.example.org.key": str(certificates.key),
        "listen 443 ssl": f"listen 127.0.0.1:{places.files} ssl",
        "server_name files.example.org": f"server_name {FILES}",
        "files.example.org": f"{FILES}:{places.files}",
        "login.example.org": f"{LOGIN}:{places.login}",
        "127.0.0.1:8080": f"127.0.0.1:{places.application}",
    }
    (folder / "files.conf").write_text(changed("gateway/nginx.conf", own))
    return nginx_around(folder, "site.conf", "files.conf")


def _caddy(folder: Path, places: Places, certificates: Certificates) -> list[str]:
    bound = f"\tbind 127.0.0.1\n\ttls {certificates.certificate} {certificates.key}"
    text = changed(
        "gateway/Caddyfile",
        {
            "{\n\tservers": "{\n\tadmin off\n\tauto_https off\n\tservers",
            "\nlogin.example.org {": f"\nhttps://{LOGIN}:{places.files} {{\n{bound}",
            "\nfiles.example.org {": f"\nhttps://{FILES}:{places.files} {{\n{bound}",
            "Host login.example.org": f"Host {LOGIN}:{places.login}",
            "127.0.0.1:8000": f"127.0.0.1:{places.site}",
            "127.0.0.1:8080": f"127.0.0.1:{places.application}",
        },
    )
    (folder / "Caddyfile").write_text(text)
    return ["caddy", "run", "--adapter", "caddyfile", "--config", str(folder / "Caddyfile")]


def _envoy(folder: Path, places: Places, certificates: Certificates) -> list[str]:
    text = changed(
        "gateway/envoy.yaml",
        {
            "address: 0.0.0.0, port_value: 443": f"address: 127.0.0.1, port_value: {places.files}",
            "literal: login.example.org": f"literal: {LOGIN}:{places.login}",
            **_both_names(certificates),
            "port_value: 8000": f"port_value: {places.site}",
            "port_value: 8080": f"port_value: {places.application}",
        },
    )
    (folder / "envoy.yaml").write_text(text)
    quick = ["--concurrency", "1", "--disable-hot-restart", "--log-level", "warning"]
    return [str(_PYTHON / "envoy"), "-c", str(folder / "envoy.yaml"), *quick]


def _traefik(folder: Path, places: Places, certificates: Certificates) -> list[str]:
    name = "Host(`files.example.org`)"
    text = changed(
        "gateway/traefik.yaml",
        {
            # As an operator adds one: without a priority the longer rule counts first.
            name: f"({name} || Host(`another-application.example.org`))",
            "Host: login.example.org": f"Host: {LOGIN}:{places.login}",
            **_both_names(certificates),
            "127.0.0.1:8000": f"127.0.0.1:{places.site}",
            "127.0.0.1:8080": f"127.0.0.1:{places.application}",
        },
    )
    (folder / "dynamic.yaml").write_text(text)
    return [
        str(_PYTHON / "traefik"),
        f"--entryPoints.websecure.address=127.0.0.1:{places.files}",
        "--entryPoints.websecure.transport.respondingTimeouts.readTimeout=12h",
        f"--providers.file.filename={folder / 'dynamic.yaml'}",
        "--log.level=WARN",
        "--global.checkNewVersion=false",
        "--global.sendAnonymousUsage=false",
    ]


def haproxy(folder: Path, places: Places, certificates: Certificates) -> list[str]:
    """Write HAProxy's two files to `folder`, and return the command that runs it."""
    both, asks = folder / "both.pem", folder / "vestibule.lua"
    both.write_bytes(certificates.certificate.read_bytes() + certificates.key.read_bytes())
    asks.write_text(changed("gateway/vestibule.lua", {}))
    text = changed(
        "gateway/haproxy.cfg",
        {
            "bind :443": f"bind 127.0.0.1:{places.files}",
            "/etc/ssl/private/example.org.both.pem": str(both),
            "/etc/haproxy/vestibule.lua": str(asks),
            "-i login.example.org": f"-i {LOGIN}",
            "-i files.example.org": f"-i {FILES}",
            "login.example.org": f"{LOGIN}:{places.login}",
            "127.0.0.1:8000": f"127.0.0.1:{places.site}",
            "127.0.0.1:8080": f"127.0.0.1:{places.application}",
        },
    )
    (folder / "haproxy.cfg").write_text(text)
    return ["haproxy", "-db", "-f", str(folder / "haproxy.cfg")]


def _both_names(certificates: Certificates) -> Mapping[str, str]:
    return {
        "login.example.org": LOGIN,
        "files.example.org": FILES,
        "/etc/ssl/example.org.pem": str(certificates.certificate),
        "/etc/ssl/private/example.org.key": str(certificates.key),
    }


_PREPARED: Mapping[str, Prepare] = {
    "nginx": _nginx,
    "Caddy": _caddy,
    "Envoy": _envoy,
    "Traefik": _traefik,
    "HAProxy": haproxy,
}
