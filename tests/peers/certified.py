"""The certified OpenID provider (npm oidc-provider) for a test, and what a test may do to it.

    with certified(OP_AUTO_CONSENT="1") as provider:
        provider.issuer                     # http://127.0.0.1:PORT
        provider.trouble("/token", "hang")  # from now on nobody gets an answer there

`start-oidc-provider.sh` and README.md say what the variables are.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import requests

from tests.peers import patience
from tests.peers.certificates import Certificates
from tests.peers.site import free_port

HERE = Path(__file__).resolve().parent
PATIENCE = 120.0  # seconds until a started peer must answer
SECRET = "portal-secret-0123456789abcdef0123456789"
AWKWARD_SECRET = 'sp ace+plus%25&=:/"0123456789abcdef'


@dataclass
class Peer:
    """An OpenID provider in a process of its own. `ca` is the authority to trust, a path or ''."""

    issuer: str
    command: Sequence[str]
    variables: Mapping[str, str]
    ca: str = ""
    log: IO[bytes] = field(default_factory=tempfile.TemporaryFile, repr=False)
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    @property
    def origin(self) -> str:
        """Scheme, host and port."""
        return "/".join(self.issuer.split("/")[:3])

    def start(self) -> None:
        """Start, and return once the discovery document is there. It ends with this process."""
        self.process = subprocess.Popen(
            ["setpriv", "--pdeathsig", "TERM", *self.command],
            env={**os.environ, **self.variables},
            stdin=subprocess.DEVNULL,
            stdout=self.log,
            stderr=self.log,
        )
        deadline = time.monotonic() + PATIENCE
        while not self._answers():
            assert self.process.poll() is None, f"the peer ended at its start:\n{self.output()}"
            assert time.monotonic() < deadline, f"the peer does not answer:\n{self.output()}"
            time.sleep(0.05)

    def stop(self) -> None:
        """End it. Harmless when it has ended."""
        if self.process is not None:
            self.process.terminate()
            self.process.wait(60)
            self.process = None

    def output(self) -> str:
        """Return what it printed so far."""
        self.log.seek(0)
        return self.log.read().decode(errors="replace")

    def ask(self, method: str, path: str, /, **form: str) -> Any:
        """Call it past all that the portal does, and return the JSON of the answer."""
        verify: Any = self.ca or True
        answer = requests.request(
            method, self.origin + path, data=form, verify=verify, timeout=PATIENCE
        )
        answer.raise_for_status()
        return answer.json()

    def _answers(self) -> bool:
        url = f"{self.issuer}/.well-known/openid-configuration"
        try:  # not with all the patience: one call that is lost would cost all of it
            return requests.get(url, verify=self.ca or True, timeout=5).ok
        except requests.RequestException:
            return False


class Certified(Peer):
    """The certified provider with its controls."""

    def rotate_keys(self, *, drop: bool = False) -> list[str]:
        """Sign with new keys; `drop` publishes the new ones only. Returns the published kids."""
        kids: list[str] = self.ask("POST", "/_test/rotate-keys", drop="1" if drop else "")
        return kids

    def live(self, **seconds: int) -> None:
        """Set how long an access_token, an id_token or a refresh_token lives from now on."""
        self.ask("POST", "/_test/ttl", **{name: str(value) for name, value in seconds.items()})

    def trouble(self, path: str, kind: str, times: int = 0) -> None:
        """Answer what begins with `path` with trouble, for `times` calls or (0) until `heal`.

        `kind`: hang, slow, drip, drop, garbage, html, empty, list, redirect, huge, stale (what is
        answered there now, whatever changes), or a status.
        """
        more = {"times": str(times)} if times else {}
        self.ask("POST", "/_test/trouble", path=path, kind=kind, **more)
        patience.hangs(kind in {"hang", "drip"})

    def heal(self) -> None:
        """End all trouble."""
        self.ask("POST", "/_test/trouble")
        patience.hangs(False)

    def revoke(self, refresh_token: str) -> None:
        """Withdraw all that was granted together with a refresh token."""
        self.ask("POST", "/_test/revoke", token=refresh_token)

    def rotates(self, on: bool) -> None:
        """Issue a new refresh token at each use, as a new provider does, or keep the old one."""
        self.ask("POST", "/_test/rotation", on="1" if on else "")

    def requests(self, path: str = "") -> list[dict[str, Any]]:
        """Return what was asked for: `method`, `path`, `connection` (a number), `scheme`."""
        return [r for r in self.ask("GET", "/_test/requests") if r["path"].startswith(path)]

    def forget_requests(self) -> None:
        """Count anew."""
        self.ask("DELETE", "/_test/requests")

    def events(self, kind: str = "") -> list[dict[str, Any]]:
        """Return what the provider noted, such as `grant.error`."""
        return [e for e in self.ask("GET", "/_test/events") if e["type"].startswith(kind)]

    def signed_in(self) -> list[str]:
        """Return who has a session at the provider, by subject."""
        return [each for each in self.ask("GET", "/_test/sessions") if each]

    def clean(self) -> None:
        """Forget troubles, lives, sessions and what was asked, for the next test."""
        self.ask("POST", "/_test/clean")
        patience.hangs(False)


@contextmanager
def certified(
    certificates: Certificates | None = None, *, started: bool = True, **variables: str
) -> Iterator[Certified]:
    """Give the provider on a free port of 127.0.0.1, over https when there are `certificates`.

    `started=False` reserves the port and leaves it to the test to `start`.
    """
    port = free_port()
    own = {"OP_PORT": str(port), **variables}
    if certificates:
        own |= {
            "OP_TLS_CERT": str(certificates.certificate),
            "OP_TLS_KEY": str(certificates.key),
        }
    scheme = "https" if certificates else "http"
    issuer = f"{scheme}://127.0.0.1:{port}{variables.get('OP_ISSUER_PATH', '')}"
    ca = str(certificates.authority) if certificates else ""
    provider = Certified(issuer, [str(HERE / "start-oidc-provider.sh")], own, ca)
    try:
        if started:
            provider.start()
        yield provider
    finally:
        provider.stop()
        provider.log.close()
