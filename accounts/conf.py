"""The one place below the roof where Django's settings are read: when they are asked for first,
and anew once a test has overridden one (tests/conftest.py).
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from functools import cache
from typing import Any, TypeVar

from django.conf import settings
from django.utils import timezone

T = TypeVar("T")
_kept: list[Any] = []


def kept(read: Callable[[], T]) -> Callable[[], T]:
    """Return `read`, a function of the settings, which is called once."""
    held = cache(read)
    _kept.append(held)
    return held


def read_anew() -> None:
    """Have what is kept read anew: a setting was overridden."""
    for each in _kept:
        each.cache_clear()


def _setting(name: str, kind: Callable[[Any], T]) -> Callable[[], T]:
    """Return the function that reads the setting `name`, as `kind` makes it."""
    return kept(lambda: kind(getattr(settings, name)))


def _texts(value: Any) -> tuple[str, ...]:
    return tuple(value)


def _duration(name: str) -> Callable[[], timedelta]:
    def checked(value: Any) -> timedelta:
        if not isinstance(value, timedelta):
            raise TypeError(f"{name} must be a timedelta")
        return value

    return _setting(name, checked)


# The site's fixed origin, without a slash at the end; the front ends that may be returned to.
site_url = _setting("VESTIBULE_SITE_URL", str)
frontend_origins = _setting("VESTIBULE_FRONTEND_ORIGINS", _texts)
# The keyring: base64 keys of 32 bytes, the first of which encrypts.
vault_keys = _setting("VESTIBULE_VAULT_KEYS", _texts)
# How long a session lives unused, and in all: in a browser, at a shared computer, and that of a
# device or an application.
session_idle = _duration("VESTIBULE_SESSION_IDLE")
session_absolute = _duration("VESTIBULE_SESSION_ABSOLUTE")
shared_idle = _duration("VESTIBULE_SHARED_IDLE")
shared_absolute = _duration("VESTIBULE_SHARED_ABSOLUTE")
client_idle = _duration("VESTIBULE_REFRESH_IDLE")
client_absolute = _duration("VESTIBULE_REFRESH_ABSOLUTE")
# How long a login may take, and for how long after it sensitive things may be done.
flow_lifetime = _duration("VESTIBULE_FLOW_LIFETIME")
recent = _duration("VESTIBULE_RECENT")
# What upstreams' words of how somebody signed in mean, as `word=strength`, beside the known ones.
strengths = _setting("VESTIBULE_STRENGTHS", _texts)
# After how long people who stay away are erased; 0 is never.
dormant = _duration("VESTIBULE_DORMANT")
# What the references that are written in the administration begin with; the site's own folder.
secret_env = _setting("VESTIBULE_SECRET_ENV", str)
secret_files = _setting("VESTIBULE_SECRET_FILES", str)
data = _setting("DATA_DIR", str)
# The names of third-party providers that count.
provider_wheels = _setting("VESTIBULE_PROVIDER_WHEELS", _texts)
# How many passwords one process hashes at once.
hashes_at_once = _setting("VESTIBULE_HASHES_AT_ONCE", int)
# The threads of one worker process.
threads = _setting("VESTIBULE_THREADS", int)
# Whether the ended feed is read from the table only when a mark in the cache has moved.
feed_mark = _setting("VESTIBULE_FEED_MARK", bool)
# How long, in seconds, connecting to PostgreSQL may take, and its answer to a statement; 0 is for
# ever.
database_connect = _setting("VESTIBULE_DATABASE_CONNECT", int)
database_wait = _setting("VESTIBULE_DATABASE_WAIT", float)
# How long events are kept, and how many rows at most.
events_kept = _duration("VESTIBULE_EVENTS_KEPT")
events_most = _setting("VESTIBULE_EVENTS_MOST", int)
# Whether people are told by mail of a sign-in in a browser that was not theirs before.
new_device_mail = _setting("VESTIBULE_NEW_DEVICE_MAIL", bool)


def argon2() -> dict[str, int]:
    """Return Argon2id's memory in KiB, its passes and lanes."""
    return dict(settings.VESTIBULE_ARGON2)


def redis_url() -> str:
    """Return the address of Redis, empty in the embedded default."""
    return str(settings.REDIS_URL)


def staff_second_factor() -> datetime | None:
    """Return from when on whoever opens the administration must have a second factor, if ever."""
    day = settings.VESTIBULE_STAFF_SECOND_FACTOR
    if day is None:
        return None
    return timezone.make_aware(datetime.combine(day, time()), timezone.get_default_timezone())


@dataclass(frozen=True, slots=True)
class HttpLimits:
    """Limits of outbound calls: seconds, bytes, calls in flight per upstream."""

    connect: float
    deadline: float
    max_bytes: int
    per_upstream: int
    ca: str
    plain: bool
    inside: bool


@kept
def http_limits() -> HttpLimits:
    """Return the limits of outbound calls."""
    return HttpLimits(
        connect=settings.VESTIBULE_HTTP_CONNECT,
        deadline=settings.VESTIBULE_HTTP_DEADLINE,
        max_bytes=settings.VESTIBULE_HTTP_MAX_BYTES,
        per_upstream=settings.VESTIBULE_HTTP_PER_UPSTREAM,
        ca=settings.VESTIBULE_HTTP_CA,
        plain=settings.VESTIBULE_HTTP_PLAIN,
        inside=settings.VESTIBULE_HTTP_INSIDE or settings.VESTIBULE_HTTP_PLAIN,
    )
