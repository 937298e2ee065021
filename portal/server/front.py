"""The front: RSGI outside, WSGI inside. A request takes a thread once its body is there, whole."""

import asyncio
import io
import sys
from asyncio import AbstractEventLoop, Future
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from queue import SimpleQueue
from threading import Thread, get_ident
from typing import Any

import structlog

from portal.server.proxies import TrustedProxies
from portal.server.turns import LATE, Turns

log = structlog.get_logger("vestibule.front")

Environ = dict[str, Any]
Application = Callable[[Environ, Any], Iterable[bytes]]

_Job = tuple[Environ, Any, Future[None], Callable[[], None] | None]

_CONSTANT: Environ = {
    "SCRIPT_NAME": "",
    "wsgi.version": (1, 0),
    "wsgi.errors": sys.stderr,
    "wsgi.multithread": True,
    "wsgi.multiprocess": False,
    "wsgi.run_once": False,
}
EVERY = 1.0  # seconds
_LATE = '{"error": "invalid_request", "error_description": "The request did not arrive in time."}'
_BROKEN = '{"error": "invalid_request", "error_description": "The request did not arrive whole."}'


@dataclass(frozen=True, slots=True)
class Standing:
    """How a worker's front stands: its threads, those that answer, and the requests that wait for
    one, or for their turn.
    """

    threads: int
    busy: int
    queue: int
    turns: int


class Front:
    """An RSGI application that runs a WSGI application in so many threads of each worker.

    A body that is not whole after `deadline` seconds is answered 408 and has held no thread. One of
    more than `largest` bytes is not read: the application sees its length, and refuses it. What
    `turns` concern waits for its turn, without a thread; the application refuses what comes late.
    `watch` is told each second, in the event loop, how the front stands.
    """

    def __init__(
        self,
        application: Application,
        proxies: TrustedProxies,
        *,
        threads: int,
        deadline: float,
        largest: int,
        turns: Turns | None = None,
        watch: Callable[[Standing], None] | None = None,
    ) -> None:
        self._application = application
        self._proxies = proxies
        self._threads = threads
        self._deadline = deadline
        self._largest = largest
        self._turns = turns
        self._watch = watch
        self._busy: set[int] = set()
        self._ready: SimpleQueue[_Job] = SimpleQueue()

    def __rsgi_init__(self, loop: AbstractEventLoop) -> None:
        """Start the threads, in the worker that they are for."""
        for number in range(self._threads):
            Thread(target=self._work, args=(loop,), name=f"request-{number}", daemon=True).start()
        if self._watch:
            loop.call_soon(self._look, loop, self._watch)

    def _look(self, loop: AbstractEventLoop, watch: Callable[[Standing], None]) -> None:
        """Tell how the front stands, each second."""
        waiting = self._turns.waiting if self._turns else 0
        watch(Standing(self._threads, len(self._busy), self._ready.qsize(), waiting))
        loop.call_later(EVERY, self._look, loop, watch)

    async def __rsgi__(self, scope: Any, protocol: Any) -> None:
        """Answer one request."""
        if scope.proto != "http":
            protocol.close(403)
            return
        environ = self._environ(scope)
        if scope.method not in {"GET", "HEAD"} or _announced(environ):
            try:
                async with asyncio.timeout(self._deadline):
                    body = await self._body(environ, protocol)
            except TimeoutError:
                _refuse(protocol, 408, _LATE)
                return
            except (RuntimeError, EOFError):  # granian's word for a peer that left, and ours
                _refuse(protocol, 400, _BROKEN)
                return
            environ["wsgi.input"] = io.BytesIO(body)
        over = None
        if self._turns and self._turns.concern(scope.path):
            environ[LATE] = not await self._turns.come()
            over = None if environ[LATE] else self._turns.over
        await self._served(environ, protocol, over)

    async def _served(
        self, environ: Environ, protocol: Any, over: Callable[[], None] | None
    ) -> None:
        """Wait until a thread has answered; then it is `over`, also for a peer that has left."""
        done = asyncio.get_running_loop().create_future()
        self._ready.put((environ, protocol, done, over))
        await done

    async def _body(self, environ: Environ, protocol: Any) -> bytes:
        """Return the body, or nothing of one that is too large. Raises `EOFError` for a part."""
        announced = int(environ.get("CONTENT_LENGTH") or 0)
        if announced > self._largest:
            return b""
        body = bytearray()
        async for piece in protocol:
            body += piece
            if len(body) > self._largest:
                environ["CONTENT_LENGTH"] = str(len(body))
                return b""
        if len(body) < announced:
            raise EOFError
        environ["CONTENT_LENGTH"] = str(len(body))
        return bytes(body)

    def _environ(self, scope: Any) -> Environ:
        """Return what PEP 3333 asks for; the body is still to come."""
        peer = scope.client.rpartition(":")[0].strip("[]")
        caller = self._proxies.caller(peer, scope.scheme, scope.headers.items())
        server, _, port = scope.server.rpartition(":")
        environ = {
            **_CONSTANT,
            "REQUEST_METHOD": scope.method,
            "PATH_INFO": scope.path.encode().decode("latin-1"),
            "QUERY_STRING": scope.query_string,
            "SERVER_NAME": server,
            "SERVER_PORT": port,
            "SERVER_PROTOCOL": f"HTTP/{scope.http_version}",
            "REMOTE_ADDR": caller.address,
            "wsgi.url_scheme": caller.scheme,
            "wsgi.input": io.BytesIO(),
        }
        for name, value in caller.headers.items():
            environ[_key(name)] = value
        if scope.authority and "HTTP_HOST" not in environ:  # HTTP/2 has no Host
            environ["HTTP_HOST"] = scope.authority
        return environ

    def _work(self, loop: AbstractEventLoop) -> None:
        while True:
            environ, protocol, done, over = self._ready.get()
            if not done.cancelled():  # by a peer that has left meanwhile
                self._busy.add(get_ident())
                self._answer(environ, protocol)
                self._busy.discard(get_ident())
            loop.call_soon_threadsafe(_settle, done, over)

    def _answer(self, environ: Environ, protocol: Any) -> None:
        head: list[Any] = [500, []]

        def start_response(status: str, headers: list[tuple[str, str]], _: Any = None) -> None:
            head[:] = int(status[:3]), headers

        try:
            pieces = self._application(environ, start_response)
            try:
                protocol.response_bytes(*head, b"".join(pieces))
            finally:
                getattr(pieces, "close", int)()
        except Exception:  # whatever it is, the thread goes on; the peer gets granian's 500
            log.exception("front.failed")


def _announced(environ: Environ) -> bool:
    return environ.get("CONTENT_LENGTH", "0") != "0" or "HTTP_TRANSFER_ENCODING" in environ


def _refuse(protocol: Any, status: int, body: str) -> None:
    headers = [("content-type", "application/json"), ("cache-control", "no-store")]
    protocol.response_str(status, [*headers, ("connection", "close")], body)


def _settle(done: Future[None], over: Callable[[], None] | None) -> None:
    if over:
        over()
    if not done.done():
        done.set_result(None)


@lru_cache(maxsize=512)
def _key(name: str) -> str:
    """Return what WSGI calls a header."""
    key = name.upper().replace("-", "_")
    return key if key in {"CONTENT_TYPE", "CONTENT_LENGTH"} else f"HTTP_{key}"
