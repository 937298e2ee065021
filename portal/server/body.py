"""The body of a request, as granian hands it on."""

from typing import Any

from portal.server.short_ways import Environ

# How much of an unwanted body is read and thrown away: a proxy that cannot send the rest tells its
# caller of a bad gateway, and nothing of our answer.
_PASSED_OVER = 64 * 2**20
# A form of a person's is smaller: there is room for it, however many large bodies are on their way.
_SMALL = 16 * 2**10


def is_announced(environ: Environ) -> bool:
    """Tell whether the head of a request speaks of a body."""
    return environ.get("CONTENT_LENGTH", "0") != "0" or "HTTP_TRANSFER_ENCODING" in environ


def has_length(environ: Environ) -> bool:
    """Tell whether the announced length, if there is one, is a number."""
    text = environ.get("CONTENT_LENGTH", "0")
    return text.isdecimal() and len(text) < 20


def length_of(environ: Environ) -> int:
    """Return the length that is announced, in bytes."""
    return int(environ.get("CONTENT_LENGTH") or 0)


def room(environ: Environ, largest: int) -> int:
    """Return for how many bytes there must be room while a body comes, and until it is answered:
    none for a small one, and for one that is passed over; `largest` where its length is not told.
    """
    if "CONTENT_LENGTH" not in environ:
        is_none = environ["SERVER_PROTOCOL"].startswith("HTTP/1") and not is_announced(environ)
        return 0 if is_none else largest
    length = length_of(environ)
    return length if _SMALL < length <= largest else 0


async def whole(environ: Environ, protocol: Any, largest: int) -> bytes:
    """Return the body, and nothing of one of more than `largest` bytes. `CONTENT_LENGTH` says by
    then how long it is. Raises `EOFError` for a part, `RuntimeError` when the peer has left.
    """
    announced = length_of(environ)
    if announced > largest and "HTTP_EXPECT" in environ:
        return b""  # whoever asks before they send is answered before they do (RFC 9110, 10.1.1)
    if 0 < announced <= largest:  # one wait for all of it: half of what each piece costs
        body = await protocol()
        if len(body) < announced:
            raise EOFError
        return bytes(body)
    body, length = await _pieces(environ, protocol, largest)
    environ["CONTENT_LENGTH"] = str(max(length, announced))
    return bytes(body)


async def passed_over(environ: Environ, protocol: Any) -> None:
    """Read a body that nobody wants. Raises as `whole`."""
    if "HTTP_EXPECT" not in environ:
        await _pieces(environ, protocol, 0)


async def _pieces(environ: Environ, protocol: Any, largest: int) -> tuple[bytearray, int]:
    body, length, ends = bytearray(), 0, 0
    async for piece in protocol:
        length += len(piece)
        if length <= largest:
            body += piece
        else:
            body.clear()
        ends += not piece
        if length > _PASSED_OVER:
            break
    # A whole body ends with one empty piece, one in chunks that breaks off with two.
    if ends > 1 and length <= largest and environ["SERVER_PROTOCOL"].startswith("HTTP/1"):
        raise EOFError
    return body, length
