"""The raw cookies of a request, for upstreams that need the exact bytes."""

from collections.abc import Collection, Mapping
from fnmatch import fnmatchcase


def parse(header: str) -> dict[str, str]:
    """Return the cookies of a `Cookie` header (RFC 6265, 5.4), not decoded.

    Of a name that occurs twice the first counts: a browser sends the closest path first.
    """
    found: dict[str, str] = {}
    for part in header.split(";"):
        name, equals, value = part.strip().partition("=")
        if equals:
            found.setdefault(name, value)
    return found


def permitted(cookies: Mapping[str, str], patterns: Collection[str]) -> dict[str, str]:
    """Return those of `cookies` whose name a provider declares, by shell patterns."""
    return {
        name: value
        for name, value in cookies.items()
        if any(fnmatchcase(name, pattern) for pattern in patterns)
    }
