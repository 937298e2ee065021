"""The format of our tokens: `vsta_` or `vstr_`, 43 random letters and digits, a checksum.

Secret scanners find a leaked token by its prefix. The checksum, a CRC-32 of all before it, tells a
token from a guess without a query.
"""

import re
import secrets
import string
import zlib
from typing import Any

ACCESS, REFRESH = "vsta_", "vstr_"
_ALPHABET = string.digits + string.ascii_uppercase + string.ascii_lowercase
_RANDOM = 43  # of 62 characters each: 256 bits
_SUM = 6
_SHAPE = re.compile(rf"\A(?:{ACCESS}|{REFRESH})[0-9A-Za-z]{{{_RANDOM + _SUM}}}\Z")


def new_access_token(request: Any = None) -> str:
    """Return a new access token. The toolkit passes `request`, which is not used."""
    return _new(ACCESS)


def new_refresh_token(request: Any = None) -> str:
    """Return a new refresh token."""
    return _new(REFRESH)


def is_token(text: str, prefix: str) -> bool:
    """Tell whether `text` has the format of a token with this `prefix`."""
    return bool(
        text.startswith(prefix) and _SHAPE.match(text) and _checksum(text[:-_SUM]) == text[-_SUM:]
    )


def _new(prefix: str) -> str:
    body = prefix + "".join(secrets.choice(_ALPHABET) for _ in range(_RANDOM))
    return body + _checksum(body)


def _checksum(body: str) -> str:
    number, letters = zlib.crc32(body.encode()), ""
    for _ in range(_SUM):
        number, rest = divmod(number, len(_ALPHABET))
        letters = _ALPHABET[rest] + letters
    return letters
