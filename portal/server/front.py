"""The front: RSGI outside, WSGI inside. A request takes a thread once its body is there, whole."""

import asyncio
import io
import sys
from asyncio import AbstractEventLoop, Future
from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any

import structlog

from portal.server import body
from portal.server.hands import Hands
from portal.server.kept import Kept
from portal.server.proxies import TrustedProxies
from portal.server.replaced import Replaced
from portal.server.short_ways import LEARN, Answer, Environ, ShortWay, write_line, writes_lines
from portal.server.turns import LATE, Turns
from portal.server.unreadable import UNREADABLE, unreadable

log = structlog.get_logger("vestibule.front")

# Headers that Django parses in quadratic time, and how many characters of one are taken.
_READ_SLOWLY = ("HTTP_ACCEPT", "CONTENT_TYPE")
_LONGEST = 8192

Application = Callable[[Environ, Any], Iterable[bytes]]

_CONSTANT: Environ = {
    "SCRIPT_NAME": "",
    "wsgi.version": (1, 0),
    "wsgi.errors": sys.stderr,
    "wsgi.multithread": True,
    "wsgi.multiprocess": False,
    "wsgi.run_once": False,
}
_KEY = "vestibule.key"
EVERY = 1.0  # seconds
# How many requests of a worker wait for a thread at most, and how many bytes its large bodies take:
# granian takes so many connections that only these are a limit (docs/configuration.md, The server).
MOST_WAITING, ROOM = 2000, 64 * 2**20
_LATE = '{"error": "invalid_request", "error_description": "The request did not arrive in time."}'
_LONG = '{"error": "invalid_request", "error_description": "A header is too long."}'
_TWO_HOSTS = '{"error": "invalid_request", "error_description": "The request names two hosts."}'
_COOKIE = (
    '{"error": "invalid_request", "error_description": "A cookie is not ASCII. Delete the cookies '
    "of this site's domain in your browser, and come again.\"}"
)
_BUSY = (
    '{"error": "temporarily_unavailable", "error_description": "Too many requests wait. Try again '
    'in a few seconds."}'
)
_READABLE = (
    ("access-control-allow-credentials", "true"),
    ("access-control-expose-headers", "Retry-After"),
)
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
    more than `largest` bytes is passed over: the application sees its length, and refuses it. An
    `Accept` or `Content-Type` of more than 8192 characters is answered 431 (RFC 6585, 5), a request
    with two hosts (RFC 9112, 3.2) or with cookies that cannot be read 400. Where
    `most_waiting` requests wait for a thread, or a large body finds no `room`, it is 503. A request
    that `turns` concern waits for its turn without a thread; the application refuses one that comes
    late.

    An answer that is `kept`, or that an `at_hand` function gives, is sent from the event loop,
    without a query. A thread asks the `short_ways` first, in their order. `watch` gets the
    `Standing` each second, in the event loop. A worker that is replaced, one of `workers`, serves
    until its successor does. Pages of these `origins` may read what the front refuses by itself.
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
        short_ways: Sequence[ShortWay] = (),
        at_hand: Sequence[ShortWay] = (),
        kept: Kept | None = None,
        watch: Callable[[Standing], None] | None = None,
        workers: int = 1,
        most_waiting: int = MOST_WAITING,
        room: int = ROOM,
        origins: Collection[str] = (),
    ) -> None:
        self._application = application
        self._proxies = proxies
        self._deadline = deadline
        self._largest = largest
        self._turns = turns
        self._short_ways = short_ways
        self._at_hand = at_hand
        self._kept = kept
        self._watch = watch
        self._hands = Hands(threads)
        self._most_waiting = most_waiting
        self._room = room
        self._origins = frozenset(origins)
        self._replaced = Replaced(workers)

    def __rsgi_init__(self, loop: AbstractEventLoop) -> None:
        """Start the threads, in the worker that they are for."""
        self._hands.start()
        self._replaced.watch(loop)
        if self._watch:
            loop.call_soon(self._look, loop, self._watch)

    def _look(self, loop: AbstractEventLoop, watch: Callable[[Standing], None]) -> None:
        """Tell how the front stands, each second."""
        turns = self._turns.waiting if self._turns else 0
        hands = self._hands
        watch(Standing(hands.number, hands.busy, hands.waiting, turns))
        loop.call_later(EVERY, self._look, loop, watch)

    async def __rsgi__(self, scope: Any, protocol: Any) -> None:
        """Answer one request."""
        if scope.proto != "http":
            protocol.close(403)
            return
        if scope.method == "HEAD" and scope.http_version == "2":
            protocol = _Headless(protocol)
        key = self._kept.key(scope) if self._kept else None
        if key and self._at_once(key, scope, protocol):
            return
        environ = self._environ(scope)
        environ[_KEY] = key
        refusal = _refusal(scope.authority, environ)
        if refusal:
            if body.is_announced(environ):
                await self._pass_over(environ, protocol)
            self._refuse(environ, protocol, *refusal)
            return
        if key and self._decided(key, environ, protocol):
            return
        has_body = scope.method not in {"GET", "HEAD"} or body.is_announced(environ)
        room = body.room(environ, self._largest) if has_body else 0
        if room > self._room or self._hands.waiting >= self._most_waiting:
            if has_body:
                await self._pass_over(environ, protocol)
            self._refuse(environ, protocol, 503, _BUSY, ("retry-after", "5"))
            return
        self._room -= room
        try:
            await self._whole(scope, environ, protocol, has_body=has_body)
        finally:
            self._room += room

    async def _whole(self, scope: Any, environ: Environ, protocol: Any, *, has_body: bool) -> None:
        """Answer a request once its body is there, and it is its turn."""
        if has_body:
            given = await self._body(environ, protocol)
            if given is None:
                return
            environ["wsgi.input"] = io.BytesIO(given)
        over = None
        if self._turns and self._turns.concern(scope.path):
            environ[LATE] = not await self._turns.come()
            over = None if environ[LATE] else self._turns.over
        await self._served(environ, protocol, over)

    def _at_once(self, key: bytes, scope: Any, protocol: Any) -> bool:
        """Give the kept answer, if there is one; a thread writes the line in the log."""
        answer = self._kept.at_once(key) if self._kept else None
        if answer is None:
            return False
        self._send(answer, scope.http_version, protocol)
        if answer.has_line and writes_lines():
            self._hands.give(partial(write_line, self._environ(scope), answer.status))
        return True

    def _decided(self, key: bytes, environ: Environ, protocol: Any) -> bool:
        """Give the answer that is at hand, if there is one, and keep it."""
        kept = self._kept
        noted = kept.at_hand() if kept and self._at_hand else None
        if kept is None or noted is None:
            return False
        try:
            answer = next(filter(None, (way(environ) for way in self._at_hand)), None)
        except Exception:  # whatever it is, a thread finds it again
            log.exception("front.failed")
            return False
        if answer is None:
            return False
        self._send(answer, environ["SERVER_PROTOCOL"][5:], protocol)
        kept.learn(key, environ, answer, noted)
        if answer.has_line and writes_lines():
            self._hands.give(partial(write_line, environ, answer.status))
        return True

    async def _served(
        self, environ: Environ, protocol: Any, over: Callable[[], None] | None
    ) -> None:
        """Wait until a thread has answered; then it is `over`, also for a peer that has left."""
        done = asyncio.get_running_loop().create_future()
        self._hands.give(partial(self._work, environ, protocol, done, over))
        await done

    async def _body(self, environ: Environ, protocol: Any) -> bytes | None:
        """Return the body, None where the request is answered by now."""
        try:
            async with asyncio.timeout(self._deadline):
                return await body.whole(environ, protocol, self._largest)
        except TimeoutError:
            if body.length_of(environ) > self._largest:
                return b""
            self._refuse(environ, protocol, 408, _LATE)
        except (RuntimeError, EOFError):  # granian's word for a peer that left, and ours
            self._refuse(environ, protocol, 400, _BROKEN)
        return None

    async def _pass_over(self, environ: Environ, protocol: Any) -> None:
        with suppress(TimeoutError, RuntimeError, EOFError):
            async with asyncio.timeout(self._deadline):
                await body.passed_over(environ, protocol)

    def _refuse(
        self, environ: Environ, protocol: Any, status: int, text: str, *more: tuple[str, str]
    ) -> None:
        headers = [("content-type", "application/json"), ("cache-control", "no-store"), *more]
        if environ.get("HTTP_ORIGIN") in self._origins:
            headers += [("access-control-allow-origin", environ["HTTP_ORIGIN"]), *_READABLE]
        protocol.response_str(status, [*headers, ("connection", "close")], text)

    def _environ(self, scope: Any) -> Environ:
        """Return what PEP 3333 asks for; the body is still to come."""
        peer = scope.client.rpartition(":")[0].strip("[]")
        lines = scope.headers.items()
        caller = self._proxies.caller(peer, scope.scheme, lines)
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
            UNREADABLE: unreadable(scope.headers, lines),
        }
        for name, value in caller.headers.items():
            environ[_key(name)] = value
        if scope.authority and "HTTP_HOST" not in environ:  # HTTP/2 has no Host
            environ["HTTP_HOST"] = scope.authority
        return environ

    def _work(
        self,
        environ: Environ,
        protocol: Any,
        done: Future[None],
        over: Callable[[], None] | None,
    ) -> None:
        if not done.cancelled():  # by a peer that has left meanwhile
            self._answer(environ, protocol)
        done.get_loop().call_soon_threadsafe(_settle, done, over)

    def _answer(self, environ: Environ, protocol: Any) -> None:
        key, kept = environ[_KEY], self._kept
        try:
            answer = kept.find(key) if kept and key else None
            if answer is not None:
                self._say(answer, environ, protocol)
                return
            noted = kept.moment() if kept and key else None
            answer = next(filter(None, (way(environ) for way in self._short_ways)), None)
            if answer is not None:
                self._say(answer, environ, protocol)
            else:
                answer = self._ask(environ, protocol)
            if kept and key:
                kept.learn(key, environ, answer, noted)
        except Exception:  # whatever it is, the thread goes on; the peer gets granian's 500
            log.exception("front.failed")

    def _send(self, answer: Answer, version: str, protocol: Any) -> None:
        head = self._replaced.head(answer.headers, version)
        protocol.response_bytes(answer.status, head, answer.body)

    def _say(self, answer: Answer, environ: Environ, protocol: Any) -> None:
        self._send(answer, environ["SERVER_PROTOCOL"][5:], protocol)
        if answer.has_line:
            write_line(environ, answer.status)

    def _ask(self, environ: Environ, protocol: Any) -> Answer:
        """Answer by the application, and tell the short way that wants to know."""
        status, head = 500, list[tuple[str, str]]()

        def start_response(line: str, headers: list[tuple[str, str]], _: Any = None) -> None:
            nonlocal status, head
            status, head = int(line[:3]), headers

        pieces = self._application(environ, start_response)
        try:
            answer = Answer(status, head, b"".join(pieces))
            self._send(answer, environ["SERVER_PROTOCOL"][5:], protocol)
        finally:
            getattr(pieces, "close", int)()
        if LEARN in environ:
            environ[LEARN](answer)
        return answer


class _Headless:
    """A protocol that sends no body: over HTTP/2 granian would, to a HEAD (RFC 9110, 9.3.2). What
    comes with such a request is read as ever.
    """

    def __init__(self, protocol: Any) -> None:
        self._protocol = protocol

    def __call__(self) -> Any:
        return self._protocol()

    def __aiter__(self) -> Any:
        return self._protocol.__aiter__()

    def response_bytes(self, status: int, headers: Any, _body: bytes) -> None:
        self._protocol.response_empty(status, headers)

    response_str = response_bytes


def _refusal(authority: str | None, environ: Environ) -> tuple[int, str] | None:
    """Return status and body for a head that is refused, whatever it asks for."""
    if any(len(environ.get(name, "")) > _LONGEST for name in _READ_SLOWLY):
        return 431, _LONG
    if _names_two_hosts(authority, environ.get("HTTP_HOST", "")):
        return 400, _TWO_HOSTS
    if not body.has_length(environ):
        return 400, _BROKEN
    if "cookie" in environ[UNREADABLE]:  # else whoever is signed in would be nobody
        return 400, _COOKIE
    return None


def _names_two_hosts(authority: str | None, host: str) -> bool:
    """Tell whether the target and `Host`, or two lines of it, differ (RFC 9112, 3.2 and 3.2.2)."""
    return "," in host or bool(authority and authority.lower() != host.lower())


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
