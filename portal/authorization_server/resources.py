"""The services that a token can be for (RFC 8707, 2): the form of a resource, and whose it is."""

import re
from collections.abc import Iterable
from urllib.parse import urlsplit

from portal.authorization_server.errors import InvalidTarget

AT_MOST = 5
_TEXT = re.compile(r"\A[\x21-\x7e]{1,2000}\Z")


def is_well_formed(uri: str) -> bool:
    """Tell whether `uri` is an absolute URL without a fragment and a user (RFC 8707, 2), whose port
    is one.
    """
    try:
        parts = urlsplit(uri)
        well = parts.scheme in {"https", "http"} and parts.hostname and "@" not in parts.netloc
        well = well and parts.port != 0
    except ValueError:
        return False
    return bool(well) and "#" not in uri and bool(_TEXT.match(uri))


def check(given: tuple[str, ...], registered: Iterable[str] = ()) -> tuple[str, ...]:
    """Return the resources that a client asks for, which may have those that are `registered`;
    where there is none, those that its person allows. Raises `InvalidTarget`.
    """
    if not all(map(is_well_formed, given)):
        raise InvalidTarget("A resource is an absolute URL without a fragment.")
    if len(given) > AT_MOST:
        raise InvalidTarget("There are too many resources.")
    if left(given, registered) != list(given):
        raise InvalidTarget("This resource is not one of this client's.")
    return given


def scope_at(scope: str, resource: str) -> str:
    """Return the word for a scope that a token for a service has; neither contains a blank."""
    return f"{scope} {resource}"


def left(granted: Iterable[str], registered: Iterable[str]) -> list[str]:
    """Return those of the resources that were granted which the client may still have."""
    known = set(registered)
    return [each for each in granted if not known or each in known]
