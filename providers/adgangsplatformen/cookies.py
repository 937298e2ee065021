"""The CMS's session cookie: which of a browser's cookies may be it, and what is remembered of it.

Drupal's name is `SSESS` (https) or `SESS` (http) and 32 hexadecimal digits of its domain. A browser
may hold more than one, an old one or one of a parent domain, so each is tried in turn.
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from accounts import cache
from accounts.keyring import digest
from accounts.provider import SessionRef
from accounts.upstream.cookie_header import pairs, permitted
from providers.adgangsplatformen.settings import CmsSettings

# With less than this left, a token whose life is unknown is asked for again (docs/threats.md 2.5,
# step 6).
SHORTLY = timedelta(seconds=60)
# Each costs the CMS a call, and strangers can send as many as they like.
TRIED = 3
_LONGEST = 4096
_DRUPAL = re.compile(r"S?SESS[0-9a-f]{32}")
# What may stand in a cookie that a browser sends back (RFC 6265, 5.2): no control, no semicolon.
_SENDABLE = re.compile(r"[^\x00-\x1f\x7f;]+")
# "left" lasts as long as a token at Adgangsplatformen lives.
_MARKED_SECONDS = {"left": 30 * 86400, "stranger": 30, "asked": 10}


@dataclass(frozen=True, slots=True)
class CmsCookie:
    """One cookie that may be the CMS's session: `header` is what goes back to it, byte by byte."""

    header: bytes = field(repr=False)
    digest: str = field(repr=False)


def patterns(settings: CmsSettings) -> tuple[str, ...]:
    """Return the names, or shell patterns, of the cookies that the provider wants to see."""
    drupal = "SSESS*" if settings.origin.startswith("https:") else "SESS*"
    return (settings.cookie_name or drupal,)


def drupal_names(origin: str) -> list[str]:
    """Return what Drupal may call the session of a site, the likeliest first.

    It hashes its host, or the domain of its cookie, which is the host or above it.
    """
    parts = urlsplit(origin)
    prefix, host = "SSESS" if parts.scheme == "https" else "SESS", parts.hostname or ""
    labels = host.split(".")
    above = [".".join(labels[n:]) for n in range(len(labels) - 1)] or [host]
    domains = [host, *(dotted for each in above for dotted in (f".{each}", each))]
    hashes = (hashlib.sha256(each.encode()).hexdigest()[:32] for each in domains)
    return list(dict.fromkeys(prefix + each for each in hashes))


def candidates(
    settings: CmsSettings, cookies: Mapping[str, str], first: str = "", most: int = TRIED
) -> list[CmsCookie]:
    """Return the cookies that may be the CMS's session, the likeliest first, `most` at most.

    `cookies` are as the request had them, not decoded. What could not be sent back unchanged in a
    header is left out. That of the digest `first` comes first.
    """
    named = list(pairs(permitted(cookies, patterns(settings))))
    # Stable: the browser's own order, in which a name may come twice.
    named.sort(key=lambda each: _DRUPAL.fullmatch(each[0]) is None)
    made = (_made(name, value) for name, value in named)
    usable = [cookie for cookie in made if cookie]
    # Before the cut: a neighbour can set as many as it likes for a longer path.
    return sorted(usable, key=lambda each: each.digest != first)[:most]


def _made(name: str, value: str) -> CmsCookie | None:
    text = f"{name}={value}"
    if len(text) > _LONGEST or not value or not _SENDABLE.fullmatch(text):
        return None
    try:
        # A WSGI server gives each byte of a header as one character (PEP 3333).
        header = text.encode("latin-1")
    except UnicodeEncodeError:
        return None
    return CmsCookie(header, digest(text))


class Markers:
    """What is remembered of the cookies of the source `slug`. It may be lost at any time.

    `left`: the person left here, so their cookie no longer signs anybody in without a click, even
    when the CMS could not be told or never finished its own logout (docs/threats.md 2.10, W8).
    `stranger`: the CMS knew nobody by it. `asked`: the CMS was asked just now about a token that is
    due. `rechecked`: it was asked at all, where the settings say how often.
    """

    def __init__(self, slug: str) -> None:
        self._slug = slug

    def put(self, word: str, digest: str, seconds: int = 0) -> None:
        """Mark a cookie for `seconds`, 0 for as long as the word lasts."""
        cache.shared.set(self._key(word, digest), True, seconds or _MARKED_SECONDS[word])

    def drop(self, word: str, digest: str) -> None:
        """Take a mark away."""
        cache.shared.delete(self._key(word, digest))

    def has(self, word: str, digest: str) -> bool:
        """Tell whether a cookie is marked."""
        return bool(cache.shared.get(self._key(word, digest)))

    def without(self, word: str, mine: list[CmsCookie]) -> list[CmsCookie]:
        """Return the cookies that are not marked."""
        return [each for each in mine if not self.has(word, each.digest)]

    def is_due(self, session: SessionRef, now: datetime, recheck: int) -> bool:
        """Tell whether the CMS is asked about a cookie that has not changed: since its token is
        due, or each `recheck` seconds, 0 for never.
        """
        due = session.due_at or (session.expires_at and session.expires_at - SHORTLY)
        shortly = due is not None and due <= now
        if not shortly and not recheck:
            return False
        over = session.expires_at is not None and session.expires_at <= now
        word = "asked" if shortly else "rechecked"
        if not over and self.has(word, session.bound_to):
            return False
        if shortly:
            self.put("asked", session.bound_to)
        if recheck:
            self.put("rechecked", session.bound_to, recheck)
        return True

    def _key(self, word: str, digest: str) -> str:
        return f"adgangsplatformen:{word}:{self._slug}:{digest}"
