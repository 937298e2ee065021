"""The upstream of tests/tenant: a small real server whose mood a test can change.

`live` answers, `failing` answers 500, `hanging` keeps the line open until the caller gives up.
A code is the subject that it stands for; `code_verifier` must match nothing here, as the tests of
PKCE belong to real protocols.
"""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

from tests.peers import patience


class Upstream:
    """What a test sees of the server: its address, its mood, what it was asked."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._mood = "live"
        self.asked: Counter[str] = Counter()
        self.hints: list[str] = []
        self.extra: dict[str, Any] = {}
        self.refuses: set[str] = set()
        self.gone: dict[str, str] = {}
        self.asks_again = True  # whom `prompt=login` is about, so that `since` is now
        self.released = threading.Event()

    @property
    def mood(self) -> str:
        return self._mood

    @mood.setter
    def mood(self, mood: str) -> None:
        self._mood = mood
        patience.hangs(mood == "hanging")

    def answer(self, path: str, form: dict[str, str]) -> tuple[int, dict[str, Any]]:
        """Return status and body for a call."""
        self.asked[path] += 1
        if path in self.refuses:
            return 400, {}
        if path == "/alive":
            return 200, {}
        if path == "/people":
            return 200, {"gone": self.gone}
        if path == "/end":
            self.hints.append(form["id_token_hint"])
            return 200, {}
        if path == "/refresh":
            return 200, {"access_token": "at-2", "expires_in": 300}
        subject = form.get("code") or form.get("cookie") or form.get("token") or ""
        if not subject.isprintable() or subject in {"", "wrong"}:
            return 400, {}
        tokens = (
            {}
            if path != "/token"
            else {
                "access_token": f"at-{subject}",
                "refresh_token": f"rt-{subject}",
                "id_token": f"it-{subject}",
                "expires_in": 300,
            }
        )
        told = {"sub": subject, "name": subject.title(), **tokens, **self.extra}
        if form.get("prompt") == "login" and self.asks_again:
            told["since"] = 0
        return 200, told


@contextmanager
def upstream() -> Iterator[Upstream]:
    """Run the server on a free port of 127.0.0.1."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
            form = {name: values[0] for name, values in parse_qs(body).items()}
            if state.mood == "hanging":
                state.asked[self.path] += 1
                state.released.wait(20)
                return
            status, answer = (500, {}) if state.mood == "failing" else state.answer(self.path, form)
            if state.mood == "failing":
                state.asked[self.path] += 1
            content = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *args: Any) -> None:
            """Keep quiet."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 128

        def handle_error(self, *args: Any) -> None:
            """A caller that hangs up is what some tests want."""

    server = Server(("127.0.0.1", 0), Handler)
    state = Upstream(f"http://127.0.0.1:{server.server_address[1]}")
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield state
    finally:
        state.released.set()
        server.shutdown()
        server.server_close()
        thread.join()
