"""What is sent: where to, header lines and a body."""

from __future__ import annotations

import json
import re
from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from accounts.http.address import Target
from accounts.http.answer import RefusedUrl

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
_UNSAFE = re.compile(rb"^\s|[\r\n\0]")


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A request that is ready to be sent. `body` is None for a GET, else that of a POST."""

    target: Target
    lines: list[bytes] = field(repr=False)
    body: bytes | None = field(repr=False)


def body_of(form: Form | None, content: bytes | None, value: Any) -> tuple[bytes, Headers]:
    """Return a body and its `Content-Type`: that of a form, of bytes, or of a JSON value."""
    if content is not None:
        return content, {}
    if form is not None:
        return urlencode(form).encode(), {"Content-Type": "application/x-www-form-urlencoded"}
    if value is not None:
        return json.dumps(value, allow_nan=False).encode(), {"Content-Type": "application/json"}
    return b"", {}


def lines_of(headers: Headers, auth: tuple[str, str] | None) -> list[bytes]:
    """Return the lines of a head: `headers` replace ours of the same name, in any case.

    `auth` is user and password (RFC 7617). Raises `RefusedUrl` for a header that must not be sent.
    """
    lines = dict(_LINES)
    for name, text in headers.items():
        raw = text.encode() if isinstance(text, str) else text
        if not _NAME.fullmatch(name) or _UNSAFE.search(raw):
            raise RefusedUrl("A header is malformed.")
        lines[name.lower()] = name.encode() + (b": " + raw if raw else b";")
    if auth:
        lines["authorization"] = b"Authorization: Basic " + b64encode(":".join(auth).encode())
    return list(lines.values())
