"""Hosts as a request names them (RFC 3986, 3.2.2)."""

import re

from accounts.errors import InvalidRequest

_AUTHORITY = re.compile(r"(?P<host>[a-z0-9_.-]{1,253}|\[[0-9a-f:.]{2,45}\])(?::\d{1,5})?\Z")


def host_of(authority: str) -> str:
    """Return the host of an authority in lower case, without its port and the dot of the root.

    Raises `InvalidRequest` for what is none.
    """
    found = _AUTHORITY.match(authority)
    if not found or ".." in authority:
        raise InvalidRequest("The host cannot be read.")
    return found["host"].rstrip(".")
