"""System checks of the installation: what is insecure or missing is an error at start."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, register


def is_production() -> bool:
    """Tell whether this installation serves people in earnest."""
    return bool(settings.VESTIBULE_PRODUCTION)


def is_embedded() -> bool:
    """Tell whether the database is the site's own file."""
    return not settings.DATABASE_URL


@register("vestibule")
def production_has_all_it_needs(**_: Any) -> list[CheckMessage]:
    """`VESTIBULE_ENV=production` refuses to start on embedded defaults."""
    if not settings.VESTIBULE_PRODUCTION:
        return []
    needs = (
        ("VESTIBULE_SECRET_KEY", len(settings.SECRET_KEY) >= 50, "at least 50 random characters"),
        ("DATABASE_URL", bool(settings.DATABASE_URL), "the address of PostgreSQL"),
        ("REDIS_URL", bool(settings.REDIS_URL), "the address of Redis"),
        ("VESTIBULE_SITE_URL", settings.VESTIBULE_SITE_URL.startswith("https:"), "an https origin"),
        ("VESTIBULE_MAIL_URL", "console" not in settings.EMAIL_BACKEND, "the mail server"),
    )
    return [
        Error(f"{name} is missing.", hint=f"Set it to {hint}.", id="vestibule.E010")
        for name, given, hint in needs
        if not given
    ]


@register("vestibule")
def upstreams_are_called_by_https(**_: Any) -> list[CheckMessage]:
    """Plain http to upstreams is for the sandbox."""
    if settings.VESTIBULE_PRODUCTION and settings.VESTIBULE_HTTP_PLAIN:
        hint = "Unset VESTIBULE_HTTP_PLAIN."
        return [Error("Upstreams may be called without TLS.", hint=hint, id="vestibule.E011")]
    return []


@register("vestibule")
def workers_need_redis(**_: Any) -> list[CheckMessage]:
    """The in-memory cache and its rate limits hold for one process only."""
    if settings.VESTIBULE_WORKERS > 1 and not settings.REDIS_URL:
        return [
            Error(
                "More than one worker process needs Redis.",
                hint="Set REDIS_URL, or VESTIBULE_WORKERS=1.",
                id="vestibule.E012",
            )
        ]
    return []


@register("vestibule")
def hung_upstreams_leave_threads_free(**_: Any) -> list[CheckMessage]:
    """One hung upstream can hold `VESTIBULE_HTTP_PER_UPSTREAM` threads, never all of them."""
    if settings.VESTIBULE_HTTP_PER_UPSTREAM >= settings.VESTIBULE_THREADS:
        return [
            Error(
                "One hung upstream could hold every thread.",
                hint="Make VESTIBULE_HTTP_PER_UPSTREAM smaller than VESTIBULE_THREADS.",
                id="vestibule.E013",
            )
        ]
    return []
