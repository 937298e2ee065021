"""What is remembered of CMS cookies for a while, by their digests. It may be lost at any time.

`left`: the person left here, so their cookie no longer signs anybody in without a click, even when
the CMS could not be told or never finished its own logout (go-and-cms.md 6, W8).
`stranger`: the CMS knew nobody by it. `asked`: the CMS was asked about it just now.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.core.cache import caches

LEFT_SECONDS = 30 * 86400  # as long as a token at Adgangsplatformen lives
STRANGER_SECONDS = 30
ASKED_SECONDS = 10


def note(word: str, slug: str, digest: str, seconds: int) -> None:
    """Remember that `word` is true of a cookie, for `seconds`."""
    _quietly(lambda: caches["default"].set(_key(word, slug, digest), True, seconds))


def forget(word: str, slug: str, digest: str) -> None:
    """Remember it no longer."""
    _quietly(lambda: caches["default"].delete(_key(word, slug, digest)))


def recalls(word: str, slug: str, digest: str) -> bool:
    """Tell whether `word` is remembered of a cookie."""
    return bool(_quietly(lambda: caches["default"].get(_key(word, slug, digest))))


def _key(word: str, slug: str, digest: str) -> str:
    return f"adgangsplatformen:{word}:{slug}:{digest}"


def _quietly(act: Callable[[], Any]) -> Any:
    try:
        return act()
    except Exception:  # noqa: BLE001  # whatever the cache's driver raises: nothing is remembered
        return None
