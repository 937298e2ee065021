"""SOAP 1.2 messages (W3C, SOAP Version 1.2 Part 1): writing ours, reading what comes back.

A message must not hold a document type declaration (section 5). None is read here, so that no
entity is ever expanded, whatever its sender wants.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NoReturn
from xml.parsers import expat
from xml.sax.saxutils import escape

ENVELOPE = "http://www.w3.org/2003/05/soap-envelope"
_BODY = (f"{ENVELOPE} Envelope", f"{ENVELOPE} Body")
_DEEPEST = 32
_MOST = 2000

Fields = Mapping[tuple[str, ...], str]


class MalformedError(Exception):
    """What came is no SOAP 1.2 message. Holds nothing of it."""


def write(namespace: str, operation: str, fields: Iterable[tuple[str, str]]) -> bytes:
    """Return a request whose `fields` are children of `operation`, in their order, in UTF-8."""
    children = "".join(f"<w:{name}>{escape(value)}</w:{name}>" for name, value in fields)
    return (
        '<?xml version="1.0" encoding="UTF-8"?>'
        f'<s:Envelope xmlns:s="{ENVELOPE}" xmlns:w="{namespace}"><s:Body>'
        f"<w:{operation}>{children}</w:{operation}>"
        "</s:Body></s:Envelope>"
    ).encode()


def read(raw: bytes) -> Fields:
    """Return each element below the body with its text, by its path of local names.

    Namespaces below the body are not compared: the service's schemas lie in several. Of elements
    with the same path the first counts. Raises `MalformedError`.
    """
    reader = _Reader()
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.StartDoctypeDeclHandler = _refuse
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.text
    try:
        parser.Parse(raw, True)
    except (expat.ExpatError, ValueError, LookupError):
        # LookupError is an encoding that Python does not know. What broke quotes the message.
        found = None
    else:
        found = reader.found
    if not found:
        raise MalformedError("The answer is no SOAP 1.2 message.")
    return found


class _Reader:
    """Collects what stands in the body."""

    def __init__(self) -> None:
        self.found: dict[tuple[str, ...], str] = {}
        self._path: list[str] = []
        self._texts: list[list[str]] = []
        self._elements = 0

    def start(self, name: str, attributes: Mapping[str, str]) -> None:
        self._elements += 1
        self._path.append(name)
        self._texts.append([])
        depth = min(len(self._path), len(_BODY))
        outside = tuple(self._path[:depth]) != _BODY[:depth] and not self._is_in_header()
        if outside or len(self._path) > _DEEPEST or self._elements > _MOST:
            raise ValueError("unexpected")

    def end(self, name: str) -> None:
        path = tuple(each.rpartition(" ")[2] for each in self._path[len(_BODY) :])
        if path and not self._is_in_header():
            self.found.setdefault(path, "".join(self._texts[-1]).strip())
        self._path.pop()
        self._texts.pop()

    def text(self, found: str) -> None:
        self._texts[-1].append(found)

    def _is_in_header(self) -> bool:
        return self._path[:2] == [_BODY[0], f"{ENVELOPE} Header"]


def _refuse(*_of_a_doctype: Any) -> NoReturn:
    raise ValueError("a document type declaration")
