"""Where a call goes: which addresses are refused, what an origin is, what may be logged."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

import idna

from accounts.http.errors import RefusedUrl

_PORTS = {"https": 443, "http": 80}
# Parsers disagree on control characters, spaces and backslashes, so that one could check a host and
# another call a different one (RFC 3986, 2: none of them may occur in a URL).
_FORBIDDEN = re.compile(r"[\x00-\x20\x7f-\xa0\\]")
# requests drops an empty user name, so it must be looked for before.
_USERINFO = re.compile(r"[^/?#]*//[^/?#]*@")


def refuse_unclear(url: str) -> None:
    """Raise `RefusedUrl` when parsers could read a URL in different ways, and for userinfo."""
    if _FORBIDDEN.search(url):
        raise RefusedUrl("The address holds a character that is not allowed in one.")
    if _USERINFO.match(url):
        raise RefusedUrl("The address holds a user name or password.")


def checked_origin(url: str, *, plain: bool) -> str:
    """Return the origin of a prepared URL. `plain` allows http beside https.

    Raises `RefusedUrl` for another scheme, for a missing host and for a wrong port.
    """
    scheme = url.partition(":")[0].lower()
    if scheme != "https" and not (plain and scheme == "http"):
        raise RefusedUrl("The address is not https.")
    origin = origin_of(url)
    if not origin:
        raise RefusedUrl("The address has no host, or a port that is none.")
    return origin


def origin_of(url: str) -> str:
    """Return scheme, host and port of a URL, the port only when it is not the scheme's own.

    Returns an empty text when it has no host, or a port that is none.
    """
    try:
        parts = urlsplit(url)
        host, port = _ascii_host(parts.hostname or ""), parts.port
    except ValueError:
        return ""
    if not host:
        return ""
    shown = f"[{host}]" if ":" in host else host
    if port is not None and port != _PORTS.get(parts.scheme):
        shown = f"{shown}:{port}"
    return f"{parts.scheme}://{shown}"


def loggable(url: str, origin: str) -> str:
    """Return a URL without its query, fragment and path parameters."""
    return origin + urlsplit(url).path.partition(";")[0]


def _ascii_host(host: str) -> str:
    """Return a host as it stands in certificates (RFC 5891). Raises `ValueError`."""
    return host if host.isascii() else idna.encode(host, uts46=True).decode()
