"""An upstream that misbehaves in every way that an upstream can: a real server on loopback.

    with TroubleServer() as upstream:
        client.get(upstream.url("/json"))
        upstream.requests["/json"]      # how often it was asked for
        upstream.connections            # how many connections it accepted

`TroubleServer(tls=True)` speaks https with a certificate of a throw-away authority, whose file is
`upstream.ca`; `names` are the hosts that the certificate is for. Each path below is one trouble.
"""

from __future__ import annotations

import contextlib
import gzip
import json
import socket
import ssl
import tempfile
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests.peers.certificates import make_certificates

HUGE = 50 * 1024 * 1024
BOMB = gzip.compress(bytes(HUGE))
PIECE = bytes(64 * 1024)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: TroubleServer

    @property
    def place(self) -> str:
        return self.path.partition("?")[0].partition(";")[0]

    def setup(self) -> None:
        if self.server.context is not None:
            # Here, in the thread of the connection, so that a slow handshake delays nobody else.
            self.request = self.server.context.wrap_socket(self.request, server_side=True)
        self.server.opened(self.request)
        super().setup()

    def finish(self) -> None:
        self.server.closed(self.request)
        super().finish()

    def do_GET(self) -> None:
        length = int(self.headers.get("Content-Length", 0))
        self.sent_to_us = self.rfile.read(length)
        self.server.note(self.place)
        _TROUBLES[self.place](self)

    do_POST = do_GET  # noqa: N815 (the name that the standard library looks for)

    def log_message(self, *args: Any) -> None:
        pass

    def head(self, status: int = 200, **headers: str | int) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), str(value))
        self.end_headers()

    def answer(self, body: bytes, status: int = 200, **headers: str | int) -> None:
        self.head(status, Content_Length=len(body), **headers)
        self.write(body)

    def write(self, data: bytes) -> None:
        self.wfile.write(data)
        self.server.sent[self.place] += len(data)

    def pause(self, seconds: float | None = None) -> bool:
        """Wait, for ever when no time is given. Return False when the server stops."""
        return not self.server.stopping.wait(seconds)


def _json(call: _Handler) -> None:
    call.answer(b'{"hello": "world"}', Content_Type="application/json")


def _chunks(call: _Handler) -> None:
    call.head(Transfer_Encoding="chunked")
    call.write(b"9\r\n" + b'{"hello":' + b"\r\n9\r\n" + b' "world"}' + b"\r\n0\r\n\r\n")


def _heads(call: _Handler) -> None:
    """Send an interim answer before the head (RFC 8297), and a trailer after the body."""
    call.write(b"HTTP/1.1 103 Early Hints\r\nX-Early: yes\r\n\r\n")
    call.write(b"HTTP/1.1 200 OK\r\nX-Twice: one\r\nx-twice: two\r\n")
    call.write(b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX-Late: yes\r\n\r\n")


def _echo(call: _Handler) -> None:
    """Tell what arrived: the method, the raw target and header lines, the body."""
    lines = [[name, value] for name, value in call.headers.items()]
    told = {
        "method": call.command,
        "target": call.path,
        "headers": lines,
        "body": call.sent_to_us.decode("latin-1"),
    }
    call.answer(json.dumps(told).encode())


def _drip_body(call: _Handler) -> None:
    call.head(Content_Length=10_000)
    while call.pause(0.02):
        call.write(b"x")


def _drip_chunks(call: _Handler) -> None:
    call.head(Transfer_Encoding="chunked")
    while call.pause(0.02):
        call.write(b"1\r\nx\r\n")


def _drip_headers(call: _Handler) -> None:
    call.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
    while call.pause(0.02):
        call.write(b"x")


def _endless_headers(call: _Handler) -> None:
    call.wfile.write(b"HTTP/1.1 200 OK\r\n")
    while call.pause(0):
        call.write(b"X-More: %b\r\n" % (b"x" * 60_000))


def _endless_continue(call: _Handler) -> None:
    while call.pause(0):
        call.write(b"HTTP/1.1 100 Continue\r\n\r\n" * 100)


def _hang(call: _Handler) -> None:
    call.pause()
    call.close_connection = True


def _hang_in_body(call: _Handler) -> None:
    call.head(Content_Length=100)
    call.write(b"half of it")
    call.pause()


def _redirect(call: _Handler) -> None:
    call.answer(b"moved", 302, Location="/landing")


def _huge_redirect(call: _Handler) -> None:
    call.head(302, Location="/landing", Content_Length=HUGE)
    _pour(call)


def _short(call: _Handler) -> None:
    """Announce more than is sent, and close."""
    call.head(Content_Length=100)
    call.write(b'{"half": ')
    call.close_connection = True


def _short_chunks(call: _Handler) -> None:
    call.head(Transfer_Encoding="chunked")
    call.write(b"5\r\nhello\r\n")
    call.close_connection = True


def _long(call: _Handler) -> None:
    """Announce less than is sent: the rest looks like the answers to requests yet to come.

    It is one TLS record, and more than a reader takes at once: what is left is in the TLS layer.
    """
    call.head(Content_Length=2)
    call.write(b"{}" + b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nsmuggled" * 300)


def _twice(call: _Handler) -> None:
    """Answer, and say the same once more when nobody has asked."""
    call.answer(call.path.encode())
    call.pause(0.03)
    call.answer(call.path.encode())


def _hang_up(call: _Handler) -> None:
    """Answer, and close the connection a little later, without a word."""
    call.answer(call.path.encode())
    call.pause(0.03)
    call.close_connection = True


def _pour(call: _Handler) -> None:
    for _ in range(HUGE // len(PIECE)):
        call.write(PIECE)


def _huge(call: _Handler) -> None:
    call.head(Content_Length=HUGE)
    _pour(call)


def _huge_chunks(call: _Handler) -> None:
    call.head(Transfer_Encoding="chunked")
    for _ in range(HUGE // len(PIECE)):
        call.write(b"%x\r\n%b\r\n" % (len(PIECE), PIECE))


def _huge_until_closed(call: _Handler) -> None:
    call.head(Connection="close")
    _pour(call)


def _negative_chunk(call: _Handler) -> None:
    """A chunk of -1 bytes, which a careless parser reads as "everything there is"."""
    call.head(Transfer_Encoding="chunked")
    call.write(b"-1\r\n")
    _pour(call)


def _bomb(call: _Handler) -> None:
    call.answer(BOMB, Content_Encoding="gzip")


def _packed(call: _Handler) -> None:
    call.answer(gzip.compress(b'{"hello": "world"}'), Content_Encoding="gzip")


def _half_packed(call: _Handler) -> None:
    call.answer(gzip.compress(b'{"hello": "world"}')[:-10], Content_Encoding="gzip")


def _odd_packed(call: _Handler) -> None:
    call.answer(b"whatever", Content_Encoding="br")


def _error(call: _Handler) -> None:
    call.answer(b"secret-of-the-body", 500)


def _wobbly(call: _Handler) -> None:
    """Answer with whatever status the test has set."""
    call.answer(b"{}", call.server.status)


def _html(call: _Handler) -> None:
    call.answer(b"<html>secret-of-the-body</html>", Content_Type="text/html")


def _broken_json(call: _Handler) -> None:
    call.answer(b'{"token": "secret-of-the-body"', Content_Type="application/json")


def _deep_json(call: _Handler) -> None:
    call.answer(b"[" * 100_000 + b"]" * 100_000, Content_Type="application/json")


def _close(call: _Handler) -> None:
    call.close_connection = True


def _garbage(call: _Handler) -> None:
    call.wfile.write(b"SSH-2.0-secret-of-the-body\r\n")
    call.close_connection = True


def _cookie(call: _Handler) -> None:
    call.answer(b"{}", Set_Cookie="session=secret-of-the-headers; Path=/")


_TROUBLES = {
    "/json": _json,
    "/landing": _json,
    "/chunks": _chunks,
    "/heads": _heads,
    "/echo": _echo,
    "/drip-body": _drip_body,
    "/drip-chunks": _drip_chunks,
    "/drip-headers": _drip_headers,
    "/endless-headers": _endless_headers,
    "/endless-continue": _endless_continue,
    "/hang": _hang,
    "/hang-in-body": _hang_in_body,
    "/redirect": _redirect,
    "/huge-redirect": _huge_redirect,
    "/short": _short,
    "/short-chunks": _short_chunks,
    "/long": _long,
    "/twice": _twice,
    "/hang-up": _hang_up,
    "/huge": _huge,
    "/huge-chunks": _huge_chunks,
    "/huge-until-closed": _huge_until_closed,
    "/negative-chunk": _negative_chunk,
    "/bomb": _bomb,
    "/packed": _packed,
    "/half-packed": _half_packed,
    "/odd-packed": _odd_packed,
    "/error": _error,
    "/wobbly": _wobbly,
    "/html": _html,
    "/broken-json": _broken_json,
    "/deep-json": _deep_json,
    "/close": _close,
    "/garbage": _garbage,
    "/cookie": _cookie,
}


class TroubleServer(ThreadingHTTPServer):
    """The server. A context manager: it serves from entering to leaving, in threads of its own.

    Its counters: `connections` accepted and `ended`, `requests` and bytes `sent` by path. `status`
    is what `/wobbly` answers with.
    """

    daemon_threads = True

    def __init__(self, *, tls: bool = False, names: tuple[str, ...] = ("127.0.0.1",)) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.connections = self.ended = 0
        self.requests: Counter[str] = Counter()
        self.sent: Counter[str] = Counter()
        self.status = 200
        self.stopping = threading.Event()
        self.context: ssl.SSLContext | None = None
        self.ca = ""
        self._names = names
        self._tls = tls
        self._lock = threading.Lock()
        self._open: set[Any] = set()
        self._left_over = contextlib.ExitStack()

    @property
    def origin(self) -> str:
        """Scheme, host and port."""
        scheme = "https" if self._tls else "http"
        return f"{scheme}://127.0.0.1:{self.server_address[1]}"

    def url(self, path: str) -> str:
        """The address of one trouble."""
        return self.origin + path

    def __enter__(self) -> TroubleServer:
        if self._tls:
            self._make_context()
        thread = threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        self._left_over.callback(thread.join)
        return self

    def __exit__(self, *_: object) -> None:
        self.stopping.set()
        self.shutdown()
        self.server_close()
        with self._lock:
            for connection in self._open:
                # A connection that the other side has closed already cannot be shut down.
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
        self._left_over.close()

    def note(self, path: str) -> None:
        """Count a request."""
        with self._lock:
            self.requests[path] += 1

    def get_request(self) -> tuple[Any, Any]:
        """Accept a connection and count it."""
        connection, address = super().get_request()
        with self._lock:
            self.connections += 1
        return connection, address

    def opened(self, connection: Any) -> None:
        """Remember a connection, to end it when the server stops."""
        with self._lock:
            self._open.add(connection)

    def closed(self, connection: Any) -> None:
        """Forget a connection."""
        with self._lock:
            self._open.discard(connection)

    def shutdown_request(self, request: Any) -> None:
        """End a connection and count it."""
        super().shutdown_request(request)
        with self._lock:
            self.ended += 1

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Keep quiet: clients that hang up are what this server is for."""

    def _make_context(self) -> None:
        folder = Path(self._left_over.enter_context(tempfile.TemporaryDirectory()))
        files = make_certificates(folder, self._names)
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(files.certificate, files.key)
        self.ca = str(files.authority)
