"""What a new worker starts with: none of the copies that this process has made."""

from __future__ import annotations

import time
from concurrent.futures import wait

from django.conf import settings
from django.core import mail
from django.core.cache import caches as django_caches

from accounts import cache, ended, outbox
from accounts.database import base as database
from accounts.login import lockout
from accounts.session import following
from accounts.source import catalogue, registry
from portal.authorization_server import clients, keys
from portal.authorization_server import short_way as device_polls
from portal.gateway import known, persons
from portal.gateway import rules as compiled
from portal.operations import maintenance
from portal.pages import short_way as sign_in_starts
from portal.server.bounded import Bounded
from portal.tokens import foreign
from tests.peers import dead_cache


def feed() -> None:
    """Read the ended feed from its beginning, which another worker does within half a second."""
    ended._feed = ended.Feed()


def sources() -> None:
    """Read the sources anew, and what else is configured."""
    catalogue._built.cache_clear()
    maintenance._known.cache_clear()


def rules() -> None:
    """Read the rules of the gateway anew."""
    compiled.forget()
    persons.memory = persons.Memory()


def caches() -> None:
    """Empty the caches. One that is dead holds nothing."""
    for alias in () if dead_cache.whole_run() else settings.CACHES:
        django_caches[alias].clear()


def delivered(seconds: float = 60.0) -> None:
    """Wait until this process has delivered what it posted, and what that posted in turn."""
    deadline = time.monotonic() + seconds
    while outbox._under_way and time.monotonic() < deadline:
        wait(list(outbox._under_way), seconds)


def worker() -> None:
    """Start with nothing, and with no mail that was under way as the test before ended."""
    delivered()
    mail.outbox.clear()
    feed()
    sources()
    rules()
    registry.providers.cache_clear()
    lockout._counters.cache_clear()
    following._asked.clear()
    foreign._memory = foreign._Memory()
    keys._known.forget()
    outbox._failed_at.clear()
    clients._origins.cache_clear()
    for learned in (device_polls._pending, sign_in_starts._known):
        learned.known.clear()
    known._memory = Bounded(known._MOST)
    cache._silence = cache.Silence()
    database._silences.clear()
