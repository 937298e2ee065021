"""SOAP 1.2 messages (W3C, SOAP Version 1.2 Part 1): writing ours, reading what comes back.

A message must not hold a document type declaration (section 5). None is read here, so that no
entity is ever expanded, whatever its sender wants.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NoReturn
from xml.etree import ElementTree as ET
from xml.sax.saxutils import escape

ENVELOPE = "http://www.w3.org/2003/05/soap-envelope"
_ROOT = (f"{{{ENVELOPE}}}Envelope",)
_HEADER, _BODY = ((*_ROOT, f"{{{ENVELOPE}}}{name}") for name in ("Header", "Body"))
_DEEPEST = 32
_MOST = 2000

Fields = Mapping[tuple[str, ...], str]


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
    with the same path the first counts. Returns {} for anything that is no SOAP 1.2 message.
    """
    try:
        root = ET.fromstring(raw, ET.XMLParser(target=_Builder()))  # noqa: S314  # see _Builder
        return _body_of(root)
    except (ET.ParseError, ValueError, LookupError):  # LookupError: an encoding that is unknown
        return {}


class _Builder(ET.TreeBuilder):
    def doctype(self, *_: Any) -> NoReturn:
        raise ValueError("a document type declaration")


def _body_of(root: ET.Element) -> dict[tuple[str, ...], str]:
    found: dict[tuple[str, ...], str] = {}
    for number, (path, element) in enumerate(_walk(root, ())):
        if number >= _MOST or path[:2] not in {_ROOT, _HEADER, _BODY}:
            raise ValueError("unexpected")
        if path[:2] == _BODY and path != _BODY:
            name = tuple(tag.rpartition("}")[2] for tag in path[2:])
            texts = (element.text, *(child.tail for child in element))
            found.setdefault(name, "".join(filter(None, texts)).strip())
    return found


def _walk(element: ET.Element, above: tuple[str, ...]) -> Iterator[tuple[Any, ET.Element]]:
    path = (*above, element.tag)
    if len(path) > _DEEPEST:
        raise ValueError("too deep")
    yield path, element
    for child in element:
        yield from _walk(child, path)
