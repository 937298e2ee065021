"""A part of the demo that stands in for an identity source, in a process of its own for a test."""

from __future__ import annotations

import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests

from tests.peers.site import PATIENCE, ROOT, free_port


@dataclass
class StandIn:
    """One part. `data` is where it keeps what it remembers, `process` it while it runs.

    Whoever inherits says the `url`, and the `command` with its environment.
    """

    data: Path
    port: int = field(default_factory=free_port, kw_only=True)
    process: subprocess.Popen[bytes] | None = field(default=None, init=False)

    @property
    def url(self) -> str:
        raise NotImplementedError

    @property
    def verify(self) -> Any:
        """What a caller trusts: True, or a file of authorities."""
        return True

    def command(self) -> tuple[list[str], dict[str, str]]:
        raise NotImplementedError

    def start(self) -> None:
        """Start it, and wait until it answers. It ends with this process."""
        command, env = self.command()
        command = ["setpriv", "--pdeathsig", "TERM", *command]
        with Path(self.data, "output").open("ab") as log:
            self.process = subprocess.Popen(
                command, cwd=ROOT, env=env, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        deadline = time.monotonic() + PATIENCE
        while not self.answers():
            assert self.process.poll() is None, Path(self.data, "output").read_text()
            assert time.monotonic() < deadline, f"{type(self).__name__} does not answer"
            time.sleep(0.05)

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.wait(60)
            self.process = None

    def answers(self) -> bool:
        try:
            return requests.get(f"{self.url}/healthz", verify=self.verify, timeout=5).ok
        except (requests.ConnectionError, requests.Timeout):
            return False
