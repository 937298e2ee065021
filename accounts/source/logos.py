"""A source's own logo: a small PNG or WebP, taken apart and put together again.

What is kept is the picture alone. Text, profiles and positions that a file carries besides are left
out, and nothing may follow the picture (PNG, third edition, 5; RFC 9649, 2).
"""

import base64
import binascii
import struct
import zlib

from django.utils.translation import gettext as _

MOST_BYTES = 48 * 1024
MOST_PIXELS = 1024
_PNG = b"\x89PNG\r\n\x1a\n"
_KEPT = frozenset({b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"})
_WEBP = frozenset({b"VP8 ", b"VP8L"})


def data_url(content: bytes) -> str:
    """Return a picture as a `data:` URL. Raises `ValueError` with a sentence for people."""
    if len(content) > MOST_BYTES:
        raise ValueError(_("The logo may have 48 KB at most."))
    try:
        kind, clean = ("png", _png(content)) if content[:8] == _PNG else ("webp", _webp(content))
    except (struct.error, IndexError):
        raise ValueError(_("This is no whole PNG or WebP.")) from None
    return f"data:image/{kind};base64,{base64.b64encode(clean).decode()}"


def again(url: str) -> str:
    """Return a picture that is a `data:` URL already, taken apart anew; nothing for nothing.

    Raises `ValueError` with a sentence for people.
    """
    head, _comma, body = url.partition(",")
    if not url:
        return ""
    if head not in {"data:image/png;base64", "data:image/webp;base64"}:
        raise ValueError(_("The logo must be a PNG, or a WebP without animation."))
    try:
        return data_url(base64.b64decode(body, validate=True))
    except binascii.Error:
        raise ValueError(_("This is no whole PNG or WebP.")) from None


def _png(content: bytes) -> bytes:
    at, found, ended = 8, [_PNG], False
    while at < len(content) and not ended:
        size, kind = struct.unpack_from(">I4s", content, at)
        body = content[at + 8 : at + 8 + size]
        (told,) = struct.unpack_from(">I", content, at + 8 + size)
        if len(body) != size or zlib.crc32(kind + body) != told:
            raise ValueError(_("This is no whole PNG or WebP."))
        if len(found) == 1:
            _check_size(kind == b"IHDR", *struct.unpack_from(">II", body, 0))
        if kind in _KEPT:
            found.append(content[at : at + 12 + size])
        ended, at = kind == b"IEND", at + 12 + size
    if not ended:
        raise ValueError(_("This is no whole PNG or WebP."))
    return b"".join(found)


def _webp(content: bytes) -> bytes:
    mark, size, form, kind, length = struct.unpack_from("<4sI4s4sI", content, 0)
    if (mark, form) != (b"RIFF", b"WEBP") or kind not in _WEBP or size + 8 > len(content):
        raise ValueError(_("The logo must be a PNG, or a WebP without animation."))
    body = content[20 : 20 + length]
    if len(body) != length:
        raise ValueError(_("This is no whole PNG or WebP."))
    if kind == b"VP8 ":
        wide, high = struct.unpack_from("<HH", body, 6)
        _check_size(body[3:6] == b"\x9d\x01\x2a", wide & 0x3FFF, high & 0x3FFF)
    else:
        (bits,) = struct.unpack_from("<I", body, 1)
        _check_size(body[0] == 0x2F, (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1)
    padded = body + b"\0" * (length % 2)
    head = struct.pack("<4sI4s4sI", b"RIFF", 12 + len(padded), b"WEBP", kind, length)
    return b"".join((head, padded))


def _check_size(is_picture: bool, wide: int, high: int) -> None:
    """Raise `ValueError` unless a picture begins here that is neither empty nor huge."""
    if not is_picture or not 0 < wide <= MOST_PIXELS or not 0 < high <= MOST_PIXELS:
        raise ValueError(_("The logo may be 1024 by 1024 pixels at most."))
