"""A browser that keeps its connection and its cookies, and costs the other core little."""

from __future__ import annotations

import http.client
import ssl
from collections.abc import Mapping
from http.cookies import SimpleCookie
from urllib.parse import urlsplit


def asked(
    connection: http.client.HTTPConnection,
    method: str,
    path: str,
    body: str | None,
    headers: Mapping[str, str],
) -> http.client.HTTPResponse:
    """Return an answer that has been read; a server may have ended a connection that was idle."""
    try:
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
    except ConnectionError:
        connection.close()
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
    answer.read()
    return answer


class Browser:
    """One browser at one origin; over https it trusts the file `ca` alone."""

    def __init__(self, url: str, ca: str = "") -> None:
        parts = urlsplit(url)
        self.origin = url
        self.connection = http.client.HTTPConnection(parts.hostname or "", parts.port)
        if parts.scheme == "https":
            context = ssl.create_default_context(cafile=ca)
            self.connection = http.client.HTTPSConnection(
                parts.hostname or "", parts.port, context=context
            )
        self.cookies: dict[str, str] = {}

    def get(self, path: str) -> None:
        """Get, and take the cookies. Raises `RuntimeError` for an error."""
        if self._call("GET", path, None)[0] >= 400:
            raise RuntimeError(f"{path} failed")

    def follow(self, url: str) -> str:
        """Go to an address here, and return where it sends the browser.

        Raises `RuntimeError` when it leads nowhere.
        """
        status, location = self._call("GET", url.removeprefix(self.origin), None)
        if status not in (302, 303):
            raise RuntimeError(f"{url} answered {status}")
        return location

    def post(self, path: str, form: str) -> int:
        """Post a form and return the status."""
        return self._call("POST", path, form)[0]

    def _call(self, method: str, path: str, form: str | None) -> tuple[int, str]:
        headers = {"Cookie": "; ".join(f"{k}={v}" for k, v in self.cookies.items())}
        if form is not None:
            headers |= {
                "Content-Type": "application/x-www-form-urlencoded",
                "Origin": self.origin,
            }
        answer = asked(self.connection, method, path, form, headers)
        for line in answer.headers.get_all("Set-Cookie") or ():
            for name, morsel in SimpleCookie(line).items():
                self.cookies[name] = morsel.value
        return answer.status, answer.headers.get("Location", "")
