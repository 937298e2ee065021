"""The web server before the application of files: it asks the site about each request.

So does nginx by `auth_request`, and Caddy by `forward_auth` (docs/gateway.md 1).

The application behind it knows no login. It reads who asks from the headers of the answer.
"""

from __future__ import annotations

import http.client
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render

from tests.sandbox import conf

_SECONDS = 10
_ALIVE = "/healthz"
# What of the caller's own is sent along.
_OWN = (
    "Accept", "Authorization", "Cookie", "Origin", "Sec-Fetch-Dest", "Sec-Fetch-Mode",
    "Sec-Fetch-Site", "User-Agent", "X-Requested-With",
)  # fmt: skip
# What of a refusal reaches the caller.
_PASSED_ON = {"location", "set-cookie", "www-authenticate", "cache-control", "content-type"}


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks, as the application is told; without a name for nobody."""

    name: str = ""
    groups: tuple[str, ...] = ()


class Front:
    """Middleware: asks first, and lets the application answer who may come in."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Return the application's answer, or the refusal."""
        if request.path == _ALIVE:
            return self.get_response(request)
        try:
            status, headers, body = _ask(request)
        except (OSError, http.client.HTTPException):
            return render(request, "files/closed.html", status=503)
        if status == http.client.OK:
            request.caller = _caller(dict(headers))  # type: ignore[attr-defined]
            return self.get_response(request)
        if status == http.client.FORBIDDEN:
            return render(request, "files/forbidden.html", {"site": conf.site_origin()}, status=403)
        return _Refusal(status, headers, body)


class _Refusal(HttpResponse):
    """The site's own answer, with its headers as they are: a cookie each in a line of its own."""

    def __init__(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        # No middleware packs the body: what it would say of that is not passed on.
        super().__init__(body, status=status, headers={"Content-Encoding": "identity"})
        self._lines = [line for line in headers if line[0].lower() in _PASSED_ON]

    def items(self) -> list[tuple[str, str]]:
        """Return each line of the head."""
        return self._lines


def _ask(request: HttpRequest) -> tuple[int, list[tuple[str, str]], bytes]:
    """Return the site's answer. Raises `OSError` or `HTTPException` when there is none."""
    own = {name: request.headers[name] for name in _OWN if name in request.headers}
    asked = {
        "X-Forwarded-Method": str(request.method),
        "X-Forwarded-Proto": str(request.scheme),
        "X-Forwarded-Host": request.get_host(),
        "X-Forwarded-Uri": request.get_full_path(),
        "X-Forwarded-For": request.META.get("REMOTE_ADDR", ""),
    }
    site = urlsplit(conf.site_origin())
    # From an address of this machine's that the site trusts to say which request it is.
    connection = http.client.HTTPConnection(
        "127.0.0.1", site.port or 80, timeout=_SECONDS, source_address=("127.0.0.2", 0)
    )
    try:
        connection.request("GET", "/gateway/check", headers={"Host": site.netloc, **own, **asked})
        answer = connection.getresponse()
        return answer.status, answer.getheaders(), answer.read()
    finally:
        connection.close()


def _caller(headers: dict[str, str]) -> Caller:
    """Return who asks. A list is split first, then decoded (docs/gateway.md 5)."""
    told = {name.lower(): value for name, value in headers.items()}
    groups = (unquote(each) for each in told.get("remote-groups", "").split(",") if each)
    return Caller(unquote(told.get("remote-name", "")), tuple(groups))
