"""The one place below the roof where Django's settings are read. Values are read when asked for,
so that tests can override them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.conf import settings


@dataclass(frozen=True, slots=True)
class HttpLimits:
    """Limits of outbound calls: seconds, bytes, calls in flight per upstream."""

    connect: float
    deadline: float
    max_bytes: int
    per_upstream: int
    ca: str
    plain: bool


def site_url() -> str:
    """Return the site's fixed origin, without a slash at the end."""
    return str(settings.VESTIBULE_SITE_URL)


def frontend_origins() -> tuple[str, ...]:
    """Return the origins of front ends that may be returned to."""
    return tuple(settings.VESTIBULE_FRONTEND_ORIGINS)


def vault_keys() -> tuple[str, ...]:
    """Return the keyring: base64 keys of 32 bytes, the first of which encrypts."""
    return tuple(settings.VESTIBULE_VAULT_KEYS)


def session_idle() -> timedelta:
    """Return how long an unused session lives."""
    return _timedelta("VESTIBULE_SESSION_IDLE")


def session_absolute() -> timedelta:
    """Return how long any session lives."""
    return _timedelta("VESTIBULE_SESSION_ABSOLUTE")


def client_idle() -> timedelta:
    """Return how long an unused session of a device or application lives: its refresh token."""
    return _timedelta("VESTIBULE_REFRESH_IDLE")


def client_absolute() -> timedelta:
    """Return how long any session of a device or application lives."""
    return _timedelta("VESTIBULE_REFRESH_ABSOLUTE")


def flow_lifetime() -> timedelta:
    """Return how long a login may take."""
    return _timedelta("VESTIBULE_FLOW_LIFETIME")


def recent() -> timedelta:
    """Return for how long after a sign-in sensitive things may be done."""
    return _timedelta("VESTIBULE_RECENT")


def provider_wheels() -> tuple[str, ...]:
    """Return the names of third-party providers that count."""
    return tuple(settings.VESTIBULE_PROVIDER_WHEELS)


def hashes_at_once() -> int:
    """Return how many passwords one process hashes at the same time."""
    return int(settings.VESTIBULE_HASHES_AT_ONCE)


def argon2() -> dict[str, int]:
    """Return the parameters of Argon2id: memory in KiB, passes, lanes."""
    return dict(settings.VESTIBULE_ARGON2)


def threads() -> int:
    """Return the number of threads of one worker process."""
    return int(settings.VESTIBULE_THREADS)


def redis_url() -> str:
    """Return the address of Redis, empty in the embedded default."""
    return str(settings.REDIS_URL)


def http_limits() -> HttpLimits:
    """Return the limits of outbound calls."""
    return HttpLimits(
        connect=settings.VESTIBULE_HTTP_CONNECT,
        deadline=settings.VESTIBULE_HTTP_DEADLINE,
        max_bytes=settings.VESTIBULE_HTTP_MAX_BYTES,
        per_upstream=settings.VESTIBULE_HTTP_PER_UPSTREAM,
        ca=settings.VESTIBULE_HTTP_CA,
        plain=settings.VESTIBULE_HTTP_PLAIN,
    )


def _timedelta(name: str) -> timedelta:
    value: Any = getattr(settings, name)
    if not isinstance(value, timedelta):
        raise TypeError(f"{name} must be a timedelta")
    return value
