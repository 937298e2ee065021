"""Where a call goes: which addresses are refused, what an origin is, what may be logged."""

import ipaddress
import re
from dataclasses import dataclass, field
from functools import lru_cache
from urllib.parse import quote, urlsplit

import idna
from django.utils.translation import gettext_noop as _

from accounts.errors import Said
from accounts.http.answer import RefusedUrl

_PORTS = {"https": 443, "http": 80}
# Parsers disagree on control characters, spaces and backslashes, so that one could check a host and
# another call a different one (RFC 3986, 2: none of them may occur in a URL).
UNCLEAR = re.compile(r"[\x00-\x20\x7f-\xa0\\\ud800-\udfff]")
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_HOST = re.compile(r"[a-z0-9._-]+|[0-9a-f:.]+")
# What may stand in a path and a query (RFC 3986, 2), and what is percent-encoded already.
_SAFE = "!#$%&'()*+,/:;=?@[]~"


@dataclass(frozen=True, slots=True)
class Target:
    """Where a request goes. `url` has the query; `shown` has none, and may stand in a log."""

    origin: str
    host: str
    port: int
    url: str = field(repr=False)
    shown: str


# A site has a handful of endpoints, and reading an address costs as much as asking there.
@lru_cache(256)
def target_of(url: str, plain: bool) -> Target:
    """Return where `url` leads. `plain` allows http beside https. Raises `RefusedUrl`."""
    if UNCLEAR.search(url):
        raise RefusedUrl(Said(_("The address holds a character that is not allowed in one.")))
    origin = origin_of(url)
    if not origin.startswith(("https://", "http://") if plain else "https://"):
        raise RefusedUrl(
            Said(_("The address is not https, or has no host, or a port that is none."))
        )
    parts, host = urlsplit(url), urlsplit(origin).hostname or ""
    if "@" in parts.netloc or not _HOST.fullmatch(host):
        raise RefusedUrl(
            Said(_("The address holds a user name or password, or a host that is none."))
        )
    path = quote(parts.path or "/", safe=_SAFE)
    query = f"?{quote(parts.query, safe=_SAFE)}" if parts.query else ""
    port = parts.port or _PORTS[parts.scheme]
    return Target(origin, host, port, origin + path + query, origin + path.partition(";")[0])


def is_inside(address: str) -> bool:
    """Tell whether an IP address is of this machine or of a net like ours: not one of the internet.

    Of an IPv6 address that carries one of IPv4 (RFC 4291, 2.5.5.2; RFC 6052, 2.1; RFC 3056), that
    one is judged.
    """
    found = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(found, ipaddress.IPv6Address):
        inner = found.ipv4_mapped or found.sixtofour
        if found in _NAT64:
            inner = ipaddress.IPv4Address(int(found) & 0xFFFFFFFF)
        if inner:
            return is_inside(str(inner))
    return not found.is_global or found.is_multicast


def origin_of(url: str) -> str:
    """Return scheme, host and port of a URL, the port only when it is not the scheme's own.

    Returns an empty text when it has no host, or a port that is none.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
        if not host.isascii():
            host = idna.encode(host, uts46=True).decode()  # as in certificates (RFC 5891)
    except ValueError:
        return ""
    if not host:
        return ""
    shown = f"[{host}]" if ":" in host else host
    if port is not None and port != _PORTS.get(parts.scheme):
        shown = f"{shown}:{port}"
    return f"{parts.scheme}://{shown}"
