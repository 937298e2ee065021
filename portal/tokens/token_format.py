"""What our tokens look like: `vsta_` or `vstr_`, 43 random letters and digits, and a checksum.

The prefix lets secret scanners find a token that was leaked; the checksum, the CRC-32 of what
stands before it, lets them and us tell a token from a guess without asking the database.
"""

from __future__ import annotations

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
    """Return a new access token. `request` is the toolkit's, which decides nothing here."""
    return _new(ACCESS)


def new_refresh_token(request: Any = None) -> str:
    """Return a new refresh token."""
    return _new(REFRESH)


def is_token(text: str, prefix: str) -> bool:
    """Tell whether `text` could be a token of ours of the kind that `prefix` names."""
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
