"""Applications of three domains behind one web server, with the site beside them.

nginx and Caddy are as `deploy/gateway/` has them, with a block for each name, all at one port.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.peers.certificates import Certificates, make_certificates
from tests.peers.proxies import changed, nginx_around, nginx_site, served
from tests.peers.site import free_port

LOGIN = "login.town.localhost"
HOSTS = ("files.town.localhost", "wiki.school.localhost", "desk.region.localhost")
NAMES = ("nginx", "Caddy")


@contextmanager
def town(name: str, site: int, application: int) -> Iterator[int]:
    """Run a web server before the site's port and an application's. Gives its own port."""
    with TemporaryDirectory(prefix="neighbours-") as made:
        folder, port = Path(made), free_port()
        folder.chmod(0o755)
        certificates = make_certificates(folder, (LOGIN, *HOSTS))
        prepare = {"nginx": _nginx, "Caddy": _caddy}[name]
        with served(prepare(folder, port, site, application, certificates), port, folder):
            yield port


def _nginx(
    folder: Path, port: int, site: int, application: int, certificates: Certificates
) -> list[str]:
    nginx_site(folder, LOGIN, port, site, certificates)
    own = {
        "/etc/ssl/files.example.org.pem": str(certificates.certificate),
        "/etc/ssl/private/files.example.org.key": str(certificates.key),
        "listen 443 ssl": f"listen 127.0.0.1:{port} ssl",
        "login.example.org": f"{LOGIN}:{port}",
        "127.0.0.1:8080": f"127.0.0.1:{application}",
    }
    maps, _, server = changed("gateway/nginx.conf", own).partition("\nserver {")
    blocks = (_named(f"\nserver {{{server}", host, port) for host in HOSTS)
    (folder / "files.conf").write_text(maps + "".join(blocks))
    return nginx_around(folder, "site.conf", "files.conf")


def _named(block: str, host: str, port: int) -> str:
    block = block.replace("server_name files.example.org", f"server_name {host}")
    return block.replace("files.example.org", f"{host}:{port}")


def _caddy(
    folder: Path, port: int, site: int, application: int, certificates: Certificates
) -> list[str]:
    bound = f"\tbind 127.0.0.1\n\ttls {certificates.certificate} {certificates.key}"
    names = ", ".join(f"https://{host}:{port}" for host in HOSTS)
    own = {
        "{\n\tservers": "{\n\tadmin off\n\tauto_https off\n\tservers",
        "\nlogin.example.org {": f"\nhttps://{LOGIN}:{port} {{\n{bound}",
        "\nfiles.example.org {": f"\n{names} {{\n{bound}",
        "Host login.example.org": f"Host {LOGIN}:{port}",
        "127.0.0.1:8000": f"127.0.0.1:{site}",
        "127.0.0.1:8080": f"127.0.0.1:{application}",
    }
    (folder / "Caddyfile").write_text(changed("gateway/Caddyfile", own))
    return ["caddy", "run", "--adapter", "caddyfile", "--config", str(folder / "Caddyfile")]


def rules(hosts: Sequence[str] = HOSTS) -> str:
    """Return the lines that make a rule for each host."""
    lines = (f"AccessRule.objects.create(slug={each[:5]!r}, host={each!r})" for each in hosts)
    return "\n".join(("from portal.gateway.models import AccessRule", *lines, ""))
