"""A client of HTTP as a browser or a proxy is one, which hides no failure: nothing is asked again.

A connection that the server has closed while it was idle is left before a request goes out on it
(RFC 9112, section 9.3.1); one that breaks after that is a failed request.
"""

from __future__ import annotations

import http.client
import select
import ssl
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from itertools import count
from typing import NamedTuple
from urllib.parse import urlencode

SECONDS = 30.0  # that a request may take


class Said(NamedTuple):
    """An answer: its status, its head and its body. Status 0 is none, and the body says why."""

    status: int
    headers: Mapping[str, str]
    body: str

    @property
    def is_told(self) -> bool:
        """Whether the site says plainly that it cannot now, and when to come again."""
        return self.status == 503 and "Retry-After" in self.headers


@dataclass
class Wire:
    """One caller at ports of 127.0.0.1, by turns. `keep` is whether it uses a connection again.

    `host` is what it calls the site, `sent` what goes with each request, `trust` is for https, and
    `longest` the seconds that it has waited for an answer at the most.
    """

    ports: Sequence[int]
    host: str
    keep: bool = True
    sent: dict[str, str] = field(default_factory=dict)
    cookies: dict[str, str] = field(default_factory=dict)
    trust: ssl.SSLContext | None = None
    longest: float = 0.0
    _turns: Iterator[int] = field(default_factory=count, repr=False)
    _kept: http.client.HTTPConnection | None = field(default=None, repr=False)

    def get(self, path: str, **headers: str) -> Said:
        """Ask for a page."""
        return self.ask("GET", path, None, headers)

    def post(self, path: str, form: Mapping[str, str], **headers: str) -> Said:
        """Send a form."""
        kind = {"Content-Type": "application/x-www-form-urlencoded"}
        return self.ask("POST", path, urlencode(form).encode(), {**kind, **headers})

    def ask(
        self, method: str, path: str, body: bytes | None, headers: Mapping[str, str] | None = None
    ) -> Said:
        """Ask once. Never raises: what went wrong is an answer of status 0."""
        line = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        known = {"Host": self.host, **self.sent, **({"Cookie": line} if line else {})}
        begun = time.monotonic()
        try:
            own = self._connection()
            own.request(method, path, body, {**known, **(headers or {})})
            answer = own.getresponse()
            text = answer.read().decode("utf-8", "replace")
        except (OSError, http.client.HTTPException) as error:
            self.close()
            return Said(0, {}, type(error).__name__)
        finally:
            self.longest = max(self.longest, time.monotonic() - begun)
        for each in answer.headers.get_all("Set-Cookie") or ():
            self._take(each)
        if not self.keep or answer.will_close:
            self.close()
        return Said(answer.status, answer.headers, text)

    def close(self) -> None:
        """Leave the connection."""
        if self._kept is not None:
            self._kept.close()
        self._kept = None

    def _connection(self) -> http.client.HTTPConnection:
        if self._kept is not None and self._is_over(self._kept):
            self.close()
        if self._kept is None:
            port = self.ports[next(self._turns) % len(self.ports)]
            self._kept = (
                http.client.HTTPSConnection("localhost", port, timeout=SECONDS, context=self.trust)
                if self.trust
                else http.client.HTTPConnection("127.0.0.1", port, timeout=SECONDS)
            )
            self._kept.connect()
        return self._kept

    @staticmethod
    def _is_over(own: http.client.HTTPConnection) -> bool:
        return own.sock is None or bool(select.select([own.sock], [], [], 0)[0])

    def _take(self, line: str) -> None:
        for name, morsel in SimpleCookie(line).items():
            if morsel["max-age"] == "0" or not morsel.value:
                self.cookies.pop(name, None)
            else:
                self.cookies[name] = morsel.value
