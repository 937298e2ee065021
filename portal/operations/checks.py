"""System checks of the installation: what is insecure or missing is an error at start."""

import base64
import ipaddress
import zlib
from contextlib import suppress
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register, run_checks
from django.core.mail.message import sanitize_address

from accounts.cache import servers
from portal.configuration import stores
from portal.operations import collected, pg_programs

# OWASP's weakest choices for Argon2id: 46 MiB once down to 7 MiB five times.
LEAST_KIB = 7 * 1024
LEAST_WORK = 5 * LEAST_KIB
# What 50 random characters still have when they are packed, and how many of 32 random bytes differ.
LEAST_PACKED = 40
LEAST_DIFFERENT = 16
LEAST_TOKEN = 16
# Whoever is to be erased after less has been given in days what is meant in seconds.
LEAST_DORMANT = timedelta(days=30)
# The modes of libpq in which the server must prove its name or its authority.
VERIFIED = {"verify-ca", "verify-full"}
UNIQUE_LOCAL = ipaddress.IPv6Network("fc00::/7")


def is_production() -> bool:
    """Tell whether this installation is in production."""
    return bool(settings.VESTIBULE_PRODUCTION)


def is_embedded() -> bool:
    """Tell whether the database is the site's own file."""
    return not settings.DATABASE_URL


def refuse_unsound() -> None:
    """Run the checks of the house. Raises `SystemExit` with what is wrong, one sentence a line.

    For whoever serves the site: `manage.py` runs the checks by itself, a server does not. That
    static files are collected is no check, since `migrate` may come first.
    """
    found = [each for each in run_checks(tags=["vestibule"]) if each.is_serious()]
    if collected.is_nothing():
        hint = f"Run {collected.COMMAND} with the variables of the workers."
        found.append(Error("No static file is collected.", hint=hint, id="vestibule.E020"))
    if found:
        raise SystemExit("\n".join(f"{each.id}: {each.msg} {each.hint or ''}" for each in found))


@register("vestibule")
def production_has_all_it_needs(**_: Any) -> list[CheckMessage]:
    """`VESTIBULE_ENV=production` refuses to start on embedded defaults."""
    if not settings.VESTIBULE_PRODUCTION:
        return []
    needs = (
        ("VESTIBULE_SECRET_KEY", is_random(settings.SECRET_KEY), "at least 50 random characters"),
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
    vault = settings.VESTIBULE_VAULT_KEYS
    mail_host = settings.EMAIL_HOST in {"localhost", "127.0.0.1", "::1"}
    mail_is_open = "smtp" in settings.EMAIL_BACKEND and not (
        settings.EMAIL_USE_TLS or settings.EMAIL_USE_SSL or mail_host
    )
    open_doors = (
        (settings.DEBUG, "DEBUG", "shows code to strangers"),
        ("*" in settings.ALLOWED_HOSTS, "VESTIBULE_ALLOWED_HOSTS", "believes any Host header"),
        (bool(plain), "VESTIBULE_FRONTEND_ORIGINS", "trusts a front end without TLS"),
        (
            any(_is_everybody(each) for each in settings.VESTIBULE_TRUSTED_PROXIES),
            "VESTIBULE_TRUSTED_PROXIES",
            "lets everybody choose their own address",
        ),
        (
            argon2["memory_cost"] < LEAST_KIB or work < LEAST_WORK,
            "VESTIBULE_ARGON2_MEMORY_KIB",
            "makes stolen passwords cheap to guess",
        ),
        (mail_is_open, "VESTIBULE_MAIL_URL", "sends links to passwords without TLS (smtp+tls://)"),
        (any(is_flat(each) for each in vault), "VESTIBULE_VAULT_KEYS", "holds a guessable key"),
        (
            0 < len(settings.VESTIBULE_METRICS_TOKEN) < LEAST_TOKEN,
            "VESTIBULE_METRICS_TOKEN",
            f"can be guessed: it has fewer than {LEAST_TOKEN} characters",
        ),
        (
            bool(settings.VESTIBULE_ALARM_WEBHOOK)
            and not settings.VESTIBULE_ALARM_WEBHOOK.startswith("https:"),
            "VESTIBULE_ALARM_WEBHOOK",
            "posts alarms without TLS",
        ),
        (
            settings.DATABASE_URL.startswith("sqlite") and not settings.VESTIBULE_SQLITE,
            "DATABASE_URL",
            "is a file of one machine: say VESTIBULE_SQLITE=1 if that is meant",
        ),
    )
    return [
        Error(f"{name} {harm}.", hint="See docs/configuration.md.", id="vestibule.E014")
        for is_open, name, harm in open_doors
        if is_open
    ]


def is_random(key: str) -> bool:
    """Tell whether a key is long, and not one that repeats or comes with Django's examples."""
    packed = len(zlib.compress(key.encode(), 9))
    return len(key) >= 50 and packed >= LEAST_PACKED and not key.startswith("django-insecure-")


def is_flat(key: str) -> bool:
    """Tell whether 32 bytes have fewer different ones than chance would give."""
    with suppress(ValueError):
        raw = base64.urlsafe_b64decode(key.replace("+", "-").replace("/", "_"))
        return len(raw) == 32 and len(set(raw)) < LEAST_DIFFERENT
    return False  # no key at all is another check's finding


def _is_everybody(text: str) -> bool:
    """Tell whether a network is so wide that strangers are in it."""
    network = ipaddress.ip_network(text)
    ours = isinstance(network, ipaddress.IPv6Network) and network.subnet_of(UNIQUE_LOCAL)
    return not ours and network.prefixlen < (8 if network.version == 4 else 32)


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


@register("vestibule", deploy=True)
def nobody_stands_between(**_: Any) -> list[CheckMessage]:
    """Another machine proves that it is the database, or the Redis, that is meant. Said by
    `check --deploy` alone, since a network may be the institution's own.
    """
    if not settings.VESTIBULE_PRODUCTION:
        return []
    url = settings.DATABASE_URL
    place = stores.address(url) if url.startswith("postgres") else {}
    options = place.get("OPTIONS", {})
    if place:
        options = {**pg_programs.left_out(str(options.get("service", ""))), **options}
    hosts = str(options.get("hostaddr") or place.get("HOST") or options.get("host", "")).split(",")
    redis = servers.read(settings.REDIS_URL) if settings.REDIS_URL else None
    unproven = (
        (
            options.get("sslmode") not in VERIFIED and any(map(_is_away, hosts)),
            "DATABASE_URL",
            "sslmode=verify-full and sslrootcert",
        ),
        (
            redis is not None
            and not (redis.options.get("ssl") and redis.options.get("ssl_cert_reqs") != "none")
            and any(_is_away(host) for host, _port in redis.hosts),
            "REDIS_URL",
            "rediss",
        ),
    )
    return [
        Warning(
            f"{name} names another machine, which need not prove who it is.",
            hint=f"Who stands in between reads and changes what is sent. Say {say}, "
            "unless the network is yours alone. See docs/configuration.md.",
            id="vestibule.W021",
        )
        for is_open, name, say in unproven
        if is_open
    ]


@register("vestibule")
def nothing_is_erased_by_mistake(**_: Any) -> list[CheckMessage]:
    """What `clear_expired` erases never comes back: a number that cannot be meant stops it."""
    if not settings.VESTIBULE_DORMANT or settings.VESTIBULE_DORMANT >= LEAST_DORMANT:
        return []
    days = LEAST_DORMANT.days
    said = f"VESTIBULE_DORMANT would erase people who stay away for less than {days} days."
    hint = f"It is in seconds: {days * 86400} or more; 0 is never."
    return [Error(said, hint=hint, id="vestibule.E017")]


@register("vestibule")
def alarms_have_addresses(**_: Any) -> list[CheckMessage]:
    """One address that is none would keep the mail from all of them."""
    return [
        Error(
            f"VESTIBULE_ALARM_MAIL: {each!r} is no address.",
            hint="Separate several by commas.",
            id="vestibule.E016",
        )
        for each in settings.VESTIBULE_ALARM_MAIL
        if not _is_address(each)
    ]


@register("vestibule")
def the_key_can_be_turned(**_: Any) -> list[CheckMessage]:
    """Former keys are separated by commas. One with a comma counts among them all the same."""
    if "," not in settings.SECRET_KEY:
        return []
    hint = "Turn it to one without: docs/operations.md, section 5."
    return [Warning("VESTIBULE_SECRET_KEY has a comma in it.", hint=hint, id="vestibule.W019")]


@register("vestibule")
def mail_has_a_sender(**_: Any) -> list[CheckMessage]:
    """With a sender that is no address no mail ever leaves, and nobody hears of it."""
    sender = settings.DEFAULT_FROM_EMAIL
    if "@" in sender and _is_address(sender):
        return []
    hint = 'Give one address. A name with a comma has quotes: "Library, Town" <login@example.org>.'
    said = f"VESTIBULE_MAIL_FROM: {sender!r} is no address."
    return [Error(said, hint=hint, id="vestibule.E018")]


def _is_away(host: str) -> bool:
    """Tell whether a host is neither this machine nor one of a container's neighbours, whose names
    have no dot.
    """
    with suppress(ValueError):
        return not ipaddress.ip_address(host).is_loopback
    return "." in host and not host.startswith(("/", "@")) and not host.endswith(".localhost")


def _is_address(text: str) -> bool:
    """Tell whether a mail can be addressed so."""
    try:
        sanitize_address(text, "utf-8")
    except ValueError:
        return False
    return True
