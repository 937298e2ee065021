"""System checks of the installation: what is insecure or missing is an error at start."""

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, register, run_checks

# OWASP's weakest choices for Argon2id: 46 MiB once down to 7 MiB five times.
LEAST_KIB = 7 * 1024
LEAST_WORK = 5 * LEAST_KIB


def is_production() -> bool:
    """Tell whether this installation serves people in earnest."""
    return bool(settings.VESTIBULE_PRODUCTION)


def is_embedded() -> bool:
    """Tell whether the database is the site's own file."""
    return not settings.DATABASE_URL


def refuse_unsound() -> None:
    """Run the checks of the house. Raises `SystemExit` with what is wrong, one sentence a line.

    For whoever serves the site: `manage.py` runs the checks by itself, a WSGI server does not.
    """
    found = [each for each in run_checks(tags=["vestibule"]) if each.is_serious()]
    if found:
        raise SystemExit("\n".join(f"{each.id}: {each.msg} {each.hint or ''}" for each in found))


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
def production_leaves_no_door_open(**_: Any) -> list[CheckMessage]:
    """What is handy on one's own machine is an error in production."""
    if not settings.VESTIBULE_PRODUCTION:
        return []
    argon2 = settings.VESTIBULE_ARGON2
    work = argon2["memory_cost"] * argon2["time_cost"]
    plain = [url for url in settings.VESTIBULE_FRONTEND_ORIGINS if not url.startswith("https:")]
    open_doors = (
        (settings.DEBUG, "DEBUG", "shows code to strangers"),
        ("*" in settings.ALLOWED_HOSTS, "VESTIBULE_ALLOWED_HOSTS", "believes any Host header"),
        (bool(plain), "VESTIBULE_FRONTEND_ORIGINS", "trusts a front end without TLS"),
        (
            any(each.strip().endswith("/0") for each in settings.VESTIBULE_TRUSTED_PROXIES),
            "VESTIBULE_TRUSTED_PROXIES",
            "lets everybody choose their own address",
        ),
        (
            argon2["memory_cost"] < LEAST_KIB or work < LEAST_WORK,
            "VESTIBULE_ARGON2_MEMORY_KIB",
            "makes stolen passwords cheap to guess",
        ),
    )
    return [
        Error(f"{name} {harm}.", hint="See docs/configuration.md.", id="vestibule.E014")
        for is_open, name, harm in open_doors
        if is_open
    ]


@register("vestibule")
def settings_fit_together(**_: Any) -> list[CheckMessage]:
    """Plain http is for the sandbox, the in-memory cache for one process; of the threads, one hung
    upstream can hold `VESTIBULE_HTTP_PER_UPSTREAM`, never all.
    """
    misfits = (
        (
            settings.VESTIBULE_PRODUCTION and settings.VESTIBULE_HTTP_PLAIN,
            "Upstreams may be called without TLS.",
            "Unset VESTIBULE_HTTP_PLAIN.",
            "vestibule.E011",
        ),
        (
            settings.VESTIBULE_WORKERS > 1 and not settings.REDIS_URL,
            "More than one worker process needs Redis.",
            "Set REDIS_URL, or VESTIBULE_WORKERS=1.",
            "vestibule.E012",
        ),
        (
            settings.VESTIBULE_HTTP_PER_UPSTREAM >= settings.VESTIBULE_THREADS,
            "One hung upstream could hold every thread.",
            "Make VESTIBULE_HTTP_PER_UPSTREAM smaller than VESTIBULE_THREADS.",
            "vestibule.E013",
        ),
    )
    return [Error(wrong, hint=hint, id=code) for misfit, wrong, hint, code in misfits if misfit]
