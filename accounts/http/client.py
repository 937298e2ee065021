"""The way in: a client bound to the name of who calls."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import structlog

from accounts import conf
from accounts.http import transport, upstreams
from accounts.http.answer import Answer
from accounts.http.errors import CallFailed, innermost
from accounts.http.outgoing import Form, Headers, Outgoing, outgoing, target_of

log = structlog.get_logger("vestibule.http")


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

    def get(
        self,
        url: str,
        *,
        params: Mapping[str, str] | None = None,
        headers: Headers | None = None,
        auth: tuple[str, str] | None = None,
        deadline: float | None = None,
        max_bytes: int | None = None,
    ) -> Answer:
        """Return the answer to a GET (RFC 9110, 9.3.1), whatever its status.

        `params` are added to the query. A header's text goes out as UTF-8, its bytes as they are.
        `auth` is user and password (RFC 7617). `deadline` (seconds) and `max_bytes` (of the body)
        can only lower the limits of the site. Raises `TemporarilyUnavailable` when there is no
        whole answer, as its subclass `RefusedUrl` when nothing was tried.
        """
        parts = {"headers": headers, "auth": auth}
        return self._call("GET", url, params, parts, deadline, max_bytes)

    def post(
        self,
        url: str,
        *,
        form: Form | None = None,
        json: Any = None,
        content: bytes | None = None,
        headers: Headers | None = None,
        auth: tuple[str, str] | None = None,
        deadline: float | None = None,
        max_bytes: int | None = None,
    ) -> Answer:
        """Return the answer to a POST (RFC 9110, 9.3.3), whatever its status. Never sent twice.

        One of `form` (sent as `application/x-www-form-urlencoded`), `json` (any JSON value) and
        `content` (bytes, whose `Content-Type` is in `headers`). All else is as for `get`.
        """
        body = {"form": form, "content": content, "value": json}
        parts = {**body, "headers": headers, "auth": auth}
        return self._call("POST", url, None, parts, deadline, max_bytes)

    def _call(
        self,
        method: str,
        url: str,
        params: Mapping[str, str] | None,
        parts: dict[str, Any],
        deadline: float | None,
        max_bytes: int | None,
    ) -> Answer:
        limits = conf.http_limits()
        ends = time.monotonic() + _lower(limits.deadline, deadline)
        with self._logged(method) as line:
            target = target_of(url, params, plain=limits.plain)
            line["url"] = target.shown
            request = outgoing(method, target, **parts)
            with self._known.visit(
                target.origin, at_once=limits.per_upstream, in_all=max(1, conf.threads() - 1)
            ) as visit:
                answer = _answer(
                    request,
                    limits=limits,
                    ends=ends,
                    max_bytes=_lower(limits.max_bytes, max_bytes),
                )
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
            log.log(_level(line), "outbound-call", **line)


def _answer(request: Outgoing, **limits: Any) -> Answer | str:
    """Return the answer, or in one word why there is none.

    The errors of the layers below quote the address with its query. They end here, before ours is
    raised, so that it is not chained to them.
    """
    try:
        return transport.exchange(request, **limits)
    except transport.TROUBLE as error:
        return innermost(error)


def _lower(limit: Any, wish: Any) -> Any:
    return limit if wish is None else min(limit, wish)


def _level(line: dict[str, Any]) -> int:
    return logging.WARNING if line.get("status", 500) >= 500 else logging.INFO
