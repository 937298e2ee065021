"""A request as the front tells the site of it, answered by Django and by the short ways."""

from __future__ import annotations

import io
from functools import cache
from typing import Any

from django.core.handlers.wsgi import WSGIHandler

from accounts.offers import offered
from portal.server.short_ways import LEARN, Answer, Environ

_django = cache(WSGIHandler)


def told(method: str, path: str, body: bytes = b"", **more: str) -> Environ:
    """Return the environment of a request. `more` are its variables by their CGI names."""
    path, _, query = path.partition("?")
    return {
        "SCRIPT_NAME": "",
        "REQUEST_METHOD": method,
        "PATH_INFO": path,
        "QUERY_STRING": query,
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "8000",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "203.0.113.9",
        "HTTP_HOST": "localhost:8000",
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(body),
        **more,
    }


def by_django(environ: Environ) -> Answer:
    """Return Django's answer, and tell the short way that wants to know."""
    head: list[Any] = []
    pieces = _django()(environ, lambda status, headers: head.extend((int(status[:3]), headers)))
    answer = Answer(*head, b"".join(pieces))
    if LEARN in environ:
        environ[LEARN](answer)
    return answer


def shortly(environ: Environ) -> Answer | None:
    """Return what a short way answers, None when none does."""
    for way in offered("short_way"):
        answer: Answer | None = way(environ)
        if answer is not None:
            return answer
    return None
