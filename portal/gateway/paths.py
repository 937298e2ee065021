"""The readings of a path: what the applications behind may take it for (docs/gateway.md 4).

Nobody knows how an application reads `%2f`, `..`, `//`, `;` or a capital letter. So a path has
several readings, and a request is let in only where the rules of all of them allow it.
"""

import posixpath
import re
import unicodedata
from dataclasses import dataclass
from urllib.parse import unquote

from accounts.errors import InvalidRequest

LONGEST = 8192
# RFC 3986, 3.3 and 3.4, and what browsers and DAV clients send beside it: but no control
# character, no blank, no fragment, no backslash, and nothing beyond ASCII.
_TARGET = re.compile(r"/[!\"$-\[\]^-~]*\Z")
_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
# A path that every application reads alike.
_PLAIN = re.compile(r"(?:/[a-z0-9_~-]+)*/?\Z")
_KEPT = {"%2f": "%2F", "%5c": "%5C", "%25": "%25"}
_ESCAPE = re.compile("%[0-9A-Fa-f]{2}")
_MOST_ESCAPES = 4


@dataclass(frozen=True, slots=True)
class Reading:
    """A path as it may be understood. A `loose` one is compared without regard to case."""

    path: str
    loose: bool = False


def split(target: str) -> tuple[str, str]:
    """Return path and query of the target of a request (RFC 9112, 3.2.1).

    Raises `InvalidRequest` for the absolute form, and for what is not ASCII as RFC 3986 has it.
    """
    if len(target) > LONGEST or not _TARGET.match(target) or _BAD_ESCAPE.search(target):
        raise InvalidRequest("The address cannot be read.")
    path, _, query = target.partition("?")
    return path, query


def readings(path: str) -> tuple[Reading, ...]:
    """Return each way in which an escaped path may be understood.

    Raises `InvalidRequest` for a path that is not UTF-8, or that holds a control character at any
    depth of escaping.
    """
    if _PLAIN.match(path):
        return (Reading(path), Reading(path, loose=True))
    once = _ESCAPE.sub(_plain_escape, path)
    once = _text(once)
    whole = _unescaped(path)
    found = {Reading(once), Reading(_resolved(once))}
    for each in (whole, _without_parameters(whole), _without_suffixes(_without_parameters(whole))):
        found |= {Reading(each, loose=True), Reading(_resolved(each), loose=True)}
    return tuple(sorted(found, key=lambda each: (each.loose, each.path)))


def folded(path: str) -> str:
    """Return the form in which loose readings and rules are compared."""
    return unicodedata.normalize("NFKC", path).casefold()


def covers(prefix: str, path: str) -> bool:
    """Tell whether a path lies at or below `prefix`, by whole segments."""
    if prefix.endswith("/"):
        return path.startswith(prefix) or path == prefix[:-1]
    return path == prefix or path.startswith(prefix + "/")


def _plain_escape(found: re.Match[str]) -> str:
    return _KEPT.get(found[0].lower(), found[0])


def _text(path: str) -> str:
    """Return a path with its escapes opened, but those of a slash, a backslash and a percent."""
    kept = re.sub("%(2F|5C|25)", r"%25\1", path)
    return _opened(kept)


def _opened(path: str) -> str:
    try:
        text = unquote(path, errors="strict")
    except UnicodeDecodeError:
        raise InvalidRequest("The address is not UTF-8.") from None
    if any(unicodedata.category(each) in {"Cc", "Cs", "Zl", "Zp"} for each in text):
        raise InvalidRequest("A character in the address is not allowed.")
    return text


def _unescaped(path: str) -> str:
    """Return a path with all its escapes opened, also the ones that were escaped again."""
    for _ in range(_MOST_ESCAPES):
        if not _ESCAPE.search(path):
            break
        path = _opened(path)
    else:
        if _ESCAPE.search(path):
            raise InvalidRequest("The address is escaped too often.")
    return folded(path.replace("\\", "/"))


def _resolved(path: str) -> str:
    """Return a path without dot segments and empty ones (RFC 3986, 5.2.4)."""
    end = "/" if path.endswith(("/", "/.", "/..")) else ""
    plain = "/" + posixpath.normpath(path).lstrip("/")
    return plain if plain == "/" else plain + end


def _without_parameters(path: str) -> str:
    return re.sub(";[^/]*", "", path)


def _without_suffixes(path: str) -> str:
    """Return a path whose segments end at their first dot, and without blanks at their end."""
    return re.sub(r"(?<=[^/.])\.[^/]*|\s+(?=/|\Z)", "", path)
