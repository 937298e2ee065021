"""What is remembered of a CMS's cookies for a while, by their digests. It may be lost at any time.

`left`: the person left here, so their cookie no longer signs anybody in without a click, even when
the CMS could not be told or never finished its own logout (docs/threats.md 2.10, W8). `stranger`:
the CMS knew nobody by it. `asked`: the CMS was asked about it just now.
"""

from __future__ import annotations

from typing import Any

from django.core.cache import caches

from providers.adgangsplatformen.cookies import CmsCookie

LEFT_SECONDS = 30 * 86400  # as long as a token at Adgangsplatformen lives
STRANGER_SECONDS = 30
ASKED_SECONDS = 10


class Markers:
    """The markers of one source's cookies, in the cache. `slug` keeps them apart from others'."""

    def __init__(self, slug: str) -> None:
        self._slug = slug

    def put(self, word: str, digest: str, seconds: int) -> None:
        """Mark a cookie for `seconds`."""
        self._cache("set", word, digest, True, seconds)

    def drop(self, word: str, digest: str) -> None:
        """Take a mark away."""
        self._cache("delete", word, digest)

    def has(self, word: str, digest: str) -> bool:
        """Tell whether a cookie is marked."""
        return bool(self._cache("get", word, digest))

    def without(self, word: str, mine: list[CmsCookie]) -> list[CmsCookie]:
        """Return the cookies that are not marked."""
        return [each for each in mine if not self.has(word, each.digest)]

    def _cache(self, method: str, word: str, digest: str, *more: Any) -> Any:
        key = f"adgangsplatformen:{word}:{self._slug}:{digest}"
        try:
            return getattr(caches["default"], method)(key, *more)
        except Exception:  # noqa: BLE001  # whatever the cache's driver raises: nothing is marked
            return None
