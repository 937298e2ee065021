"""The whole demo for a test, started by its own command, as a person has it who reads the banner.

    with running(tmp_path) as demo:
        demo.banner
        demo.site, demo.stand_in, demo.library, demo.directory, demo.files   # where its parts are

It has no database but its own file, whatever the tests run on. `running` begins with the copy of a
migrated one, when it is given one; without, the demo migrates, as on the day of its first run.
"""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.peers import database
from tests.peers.site import ROOT, demo_ports, environment
from tests.sandbox.processes import is_free


@dataclass
class Demo:
    """A demo that runs. `port` is the site's, `env` its commands'; `banner` is all that was said at
    the start.
    """

    port: int
    process: subprocess.Popen[str]
    env: Mapping[str, str]
    banner: str = ""

    @property
    def site(self) -> str:
        return f"http://localhost:{self.port}"

    @property
    def stand_in(self) -> str:
        return f"http://127.0.0.1:{self.port + 1}"

    @property
    def library(self) -> str:
        return f"http://localhost:{self.port + 2}"

    @property
    def files(self) -> str:
        return f"http://localhost:{self.port + 4}"

    @property
    def directory(self) -> str:
        return f"ldap://127.0.0.1:{self.port + 3}"

    def leave(self, number: signal.Signals = signal.SIGINT) -> str:
        """End all of it by a signal. Returns what was said after the banner."""
        self.process.send_signal(number)
        said, _ = self.process.communicate(timeout=120)
        assert self.process.returncode == 0, said
        assert all(is_free(self.port + n) for n in range(5))
        return said


def command(data: Path, *args: str, **variables: str) -> tuple[list[str], dict[str, str]]:
    """Return the demo's command, and its environment."""
    known = {"VESTIBULE_DATA": str(data), "VESTIBULE_ARGON2_MEMORY_KIB": "1024", **variables}
    return [sys.executable, "manage.py", "demo", *args], environment(known)


@contextmanager
def running(data: Path, *args: str, migrated: str = "") -> Iterator[Demo]:
    """Run the demo on free ports, and end it by Ctrl-C unless the test does."""
    port = demo_ports()
    if migrated:
        database.copied(migrated, data)
    line, env = command(data, "--port", str(port), *args)
    demo = Demo(
        port,
        subprocess.Popen(
            line, cwd=ROOT, env=env, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        ),
        env,
    )
    assert demo.process.stdout
    try:
        while "Ctrl-C" not in demo.banner:
            said = demo.process.stdout.readline()
            assert said, demo.banner
            demo.banner += said
        yield demo
        if demo.process.poll() is None:
            demo.leave()
    finally:
        demo.process.kill()
        demo.process.wait()
