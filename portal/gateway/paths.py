"""The readings of a path: what the applications behind may take it for (docs/gateway.md 4).

Nobody knows how an application reads `%2f`, `..`, `//`, `;` or a capital letter. So a path has
several readings, and a request is let in only where the rules of all of them allow it.
"""

import posixpath
import re
import unicodedata
from dataclasses import dataclass
from enum import Enum
from urllib.parse import unquote

from accounts.errors import InvalidRequest

LONGEST = 8192
LONGEST_OF_A_RULE = 500
# RFC 3986, 3.3 and 3.4, and what browsers and DAV clients send beside it: but no control
# character, no blank, no fragment, no backslash, and nothing beyond ASCII.
_TARGET = re.compile(r"/[!\"$-\[\]^-~]*\Z")
_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
# A path that every application reads alike.
_PLAIN = re.compile(r"(?:/[a-z0-9_~-]+)*/?\Z")
_KEPT = re.compile("%(2[Ff5]|5[Cc])")
_ESCAPE = re.compile("%[0-9A-Fa-f]{2}")
_MOST_ESCAPES = 4
_PARAMETERS = re.compile(";[^/]*")
# What an application takes for a query or a fragment that reads an opened path once more.
_REST = re.compile("[?#].*", re.S)
_ENDINGS = re.compile(r"(?<=[^/.])\.[^/]*|\s+(?=/|\Z)")


class Form(Enum):
    """How a path is compared: as it stands, folded, or folded without endings."""

    EXACT = 0
    FOLDED = 1
    BARE = 2


@dataclass(frozen=True, slots=True)
class Reading:
    """A path as it may be understood, and the form in which rules are held against it."""

    path: str
    form: Form = Form.EXACT


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
        return tuple(Reading(path, form) for form in Form)
    once = _text(path)
    whole = _unescaped(path)
    plain = _PARAMETERS.sub("", _REST.sub("", whole))
    found = {Reading(each) for each in (once, resolved(once))}
    found |= {Reading(_bare(each), Form.BARE) for each in (plain, resolved(plain))}
    for each in (whole, plain):
        found |= {Reading(each, Form.FOLDED), Reading(resolved(each), Form.FOLDED)}
    return tuple(sorted(found, key=lambda each: (each.form.value, each.path)))


def in_all_forms(path: str) -> tuple[str, ...]:
    """Return the path of a rule in each `Form`, in their order."""
    return path, _folded(path), _bare(_folded(path))


def covers(prefix: str, path: str) -> bool:
    """Tell whether a path lies at or below `prefix`, by whole segments."""
    if prefix.endswith("/"):
        return path.startswith(prefix) or path == prefix[:-1]
    return path == prefix or path.startswith(prefix + "/")


def _text(path: str) -> str:
    """Return a path with its escapes opened, but those of a slash, a backslash and a percent."""
    return _opened(_KEPT.sub(r"%25\1", path))


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
    return _folded(path.replace("\\", "/"))


def resolved(path: str) -> str:
    """Return a path without dot segments and empty ones (RFC 3986, 5.2.4)."""
    end = "/" if path.endswith(("/", "/.", "/..")) else ""
    plain = "/" + posixpath.normpath(path).lstrip("/")
    return plain if plain == "/" else plain + end


def _folded(path: str) -> str:
    return unicodedata.normalize("NFKC", path).casefold()


def _bare(path: str) -> str:
    """Return a path whose segments end at their first dot, and without blanks at their end."""
    return _ENDINGS.sub("", path)
