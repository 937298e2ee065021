"""Recognition of people by a cookie that an upstream shares with this site."""

from __future__ import annotations

import structlog

from accounts import cache
from accounts.errors import ProtocolError, TemporarilyUnavailable
from accounts.keyring import digest
from accounts.provider import Authentication, Recognises
from accounts.source import outage
from accounts.source.catalogue import ConfiguredSource

# How long a "no" of an upstream is cached.
STRANGER_SECONDS = 60
log = structlog.get_logger("vestibule.recognition")


def recognise(source: ConfiguredSource, cookies: dict[str, str]) -> Authentication | None:
    """Return the person whom the source knows by `cookies`; None for a stranger.

    The upstream is not asked without a cookie, nor within 60 s of a "no" to the same cookies. An
    upstream that does not answer counts as a "no".
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
