"""The way in: a client bound to the name of who calls."""

import json
import logging
import math
import re
import time
from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from typing import Any, TypedDict, Unpack

import structlog
from django.utils.translation import gettext_noop

from accounts import conf, offers, trail
from accounts.errors import Said
from accounts.http import upstreams
from accounts.http.address import target_of
from accounts.http.answer import NO_PLACE, Answer, CallFailed, RefusedUrl
from accounts.http.transport import INSIDE, Outgoing, exchange
from accounts.http.urlencoded import urlencoded

log = structlog.get_logger("vestibule.http")

Headers = Mapping[str, str | bytes]
Form = Mapping[str, str] | Sequence[tuple[str, str]]

# Plain bodies are cheapest, and a packed one would tell secrets by its length (the BREACH attack).
# A name without a value keeps libcurl from sending a header of its own.
_LINES: dict[str, bytes] = {
    "user-agent": b"User-Agent: Vestibule",
    "accept": b"Accept: application/json, */*;q=0.5",
    "accept-encoding": b"Accept-Encoding: identity",
    "content-type": b"Content-Type:",
    "expect": b"Expect:",
}
_NAME = re.compile(r"[\w!#$%&'*+.^`|~-]+", re.ASCII)  # RFC 9110, 5.1
# The part of its deadline that is left to a call that had to wait for a place.
_OF_THE_CALL = 0.4
_UNSAFE = re.compile(rb"^\s|[\r\n\0]")


class Options(TypedDict, total=False):
    """What each call may have. A header's text goes out as UTF-8, its bytes as they are.

    `auth` is user and password (RFC 7617). `deadline` (seconds) and `max_bytes` (of the body) can
    only lower the limits of the site. `hearsay` says that a stranger wrote what is sent, and may
    know what an upstream that works answers by a 5xx: such an answer is then no failure of it.
    """

    headers: Headers
    auth: tuple[str, str] | None
    deadline: float
    max_bytes: int
    hearsay: bool


@dataclass(frozen=True, slots=True)
class Place:
    """A place at an upstream that does not speak HTTP, under the limits of a call by HTTP.

    `connect` is in seconds, `ends` a time of `time.monotonic`, `max_bytes` counts what is received.
    Whoever holds it calls `succeeded` once the upstream has answered; else it has failed.
    """

    connect: float
    ends: float
    max_bytes: int
    visit: upstreams.Visit

    def succeeded(self) -> None:
        """Say that the upstream works."""
        self.visit.succeeded = True


class Client:
    """Calls upstreams by HTTP for one caller, whose name stands in the log.

    Thread-safe, and costs nothing to make: connections, places and circuits are shared by the
    process. `known` replaces the shared book of upstreams. `inside` lets calls reach addresses that
    only our own net can reach, whatever name leads there.
    """

    def __init__(
        self, caller: str, known: upstreams.Upstreams | None = None, *, inside: bool = False
    ) -> None:
        self._caller, self._inside = caller, inside
        self._known = known or upstreams.shared

    def __repr__(self) -> str:
        return f"Client({self._caller!r})"

    @property
    def deadline(self) -> float:
        """How many seconds a call may take in all."""
        return conf.http_limits().deadline

    def get(self, url: str, **options: Unpack[Options]) -> Answer:
        """Return the answer to a GET (RFC 9110, 9.3.1), whatever its status.

        Raises `TemporarilyUnavailable` when there is no whole answer, as its subclass `RefusedUrl`
        when nothing was tried.
        """
        return self._call("GET", url, None, {}, options)

    def post(
        self,
        url: str,
        *,
        form: Form | None = None,
        json: Any = None,
        content: bytes | None = None,
        **options: Unpack[Options],
    ) -> Answer:
        """Return the answer to a POST (RFC 9110, 9.3.3), whatever its status. Never sent twice.

        One of `form` (sent as `application/x-www-form-urlencoded`), `json` (any JSON value) and
        `content` (bytes, whose `Content-Type` is in `headers`). Raises as `get` does.
        """
        return self._call("POST", url, *_body_of(form, content, json), options)

    @contextmanager
    def place(self, protocol: str, origin: str, seconds: float = math.inf) -> Iterator[Place]:
        """Hold a place at an upstream that is spoken to by another `protocol` than HTTP.

        It is bounded in number and time as a call is, rests after failures as one does, and leaves
        the same line in the log. `seconds` can only shorten the deadline. Raises `CallFailed`
        without a place.
        """
        limits = conf.http_limits()
        seconds = min(limits.deadline, seconds)
        ends = time.monotonic() + seconds
        with self._logged(protocol) as line:
            line["url"] = origin
            until = ends - seconds * _OF_THE_CALL
            with self._visit(origin, limits, until) as visit:
                yield Place(min(limits.connect, seconds), ends, limits.max_bytes, visit)

    def _visit(
        self, origin: str, limits: conf.HttpLimits, until: float
    ) -> AbstractContextManager[upstreams.Visit]:
        at_once, in_all = limits.per_upstream, max(1, conf.threads() - 1)
        return self._known.visit(origin, at_once=at_once, in_all=in_all, until=until)

    def _call(
        self, method: str, url: str, body: bytes | None, kind: Headers, options: Options
    ) -> Answer:
        limits = conf.http_limits()
        if self._inside and not limits.inside:
            limits = replace(limits, inside=True)
        seconds = min(limits.deadline, options.get("deadline", limits.deadline))
        ends = time.monotonic() + seconds
        most = min(limits.max_bytes, options.get("max_bytes", limits.max_bytes))
        with self._logged(method) as line:
            target = target_of(url, limits.plain)
            line["url"] = target.shown
            headers = {**kind, **options.get("headers", {})}
            request = Outgoing(target, _lines_of(headers, options.get("auth")), body)
            with self._visit(target.origin, limits, ends - seconds * _OF_THE_CALL) as visit:
                answer = exchange(request, limits=limits, ends=ends, max_bytes=most)
                if isinstance(answer, Answer):
                    visit.succeeded = answer.status < 500
                    visit.says_nothing = answer.status >= 500 and options.get("hearsay", False)
            if answer == INSIDE:
                template = gettext_noop(
                    "%(place)s is inside our net: its source needs the setting inside."
                )
                raise CallFailed(Said(template, place=target.origin), kind=answer)
            if not isinstance(answer, Answer):
                template = gettext_noop("%(place)s gave no usable answer (%(kind)s).")
                raise CallFailed(Said(template, place=target.origin, kind=answer), kind=answer)
            line.update(status=answer.status, bytes=len(answer.body))
            return answer

    @contextmanager
    def _logged(self, method: str) -> Iterator[dict[str, Any]]:
        """Write one line about a call, from what is put into the yielded mapping."""
        began = time.monotonic()
        line: dict[str, Any] = {"caller": self._caller, "method": method}
        try:
            yield line
        except Exception as failed:  # named in the line, whatever it is, and raised again
            line["error"] = getattr(failed, "kind", type(failed).__name__)
            raise
        finally:
            seconds = time.monotonic() - began
            line["milliseconds"] = round(seconds * 1000)
            level = logging.WARNING if line.get("status", 500) >= 500 else logging.INFO
            offers.count("call", seconds, self._caller, _outcome(line))
            log.log(level, "outbound-call", **line)
            self._note(line)

    def _note(self, line: Mapping[str, Any]) -> None:
        """Add the call to the steps of what is under way."""
        outcome = line.get("status") or line.get("error") or ""
        said = f"{line['method']} {line.get('url', '')} {outcome}".rstrip()
        failed = "error" in line or int(line.get("status", 0)) >= 400
        call = (trail.HERE, self._caller, "call", said, int(line["milliseconds"]), failed)
        trail.note(trail.Step(*call))


def _outcome(line: Mapping[str, Any]) -> str:
    """Return in one word how a call ended: it was never made, it failed, or it was answered."""
    if line.get("error") in {NO_PLACE, "CircuitOpen", "RefusedUrl"}:
        return "not-made"
    is_answered = "error" not in line and line.get("status", 200) < 500
    return "answered" if is_answered else "failed"


def _body_of(form: Form | None, content: bytes | None, value: Any) -> tuple[bytes, Headers]:
    """Return a body and its `Content-Type`: that of a form, of bytes, or of a JSON value."""
    if content is not None:
        return content, {}
    if form is not None:
        return urlencoded(form).encode(), {"Content-Type": "application/x-www-form-urlencoded"}
    if value is not None:
        return json.dumps(value, allow_nan=False).encode(), {"Content-Type": "application/json"}
    return b"", {}


def _lines_of(headers: Headers, auth: tuple[str, str] | None) -> list[bytes]:
    """Return the lines of a head: `headers` replace ours of the same name, in any case.

    `auth` is user and password (RFC 7617). Raises `RefusedUrl` for a header that must not be sent.
    """
    lines = dict(_LINES)
    for name, text in headers.items():
        raw = text.encode() if isinstance(text, str) else text
        if not _NAME.fullmatch(name) or _UNSAFE.search(raw):
            raise RefusedUrl(Said(gettext_noop("A header is malformed.")))
        lines[name.lower()] = name.encode() + (b": " + raw if raw else b";")
    if auth:
        lines["authorization"] = b"Authorization: Basic " + b64encode(":".join(auth).encode())
    return list(lines.values())
