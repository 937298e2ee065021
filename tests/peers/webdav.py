"""Files by WebDAV for a test: Debian's Apache with mod_dav, without a login of its own, and rclone.

    with webdav() as files:
        files.root                     # the folder that it serves at /dav/
        files.asked()                  # what it was asked since the last time

It stands behind a web server that asks the gateway, and believes the headers that it is sent.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.peers.names import finding
from tests.peers.proxies import served
from tests.peers.site import free_port

SERVER, MODULES = "/usr/sbin/apache2", Path("/usr/lib/apache2/modules")
_LOADED = ("mpm_event", "authz_core", "mime", "dav", "dav_fs", "headers")
_TOLD = ("Remote-User", "Remote-Name", "Remote-Email", "Remote-Groups", "Authorization", "Cookie")
_CONFIGURATION = """\
ServerRoot {folder}
ServerName 127.0.0.1
Listen 127.0.0.1:{port}
PidFile {folder}/pid
DefaultRuntimeDir {folder}
Mutex file:{folder} default
ErrorLog {folder}/errors
TypesConfig /etc/mime.types
DocumentRoot {root}
DavLockDB {folder}/lock/db
LogFormat "%m\\t%U\\t%>s\\t{told}" told
CustomLog {folder}/asked told
MaxRequestWorkers 50
<Directory />
Require all denied
</Directory>
<Directory {root}>
Require all granted
</Directory>
# It is told of https://files.example.org/..., and is itself http on another port.
RequestHeader edit Destination ^https?://[^/]+ http://127.0.0.1:{port} early
<Location /dav>
Dav On
</Location>
"""


@dataclass(frozen=True)
class Asked:
    """A request that reached the server; a header that was not sent is `-`."""

    method: str
    path: str
    status: int
    headers: dict[str, str]


@dataclass
class Files:
    """A running server."""

    folder: Path
    port: int = field(default_factory=free_port)
    _read: int = 0

    @property
    def root(self) -> Path:
        return self.folder / "root" / "dav"

    def asked(self, at_least: int = 0) -> list[Asked]:
        """Return the requests since the last time. They are written down after their answers, in
        any order: so wait until there are `at_least` so many.
        """
        deadline = time.monotonic() + 120
        while True:
            lines = (self.folder / "asked").read_text(errors="replace").splitlines()
            new = lines[self._read :]
            if len(new) >= at_least:
                self._read = len(lines)
                return [_asked(*line.split("\t")) for line in new]
            assert time.monotonic() < deadline, new
            time.sleep(0.05)

    def received(self) -> int:
        """Return how many bytes are on the disk, half-finished uploads among them."""
        return sum(each.stat().st_size for each in self.root.rglob("*") if each.is_file())


def _asked(method: str, path: str, status: str, *told: str) -> Asked:
    return Asked(method, path, int(status), dict(zip(_TOLD, told, strict=True)))


@contextmanager
def webdav() -> Iterator[Files]:
    """Run the server on a free port of 127.0.0.1, with `hello.txt` and a folder in it."""
    # Not one of pytest's folders, which are closed to the user that Apache runs as.
    with tempfile.TemporaryDirectory(prefix="webdav-") as made:
        own = Files(Path(made))
        (own.root / "folder").mkdir(parents=True)
        (own.root / "hello.txt").write_text("hello\n")
        (own.root / "folder" / "æøå file.txt").write_text("blåbær\n")
        (own.folder / "lock").mkdir()
        told = "\\t".join(f"%{{{name}}}i" for name in _TOLD)
        root = own.root.parent
        text = "".join(f"LoadModule {n}_module {MODULES}/mod_{n}.so\n" for n in _LOADED)
        text += _CONFIGURATION.format(folder=made, port=own.port, root=root, told=told)
        if os.geteuid() == 0:
            text += "User www-data\nGroup www-data\n"
            for path in (own.folder, *own.folder.rglob("*")):
                shutil.chown(path, "www-data", "www-data")
        (own.folder / "httpd.conf").write_text(text)
        command = [SERVER, "-D", "FOREGROUND", "-f", str(own.folder / "httpd.conf")]
        with served(command, own.port, own.folder):
            own.asked()
            yield own


def rclone(
    url: str,
    *args: str,
    token: str = "",
    user: tuple[str, str] = ("", ""),
    authority: Path | None = None,
) -> str:
    """Run rclone; `:webdav:` in `args` is `url`, with a bearer token, or name and password.

    Returns what it printed. Raises `AssertionError` with that when it fails.
    """
    command = ["rclone", "--config", "/dev/null", "--retries", "1", "--low-level-retries", "1"]
    command += ["--webdav-url", url, "--webdav-vendor", "other"]
    command += ["--webdav-bearer-token", token] if token else []
    if all(user):
        hidden = subprocess.run(
            ["rclone", "obscure", user[1]], capture_output=True, text=True, check=True
        )
        command += ["--webdav-user", user[0], "--webdav-pass", hidden.stdout.strip()]
    command += ["--ca-cert", str(authority)] if authority else []
    with finding() as proxy:
        done = subprocess.run(
            [*command, *args],
            env={**os.environ, "HTTPS_PROXY": proxy},
            capture_output=True,
            text=True,
            timeout=120,
        )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
