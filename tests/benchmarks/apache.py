"""Apache with mod_auth_openidc, as Debian brings it: one process, its sessions in shared memory."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.benchmarks.provider import CLIENT_ID, CLIENT_SECRET
from tests.benchmarks.servers import Served, running
from tests.peers.site import free_port

MODULES = Path("/usr/lib/apache2/modules")
_LOADED = ("mpm_event", "authn_core", "authz_core", "authz_user", "auth_openidc", "mime")
_TEMPLATE = """
ServerRoot {folder}
ServerName 127.0.0.1
Listen 127.0.0.1:{port}
PidFile {folder}/pid
ErrorLog {folder}/errors
DocumentRoot {folder}/files
TypesConfig /dev/null
{modules}
{user}
StartServers 1
ServerLimit 1
ThreadsPerChild 8
MaxRequestWorkers 8
MaxKeepAliveRequests 0
OIDCProviderMetadataURL {issuer}/.well-known/openid-configuration
OIDCClientID {client_id}
OIDCClientSecret {client_secret}
OIDCRedirectURI http://127.0.0.1:{port}/callback
OIDCCryptoPassphrase a-password-of-the-bench
OIDCPKCEMethod S256
<Location />
  AuthType openid-connect
  Require valid-user
  OIDCUnAuthAction auth true
</Location>
"""


def is_installed() -> bool:
    """Tell whether the module is there (tests/benchmarks/install)."""
    return (MODULES / "mod_auth_openidc.so").exists()


@contextmanager
def mod_auth_openidc(issuer: str) -> Iterator[Served]:
    """Serve a file to whoever has signed in at `issuer`."""
    with tempfile.TemporaryDirectory() as name:
        folder, port = Path(name), free_port()
        folder.chmod(0o755)
        (folder / "files").mkdir()
        (folder / "files" / "check.json").write_text('{"isLoggedIn": true}')
        lines = [f"LoadModule {each}_module {MODULES}/mod_{each}.so" for each in _LOADED]
        text = _TEMPLATE.format(
            folder=folder,
            port=port,
            issuer=issuer,
            client_id=CLIENT_ID,
            client_secret=CLIENT_SECRET,
            modules="\n".join(lines),
            user="User www-data\nGroup www-data" if os.geteuid() == 0 else "",
        )
        (folder / "httpd.conf").write_text(text)
        command = ["/usr/sbin/apache2", "-D", "FOREGROUND", "-f", str(folder / "httpd.conf")]
        with running(command, {}, port) as served:
            yield served
