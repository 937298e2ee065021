"""Logins in this process, without a server: python -m tests.benchmarks.one_login ISSUER SLUG COUNT

For whoever counts the instructions of this process (tests/benchmarks/instructions.py).
"""

from __future__ import annotations

import io
import os
import socket
import sys
from typing import Any
from urllib.parse import urlsplit


def main(issuer: str, slug: str, count: int) -> None:
    """Sign in so many times, each time as a new browser."""
    os.environ["DJANGO_SETTINGS_MODULE"] = "portal.settings"
    from django.core.wsgi import get_wsgi_application

    application = get_wsgi_application()

    from accounts import ended
    from portal.server import learned

    # Here a login takes long, and would read the feed each time, which a served one does not.
    ended.FRESH_SECONDS = learned.SECONDS = float("inf")
    for _ in range(count):
        _login(application, issuer, slug)


def _login(application: Any, issuer: str, slug: str) -> None:
    cookies: dict[str, str] = {}
    there = _called(application, f"/auth/login/{slug}", cookies)
    back = _location(urlsplit(issuer), there.removeprefix(issuer))
    path = back[back.index("/auth/callback/") :]
    landed = _called(application, path, cookies)
    if not landed.endswith("/account/"):
        raise RuntimeError(f"the login ended at {landed}")


def _called(application: Any, target: str, cookies: dict[str, str]) -> str:
    """Return where the site leads from a path; its cookies are kept."""
    path, _, query = target.partition("?")
    site = urlsplit(os.environ["VESTIBULE_SITE_URL"])
    environ = {
        "REQUEST_METHOD": "GET",
        "SCRIPT_NAME": "",
        "PATH_INFO": path,
        "QUERY_STRING": query,
        "SERVER_NAME": site.hostname,
        "SERVER_PORT": str(site.port),
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "HTTP_HOST": site.netloc,
        "HTTP_COOKIE": "; ".join(f"{name}={value}" for name, value in cookies.items()),
        "wsgi.url_scheme": site.scheme,
        "wsgi.input": io.BytesIO(),
    }
    told = _answered(application, environ)
    for name, value in told:
        if name == "Set-Cookie":
            held, _, content = value.partition(";")[0].partition("=")
            cookies[held] = content
    return next(value for name, value in told if name == "Location")


def _answered(application: Any, environ: dict[str, Any]) -> list[tuple[str, str]]:
    """Return the head of an answer, as the front has it: by a short way, else by Django."""
    from accounts.offers import offered
    from portal.server.short_ways import LEARN, Answer

    found = next(filter(None, (way(environ) for way in offered("short_way"))), None)
    if found:
        return list(found.headers)
    status, told = 0, list[tuple[str, str]]()

    def start_response(line: str, headers: list[tuple[str, str]]) -> None:
        nonlocal status
        status = int(line[:3])
        told.extend(headers)

    pieces = application(environ, start_response)
    pieces.close()
    if LEARN in environ:
        environ[LEARN](Answer(status, told, b""))
    return told


def _location(server: Any, path: str) -> str:
    """Return where a server leads from a path, by as few instructions as can be."""
    with socket.create_connection((server.hostname, server.port)) as own:
        own.sendall(f"GET {path} HTTP/1.1\r\nHost: {server.netloc}\r\n\r\n".encode())
        said = own.recv(65536)
    _, _, rest = said.partition(b"Location: ")
    return rest.partition(b"\r\n")[0].decode()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
