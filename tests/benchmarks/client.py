"""A browser that keeps its connection and its cookies, and costs the other core little."""

from __future__ import annotations

import http.client
from http.cookies import SimpleCookie
from urllib.parse import urlsplit


class Browser:
    """One browser at one origin."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self.origin = url
        self.connection = http.client.HTTPConnection(parts.hostname or "", parts.port)
        self.cookies: dict[str, str] = {}

    def get(self, path: str) -> None:
        """Get, and take the cookies. Raises `RuntimeError` for an error."""
        if self._call("GET", path, None) >= 400:
            raise RuntimeError(f"{path} failed")

    def post(self, path: str, form: str) -> int:
        """Post a form and return the status."""
        return self._call("POST", path, form)

    def _call(self, method: str, path: str, form: str | None) -> int:
        headers = {"Cookie": "; ".join(f"{k}={v}" for k, v in self.cookies.items())}
        if form is not None:
            headers |= {
                "Content-Type": "application/x-www-form-urlencoded",
                "Origin": self.origin,
            }
        self.connection.request(method, path, form, headers)
        answer = self.connection.getresponse()
        answer.read()
        for line in answer.headers.get_all("Set-Cookie") or ():
            for name, morsel in SimpleCookie(line).items():
                self.cookies[name] = morsel.value
        return answer.status
