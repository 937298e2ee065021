"""A client that publishes its keys: a server of its own, which counts who asks."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Publisher:
    """What it answers: `keys` as a JWK Set, or `body` when that is set, with `status`."""

    def __init__(self, *keys: dict[str, Any]) -> None:
        self.keys, self.body, self.status, self.asked = list(keys), b"", 200, 0
        publisher = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                publisher.asked += 1
                body = publisher.body or json.dumps({"keys": publisher.keys}).encode()
                self.send_response(publisher.status)
                if publisher.status == 302:
                    self.send_header("Location", publisher.url + "/elsewhere")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/jwks"
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


@contextmanager
def publishing(*keys: dict[str, Any]) -> Iterator[Publisher]:
    """Publish `keys` until the end of the block."""
    own = Publisher(*keys)
    yield own
    own.close()
