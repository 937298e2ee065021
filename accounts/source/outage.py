"""Outages: the sources that failed in the last five minutes, for the pages that list them.

They stand in the cache and may be lost. A logout asks a source that is among them before it sends
anybody there, and the alarms tell since when it fails.
"""

import time
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from django.utils import timezone

from accounts import cache
from accounts.provider import Offers, Provider

REMEMBERED_SECONDS = 300
# How often a worker deletes an outage that it has not seen itself, in seconds.
OVER_EVERY = 5.0
_said_over: dict[str, float] = {}


def note(slug: str) -> None:
    """Note that the source `slug` does not answer."""
    _said_over.pop(slug, None)
    cache.shared.add(_key(slug), timezone.now().isoformat(), REMEMBERED_SECONDS)


def doubt(slug: str) -> None:
    """Note that somebody may have found the source `slug` in trouble, or made it look so."""
    cache.shared.add(_doubt(slug), True, REMEMBERED_SECONDS)


def is_doubtful(slug: str) -> bool:
    """Tell whether the source `slug` is worth a question before somebody is sent there."""
    return bool(cache.shared.get_many([_key(slug), _doubt(slug)]))


def doubted(slugs: Iterable[str]) -> set[str]:
    """Return which of `slugs` somebody may have found in trouble, or made look so."""
    names = {_doubt(slug): slug for slug in slugs}
    return {names[key] for key in cache.shared.get_many(names)}


def over(slug: str) -> None:
    """Delete the outage of the source `slug`, which works: at once where this worker noted it, else
    at most once in `OVER_EVERY` seconds.
    """
    now = time.monotonic()
    if now - _said_over.get(slug, float("-inf")) >= OVER_EVERY:
        _said_over[slug] = now
        cache.shared.delete(_key(slug))


def of_providers(ready: Mapping[str, Provider]) -> dict[str, datetime]:
    """Return the start of each outage by slug, with those whose upstream offers no sign-in now."""
    for slug, provider in ready.items():
        if isinstance(provider, Offers) and not provider.offers_login():
            note(slug)
    return since(ready)


def since(slugs: Iterable[str]) -> dict[str, datetime]:
    """Return the start of each outage among `slugs`, in one look-up; delete what is no moment."""
    names = {_key(slug): slug for slug in slugs}
    found = {key: _moment(at) for key, at in cache.shared.get_many(names).items()}
    if strange := [key for key, at in found.items() if at is None]:
        cache.shared.delete(*strange)  # else nobody could note an outage
    return {names[key]: at for key, at in found.items() if at}


def _moment(text: Any) -> datetime | None:
    try:
        at = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        return None
    return at if at.tzinfo else None


def _key(slug: str) -> str:
    return f"trouble:{slug}"


def _doubt(slug: str) -> str:
    return f"doubt:{slug}"
