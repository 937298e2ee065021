"""The way in: a client bound to the name of who calls."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypedDict, Unpack

import structlog

from accounts import conf
from accounts.http import upstreams
from accounts.http.address import target_of
from accounts.http.answer import Answer, CallFailed
from accounts.http.outgoing import Form, Headers, Outgoing, body_of, lines_of
from accounts.http.transport import exchange

log = structlog.get_logger("vestibule.http")


class Options(TypedDict, total=False):
    """What each call may have. A header's text goes out as UTF-8, its bytes as they are.

    `auth` is user and password (RFC 7617). `deadline` (seconds) and `max_bytes` (of the body) can
    only lower the limits of the site.
    """

    headers: Headers | None
    auth: tuple[str, str] | None
    deadline: float | None
    max_bytes: int | None


class Client:
    """Calls upstreams by HTTP for one caller, whose name stands in the log.

    Thread-safe, and costs nothing to make: connections, places and circuits are shared by the
    process. `known` replaces the shared book of upstreams.
    """

    def __init__(self, caller: str, known: upstreams.Upstreams | None = None) -> None:
        self._caller = caller
        self._known = known or upstreams.shared

    def __repr__(self) -> str:
        return f"Client({self._caller!r})"

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
        return self._call("POST", url, *body_of(form, content, json), options)

    def _call(
        self, method: str, url: str, body: bytes | None, kind: Headers, options: Options
    ) -> Answer:
        limits = conf.http_limits()
        ends = time.monotonic() + _lower(limits.deadline, options.get("deadline"))
        most = _lower(limits.max_bytes, options.get("max_bytes"))
        with self._logged(method) as line:
            target = target_of(url, limits.plain)
            line["url"] = target.shown
            headers = {**kind, **(options.get("headers") or {})}
            request = Outgoing(target, lines_of(headers, options.get("auth")), body)
            with self._known.visit(
                target.origin, at_once=limits.per_upstream, in_all=max(1, conf.threads() - 1)
            ) as visit:
                answer = exchange(request, limits=limits, ends=ends, max_bytes=most)
                visit.succeeded = isinstance(answer, Answer) and answer.status < 500
            if not isinstance(answer, Answer):
                raise CallFailed(f"{target.origin} gave no usable answer ({answer}).", kind=answer)
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
            line["milliseconds"] = round((time.monotonic() - began) * 1000)
            level = logging.WARNING if line.get("status", 500) >= 500 else logging.INFO
            log.log(level, "outbound-call", **line)


def _lower(limit: Any, wish: Any) -> Any:
    return limit if wish is None else min(limit, wish)
