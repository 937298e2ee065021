"""A proxy that finds each name on this machine (RFC 6761, 6.3), for programs that look none up.

with finding() as url:
    subprocess.run(..., env={"HTTPS_PROXY": url})
"""

from __future__ import annotations

import select
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args: Any) -> None:
        pass

    def do_CONNECT(self) -> None:
        port = int(self.path.rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port), 60) as there:
            self.send_response(200)
            self.end_headers()
            here, self.close_connection = self.connection, True
            others = {here: there, there: here}
            while True:
                for ready in select.select(list(others), [], [], 60)[0]:
                    received = ready.recv(65536)
                    if not received:
                        return
                    others[ready].sendall(received)


@contextmanager
def finding() -> Iterator[str]:
    """Run the proxy on a free port of 127.0.0.1. Gives its address."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *args: Any) -> None:
            """Whoever hangs up is no news."""

    with Server(("127.0.0.1", 0), _Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
