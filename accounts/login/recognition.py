"""Signed in there means signed in here, where a provider can tell by a shared cookie."""

from __future__ import annotations

import structlog

from accounts import cache
from accounts.errors import ProtocolError, TemporarilyUnavailable
from accounts.keyring import digest
from accounts.provider import Authentication, Recognises
from accounts.source import outage
from accounts.source.catalogue import ConfiguredSource

# For so long an upstream is not asked again about a cookie with which it knew nobody.
STRANGER_SECONDS = 60
log = structlog.get_logger("vestibule.recognition")


def recognise(source: ConfiguredSource, cookies: dict[str, str]) -> Authentication | None:
    """Return whom the source knows by `cookies`, the ones that it declares; None for a stranger.

    Strangers cost the upstream nothing: without a cookie nobody is asked, and a no is remembered.
    An upstream in trouble knows nobody.
    """
    if not cookies or not isinstance(source.provider, Recognises):
        return None
    key = f"stranger:{source.slug}:{digest(repr(sorted(cookies.items())))}"
    if cache.shared.get(key):
        return None
    try:
        outcome = source.provider.recognise(cookies)
    except TemporarilyUnavailable:
        outage.note(source.slug)
        outcome = None
    except ProtocolError as error:
        log.info("recognition.refused", source=source.slug, reason=error.reason)
        outcome = None
    if outcome is None:
        cache.shared.set(key, True, STRANGER_SECONDS)
    return outcome
