"""The raw cookies of a request, for upstreams that need the exact bytes."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase

from accounts.keyring import digest

# A browser holds a name once for each path and domain; more is no browser's.
_MOST_OF_A_NAME = 4
# How the names begin that this site gives; a cookie that is bound to a host is no upstream's.
OURS = ("vestibule", "vf-", "csrftoken", "tokens_key", "authProvider")
_BOUND = "__Host-"


class RawCookies(dict[str, str]):
    """The cookies of a request. Of a name that occurs twice the first counts: a browser sends the
    closest path first. `pairs` has the others too.
    """

    def __init__(self, found: Sequence[tuple[str, str]] = ()) -> None:
        super().__init__()
        for name, value in found:
            self.setdefault(name, value)
        self.found = tuple(found)


def parse(header: str) -> RawCookies:
    """Return the cookies of a `Cookie` header (RFC 6265, 5.4), not decoded."""
    found: dict[str, list[str]] = {}
    for part in header.split(";"):
        name, equals, value = part.strip().partition("=")
        values = found.setdefault(name, []) if equals else []
        if value not in values and len(values) < _MOST_OF_A_NAME:
            values.append(value)
    return RawCookies([(name, value) for name, values in found.items() for value in values])


def latest(header: str) -> dict[str, str]:
    """Return the cookies of a `Cookie` header, of a name that occurs twice the last, as Django has
    it. Nothing is unquoted: no name or value of ours is quoted, and versions of Python take the
    square of a length for it (CVE-2024-7592).
    """
    parts = (part.partition("=") for part in header.split(";"))
    return {name.strip(): value.strip() for name, equals, value in parts if equals}


def pairs(cookies: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Return each name with each of its values, in their order."""
    yield from cookies.found if isinstance(cookies, RawCookies) else cookies.items()


def count(cookies: Mapping[str, str]) -> int:
    """Return how many there are: each may cost its upstream a call."""
    return sum(1 for _ in pairs(cookies))


def without(cookies: Mapping[str, str], bound_to: str) -> RawCookies:
    """Return all of `cookies` but the one to which an outcome is bound."""
    return RawCookies([(n, v) for n, v in pairs(cookies) if digest(f"{n}={v}") != bound_to])


def bound(cookies: Mapping[str, str], bound_to: str) -> RawCookies:
    """Return the one of `cookies` to which an outcome is bound."""
    return RawCookies([(n, v) for n, v in pairs(cookies) if digest(f"{n}={v}") == bound_to])


def permitted(cookies: Mapping[str, str], patterns: Collection[str]) -> RawCookies:
    """Return those of `cookies` whose name a provider declares, by shell patterns. One of ours is
    never among them: whoever edits a source names the cookies that its address is sent.
    """
    return RawCookies(
        [
            (name, value)
            for name, value in pairs(cookies)
            if not name.startswith((_BOUND, *OURS))
            and any(fnmatchcase(name, pattern) for pattern in patterns)
        ]
    )
