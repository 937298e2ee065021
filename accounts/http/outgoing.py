"""What is sent: where it goes, its headers and its body."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any
from urllib.parse import urlencode

import requests
from requests.utils import check_header_validity

from accounts.http import address
from accounts.http.errors import RefusedUrl

Headers = Mapping[str, str | bytes]
Form = Mapping[str, str] | Sequence[tuple[str, str]]

# Plain bodies are cheapest, and a packed one would tell secrets by its length (the BREACH attack).
_HEADERS: dict[str, bytes] = {
    "User-Agent": b"Vestibule",
    "Accept": b"application/json, */*;q=0.5",
    "Accept-Encoding": b"identity",
}
# A site has a handful of endpoints; reading an address costs as much as asking there.
_TARGETS_KEPT = 256


@dataclass(frozen=True, slots=True)
class Target:
    """Where a request goes. `path` has the query; `shown` has none, and may stand in a log."""

    origin: str
    path: str = field(repr=False)
    shown: str


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A request that is ready to be sent."""

    method: str
    target: Target
    headers: dict[str, bytes] = field(repr=False)
    body: bytes | None = field(repr=False)


def target_of(url: str, params: Mapping[str, str] | None, *, plain: bool) -> Target:
    """Return where `url` leads, with `params` added to its query. `plain` allows http.

    Raises `RefusedUrl`.
    """
    return _read(url, params, plain) if params else _known(url, plain)


def outgoing(
    method: str,
    target: Target,
    *,
    form: Form | None = None,
    content: bytes | None = None,
    value: Any = None,
    headers: Headers | None = None,
    auth: tuple[str, str] | None = None,
) -> Outgoing:
    """Return a request with one of the bodies: a form, bytes, or a JSON value.

    The caller's headers replace our own of the same name, in any case; `auth` is user and password
    (RFC 7617). Raises `RefusedUrl` for a header that must not be sent.
    """
    body, kind = _body(form, content, value)
    said = _checked(headers or {})
    if auth:
        said["Authorization"] = b"Basic " + b64encode(":".join(auth).encode())
    names = {name.lower() for name in said}
    own = {name: text for name, text in {**_HEADERS, **kind}.items() if name.lower() not in names}
    return Outgoing(method, target, own | said, body)


def _body(
    form: Form | None, content: bytes | None, value: Any
) -> tuple[bytes | None, dict[str, bytes]]:
    if content is not None:
        return content, {}
    if form is not None:
        return urlencode(form).encode(), {"Content-Type": b"application/x-www-form-urlencoded"}
    if value is not None:
        return json.dumps(value, allow_nan=False).encode(), {"Content-Type": b"application/json"}
    return None, {}


def _checked(headers: Headers) -> dict[str, bytes]:
    raw = {n: v.encode() if isinstance(v, str) else v for n, v in headers.items()}
    try:
        for name, text in raw.items():
            check_header_validity((name, text))  # type: ignore[type-var]  # a str and bytes
        sound = True
    except requests.RequestException:
        sound = False
    if not sound:
        # Raised here, outside of the handler: the errors of requests quote the header.
        raise RefusedUrl("A header is malformed.")
    return raw


def _read(url: str, params: Mapping[str, str] | None, plain: bool) -> Target:
    address.refuse_unclear(url)
    prepared = requests.PreparedRequest()
    try:
        prepared.prepare_url(url, params)
        sound = True
    except (requests.RequestException, UnicodeError):
        sound = False
    if not sound:
        # Raised here, outside of the handler: the errors of requests quote the address.
        raise RefusedUrl("The address is malformed.")
    whole = str(prepared.url)
    origin = address.checked_origin(whole, plain=plain)
    # What begins with two slashes would read as a host.
    path = "/" + str(prepared.path_url).lstrip("/")
    return Target(origin, path, address.loggable(whole, origin))


@lru_cache(_TARGETS_KEPT)
def _known(url: str, plain: bool) -> Target:
    return _read(url, None, plain)
