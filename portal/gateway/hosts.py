"""Hosts as a request names them (RFC 3986, 3.2.2)."""

import re
from itertools import takewhile

from accounts.errors import InvalidRequest

# Below it an application's host leads to Vestibule.
LOCAL = "/.vestibule/"
# The cookies there: of a browser on its way, and of a session.
START, HELD = "vestibule-start", "vestibule-host"
_AUTHORITY = re.compile(r"(?P<host>[a-z0-9_.-]{1,253}|\[[0-9a-f:.]{2,45}\])(?::\d{1,5})?\Z")


def host_of(authority: str) -> str:
    """Return the host of an authority in lower case, without its port and the dot of the root.

    Raises `InvalidRequest` for what is none.
    """
    found = _AUTHORITY.match(authority)
    if not found or ".." in authority:
        raise InvalidRequest("The host cannot be read.")
    return found["host"].rstrip(".")


def arrives(host: str, site: str, domain: str) -> bool:
    """Tell whether a cookie that `site` sets for `domain`, or for itself, arrives at `host` (RFC
    6265, 5.1.3).
    """
    return host == site or bool(domain and (host == domain or host.endswith(f".{domain}")))


def reaches(host: str, site: str, upstream: str) -> bool:
    """Tell whether a cookie of `upstream` that arrives at `site` must arrive at `host` as well: its
    domain is what both names end with, or above (RFC 6265, 5.1.3). Where both are one name it may
    be that host's alone.
    """
    if host == site or site == upstream:
        return host == site
    pairs = zip(_from_top(site), _from_top(upstream), strict=False)
    common = [one for one, _other in takewhile(lambda pair: pair[0] == pair[1], pairs)]
    return len(common) > 1 and _from_top(host)[: len(common)] == common


def _from_top(host: str) -> list[str]:
    return host.split(".")[::-1]
