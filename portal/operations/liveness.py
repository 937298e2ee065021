"""The sign of life of a process that answers nobody: a file that is touched, a word to systemd."""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from django.db import connection


class Liveness:
    """Shows that a process works. `file` is the one to touch, if any; systemd is told where a
    service has a watchdog (sd_notify(3), `WATCHDOG=1`).
    """

    def __init__(self, file: Path | None) -> None:
        self._file, self._socket = file, os.environ.get("NOTIFY_SOCKET", "")

    def show(self) -> None:
        """Show it now. Raises `OSError` when the file cannot be touched."""
        if self._socket:
            with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as own:
                own.setblocking(False)  # systemd may be busy: it has heard enough of us then
                own.connect(self._socket.replace("@", "\0", 1))
                own.send(b"WATCHDOG=1")
        if self._file:
            self._file.touch()

    @contextmanager
    def by_each_statement(self) -> Iterator[None]:
        """Show it whenever the database has answered a statement of this thread: a round may be
        long, and yet go on.
        """

        def answered(execute: Any, *args: Any) -> Any:
            answer = execute(*args)
            with suppress(OSError):  # whoever looks for the file finds it old
                self.show()
            return answer

        with connection.execute_wrapper(answered):
            yield
