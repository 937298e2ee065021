"""Sealing: AES-256-GCM under a ring of keys. The first key seals, all keys open.

A sealed text is `<key id>.<base64url of nonce and ciphertext>`. The key id is a short digest of the
key, so that opening tries one key only. `purpose` and `bound` are associated data: what was sealed
for one place cannot be opened in another.
"""

import base64
import binascii
import hashlib
import json
import os
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from accounts import conf

# How many characters the id of a key has.
KEY_ID = 8


class Unreadable(ValueError):
    """What should be sealed text is not, or was sealed by a key that is gone."""


def seal(value: Any, purpose: str, bound: str = "") -> str:
    """Return `value` (anything that JSON holds) sealed for `purpose`, bound to `bound`."""
    key_id, key = next(iter(_ring(conf.vault_keys()).items()))
    nonce = os.urandom(12)
    plain = json.dumps(value, separators=(",", ":")).encode()
    sealed = key.encrypt(nonce, plain, _context(purpose, bound))
    return f"{key_id}.{base64.urlsafe_b64encode(nonce + sealed).decode().rstrip('=')}"


def unseal(text: str, purpose: str, bound: str = "") -> Any:
    """Return what `seal` was given. Raises `Unreadable` and says nothing of why."""
    key_id, _, body = text.partition(".")
    key = _ring(conf.vault_keys()).get(key_id)
    if key is None:
        raise Unreadable
    try:
        raw = base64.urlsafe_b64decode(body + "=" * (-len(body) % 4))
        return json.loads(key.decrypt(raw[:12], raw[12:], _context(purpose, bound)))
    except (binascii.Error, InvalidTag, ValueError):
        raise Unreadable from None


@dataclass(frozen=True, slots=True)
class Sealed:
    """Where sealed texts rest: a `column` of `rows` (a queryset), sealed for `purpose` and bound to
    what the column `bound` holds, if it is named. `label` says to operators what they are.

    `may_go`: a row that no key opens any more may be deleted, since its person or worker makes
    another. Never so where its absence would let more in than its presence.
    """

    label: str
    rows: Any
    column: str
    purpose: str
    bound: str = ""
    may_go: bool = False


def is_current(text: str) -> bool:
    """Tell whether `text` was sealed by the first key."""
    return text.startswith(current_mark())


def is_lost(text: str) -> bool:
    """Tell whether `text` was sealed by a key that the ring does not hold."""
    return text.partition(".")[0] not in _ring(conf.vault_keys())


def key_id(key: str) -> str:
    """Return the id of a key: what all that it seals begins with."""
    return hashlib.sha256(_raw(key)).hexdigest()[:KEY_ID]


def key_ids() -> tuple[str, ...]:
    """Return the ids of the keys, the one that seals first: what sealed texts begin with."""
    return tuple(_ring(conf.vault_keys()))


def current_mark() -> str:
    """Return what every text begins with that the first key has sealed."""
    return f"{key_ids()[0]}."


def digest(value: str) -> str:
    """Return the SHA-256 of `value` in hexadecimal, for keys that a dump must not give away."""
    return hashlib.sha256(value.encode("utf-8", "surrogatepass")).hexdigest()


def valid_key(text: str) -> bool:
    """Tell whether `text` is base64 of 32 bytes."""
    try:
        return len(_raw(text)) == 32
    except (binascii.Error, ValueError):
        return False


def _context(purpose: str, bound: str) -> bytes:
    return f"{purpose}\0{bound}".encode()


@lru_cache(maxsize=4)
def _ring(keys: tuple[str, ...]) -> dict[str, AESGCM]:
    return {key_id(text): AESGCM(_raw(text)) for text in keys}


def _raw(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
