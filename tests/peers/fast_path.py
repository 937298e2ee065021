"""The fast path in front of Django's test client, for a whole run (`make soak`).

What the front would answer by itself is what the client gets, and Django is asked as well where
that changes nothing: both must say the same, byte for byte (docs/decisions/0009-short-ways.md).
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest
from django.core.handlers.wsgi import WSGIRequest
from django.db import connection
from django.http import HttpResponse
from django.test.client import ClientHandler

from accounts import database, ended
from accounts.offers import offered
from portal.gateway.check import Answer as Said
from portal.gateway.middleware import Exactly
from portal.server.kept import Kept
from portal.server.short_ways import LEARN, Answer, Environ

_PATHS = r"/auth/session|/gateway/check"
_FLOW = re.compile(
    r"(?<=state=)[^&]+|(?<=nonce=)[^&]+|(?<=code_challenge=)[^&]+|vf-[^;]+|(?<=expires=)[^;]+"
)
_of_django = ClientHandler.__call__


class _Front:
    """What the front of a worker knows, from the start of a test to its end."""

    def __init__(self) -> None:
        self.kept = Kept(_PATHS, 2**20, ended)

    def asked(self, client: ClientHandler, environ: Environ) -> HttpResponse:
        environ["wsgi.input"] = io.BytesIO(environ["wsgi.input"].read())
        key, before, noted = self.kept.key(_scope(environ)), dict(environ), None
        if key:
            ended._feed.expire()  # as half a second later
            with _uncounted():
                noted = self.kept.moment()
        found = self._of_the_loop(key, environ) or _of_a_thread(environ)
        if found is None:
            response = _of_django(client, environ)
            answer = _as_sent(response)
        else:
            answer, response = found, Exactly(Said(found.status, tuple(found.headers), found.body))
            response.wsgi_request = WSGIRequest(before)  # the client looks for it
            for name, value in found.headers:
                if name == "Set-Cookie":
                    response.cookies.load(value)
            if environ["REQUEST_METHOD"] == "GET" and found.status not in {401, 403, 429}:
                with _uncounted():
                    beside = _as_sent(_of_django(client, before))
                assert _unsealed(beside) == _unsealed(found)
        if LEARN in environ:
            environ[LEARN](answer)
        if key:
            self.kept.learn(key, environ, answer, noted)
        return response

    def _of_the_loop(self, key: bytes | None, environ: Environ) -> Answer | None:
        """Return what is given without a thread: such answers are to requests that may be kept."""
        if not key:
            return None
        ways = offered("at_hand")
        return self.kept.at_once(key) or next(filter(None, (way(environ) for way in ways)), None)


@contextmanager
def before_django() -> Iterator[None]:
    """Let each client of the tests ask the fast path first, for the block."""
    front = _Front()

    def call(own: ClientHandler, environ: Environ) -> Any:
        return front.asked(own, environ)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ClientHandler, "__call__", call)
        # As Django's own client does: what a test has written would go with its connection.
        patch.setattr(database, "close_old_connections", lambda: None)
        yield


def _of_a_thread(environ: Environ) -> Answer | None:
    return next(filter(None, (way(environ) for way in offered("short_way"))), None)


@contextmanager
def _uncounted() -> Iterator[None]:
    """Keep the queries of the block from a test that counts them."""
    counted, connection.force_debug_cursor = connection.force_debug_cursor, False
    try:
        yield
    finally:
        connection.force_debug_cursor = counted


def _as_sent(response: Any) -> Answer:
    cookies = [("Set-Cookie", each.output(header="")) for each in response.cookies.values()]
    body = b"" if response.streaming else response.content
    return Answer(response.status_code, (*response.items(), *cookies), body)


def _unsealed(answer: Answer) -> tuple[int, list[tuple[str, str]], bytes]:
    """Return an answer without what a sign-in's start makes anew: the flow, sealed and as asked."""
    named = [(name, _FLOW.sub("", value)) for name, value in answer.headers]
    return answer.status, named, answer.body


def _scope(environ: Environ) -> Any:
    """Return what granian says of such a request."""
    headers = {
        re.sub("^http_", "", key.lower()).replace("_", "-"): str(value)
        for key, value in environ.items()
        if key.startswith("HTTP_") or key in {"CONTENT_TYPE", "CONTENT_LENGTH"}
    }
    return SimpleNamespace(
        method=environ["REQUEST_METHOD"],
        path=environ["PATH_INFO"].encode("latin-1").decode(errors="replace"),
        client=f"{environ['REMOTE_ADDR']}:1",
        scheme=environ["wsgi.url_scheme"],
        http_version="1.1",
        authority="",
        query_string=environ["QUERY_STRING"],
        headers=headers,
    )
