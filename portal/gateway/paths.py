"""The readings of a path: what the applications behind may take it for (docs/gateway.md 4).

Nobody knows how an application reads `%2f`, `..`, `//`, `;` or a capital letter, nor in which order
it does what it does. So a path has several readings, and a request is let in only where the rules
of all of them allow it.
"""

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import Enum
from functools import partial
from urllib.parse import unquote

from accounts.errors import InvalidRequest
from portal.gateway.slugs import is_slug, slugs

LONGEST = 8192
LONGEST_OF_A_RULE = 500
# RFC 3986, 3.3 and 3.4, and what browsers and DAV clients send beside it: but no control
# character, no blank, no fragment, no backslash, and nothing beyond ASCII.
_TARGET = re.compile(r"/[!\"$-\[\]^-~]*\Z")
_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_KEPT = re.compile("%(2[Ff5]|5[Cc])")
_ESCAPE = re.compile("%[0-9A-Fa-f]{2}")
_MOST_ESCAPES = 4
_REFUSED = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_ENDINGS = re.compile(r"(?<=[^/.])\.[^/]*")
# A path with more readings, or with more characters in all of them, is a trick: names of files have
# a handful, and each reading is held against each rule.
_MOST, _MOST_CHARACTERS = 64, 8 * LONGEST
# No language has more marks on a letter; to put them in order takes the square of their number
# (UAX 15, 13).
_MOST_MARKS = 30


class Form(Enum):
    """How a path is compared: as it stands, folded, or folded without endings and as a slug."""

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
    if not is_target(target):
        raise InvalidRequest("The address cannot be read.")
    path, _, query = target.partition("?")
    return path, query


def is_target(text: str) -> bool:
    """Tell whether a text is a path with or without a query, in ASCII as RFC 3986 has it."""
    well = len(text) <= LONGEST and _TARGET.match(text) is not None
    return well and not _BAD_ESCAPE.search(text)


def readings(path: str) -> tuple[Reading, ...]:
    """Return each way in which an escaped path may be understood.

    Raises `InvalidRequest` for a path that is not UTF-8, that holds a control character at any
    depth of escaping, or that has too many readings.
    """
    if is_slug(path):  # which every application reads alike
        return tuple(Reading(path, form) for form in Form)
    exact = _unescaped(path)
    folded = _shortened(_folded(each) for each in exact)
    bare = _shortened(_bare(each) for each in folded)
    bare |= {slug for each in bare for slug in slugs(each)}
    _require_few(bare)
    pairs = zip(Form, (exact, folded, bare), strict=True)
    return tuple(Reading(each, form) for form, found in pairs for each in sorted(found))


def with_endings(found: Iterable[Reading]) -> Iterator[Reading]:
    """Yield those of the readings of a path whose names are whole. A file system of Windows drops
    dots and blanks at the end of a name.

    What is cut off at `;`, `?` or `#` is cut off here too. A file may bear such a name, but Tomcat
    takes `DELETE /town;x` for one of `/town`, whatever is stored, and whoever gets a path that was
    opened on its way takes `/%3Fx` for `/`: anybody could delete by it what is closed below.
    """
    for each in found:
        if each.form is not Form.BARE:
            yield each
        if each.form is Form.FOLDED:
            names = [name.rstrip(". ") for name in each.path.split("/")]
            yield Reading(_merged("/".join(names)), each.form)


def in_all_forms(path: str) -> tuple[tuple[str, ...], ...]:
    """Return the path of a rule in each `Form`, in their order, in each way in which it is written
    there.
    """
    exact = tuple(dict.fromkeys((path, _without_pluses(path))))
    folded = tuple(map(_folded, exact))
    ended = [_bare(each) for each in folded]
    bare = [*ended, *map(_without_pluses, ended)]
    written = (each for known in bare for each in (known, *slugs(known)))
    return exact, folded, tuple(dict.fromkeys(written))


def lies_in(prefixes: tuple[str, ...], path: str) -> bool:
    """Tell whether a path lies at or below one of the ways to write a rule's."""
    for prefix in prefixes:  # noqa: SIM110  # each request asks it often
        if covers(prefix, path):
            return True
    return False


def covers(prefix: str, path: str) -> bool:
    """Tell whether a path lies at or below `prefix`, by whole segments."""
    if prefix.endswith("/"):
        return path.startswith(prefix) or path == prefix[:-1]
    return path == prefix or path.startswith(prefix + "/")


def above(path: str) -> Iterator[str]:
    """Yield a path and all that it lies below, without a slash at the end."""
    path = path.rstrip("/")
    while path:
        yield path
        path = path.rpartition("/")[0]


def resolved(path: str) -> str:
    """Return a path without empty segments and then without dot segments."""
    return _without_dots(_merged(path))


def _unescaped(path: str) -> set[str]:
    """Return a path with its escapes opened, layer by layer. At each layer, also before the first,
    an application may shorten it: one that has escapes left is opened on in each of these ways.
    """
    if "%" not in path:
        return _shortened([path])
    _require_shallow(path)
    found: set[str] = set()
    fresh = _shortened([path])
    while fresh:
        opened = {kind(each) for each in fresh for kind in (_opened, _text)}
        fresh = _shortened(opened - found) - found
        found |= fresh
        _require_few(found)
    return found


def _shortened(paths: Iterable[str]) -> set[str]:
    """Return paths as they stand, and with all that `_WAYS` make of them in whatever order."""
    found: set[str] = set()
    waiting = list(paths)
    while waiting:
        path = waiting.pop()
        if path in found:
            continue
        found.add(path)
        _require_few(found)
        if _UNUSUAL.search(path):
            waiting += [way(path) for way in _WAYS]
    return found


def _require_few(paths: set[str]) -> None:
    if len(paths) > _MOST or sum(map(len, paths)) > _MOST_CHARACTERS:
        raise InvalidRequest("The address can be read in too many ways.")


def _require_shallow(path: str) -> None:
    for _ in range(_MOST_ESCAPES):
        path = _opened(path)
    if _ESCAPE.search(path):
        raise InvalidRequest("The address is escaped too often.")


def _text(path: str) -> str:
    """Return a path with its escapes opened, but those of a slash, a backslash and a percent."""
    return _opened(_KEPT.sub(r"%25\1", path))


def _opened(path: str) -> str:
    """Return a path with one layer of its escapes opened."""
    try:
        text = unquote(path, errors="strict")
    except UnicodeDecodeError:
        raise InvalidRequest("The address is not UTF-8.") from None
    if _REFUSED.search(text) or _has_many_marks(text):
        raise InvalidRequest("A character in the address is not allowed.")
    return text


def _has_many_marks(text: str) -> bool:
    if text.isascii():
        return False
    marks = 0
    for each in text:
        marks = marks + 1 if unicodedata.combining(each) else 0
        if marks > _MOST_MARKS:
            return True
    return False


def _merged(path: str) -> str:
    return _SLASHES.sub("/", path)


def _without_dots(path: str) -> str:
    """Return a path without dot segments (RFC 3986, 5.2.4). An empty segment is one as well."""
    if "/." not in path:
        return path
    kept: list[str] = []
    segments = path.split("/")[1:]
    for segment in segments:
        if segment == "..":
            del kept[-1:]
        elif segment != ".":
            kept.append(segment)
    end = [""] if segments[-1] in {".", ".."} else []
    return "/" + "/".join(kept + end)


def _without_pluses(path: str) -> str:
    """Return a path as whoever opens it like a form reads it: a plus in a name is a blank. One that
    is a name by itself stays (`/repository/+/main`).
    """
    if "+" not in path:
        return path
    names = (each.replace("+", " ") if each.strip("+ ") else each for each in path.split("/"))
    return "/".join(names)


def _without_authority(path: str) -> str:
    """Return what follows a host, for whom `//host/path` is an address (RFC 3986, 4.2)."""
    return _AUTHORITY.sub("", path) or "/"


def _folded(path: str) -> str:
    return unicodedata.normalize("NFKC", path).casefold()


def _bare(path: str) -> str:
    """Return a path whose segments end at their first dot, and without blanks at their end."""
    return "/".join(each.rstrip() for each in _ENDINGS.sub("", path).split("/"))


_SLASHES = re.compile("//+")
_AUTHORITY = re.compile(r"\A//+[^/]*")
# What an application may do to a path: take the parameters out of each segment, or cut off all
# that follows the first one, or an opened `?` or `#`; read a backslash as a slash, or a plus as a
# blank; and so on.
_WAYS: tuple[Callable[[str], str], ...] = (
    partial(re.compile(";[^/]*").sub, ""),
    partial(re.compile(";.*", re.S).sub, ""),
    partial(re.compile(r"\?.*", re.S).sub, ""),
    partial(re.compile("#.*", re.S).sub, ""),
    partial(re.compile(r"\\").sub, "/"),
    _without_pluses,
    _merged,
    _without_dots,
    _without_authority,
)
# What one of them finds something to do in.
_UNUSUAL = re.compile(r"[;?#+\\]|//|/\.")
