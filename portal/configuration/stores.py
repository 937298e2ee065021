"""Where things are kept: what `DATABASE_URL` and `REDIS_URL` say, as Django's settings have it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from psycopg import ProgrammingError
from psycopg.conninfo import make_conninfo

from accounts.cache import servers
from portal.configuration.env import Misconfigured, env, one_of, private_file

PORT = "5432"
# What libpq takes for these (PostgreSQL, "Parameter Key Words"); what it does not it says when the
# site connects, which is too late.
WORDS = {
    "sslmode": ("prefer", "disable", "allow", "require", "verify-ca", "verify-full"),
    "target_session_attrs": (
        *("any", "read-write", "read-only", "primary", "standby", "prefer-standby"),
    ),
}
DJANGOS = {"assume_role", "isolation_level", "server_side_binding"}
# A connection to a machine that is gone ends by itself, even where no statement has a time-out.
KEEPALIVE = {
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 60_000,
}

# The server is asked to end a statement first: then the connection can be kept.
GRACE = 1.0
# For how long the client waits where the server ends no statement at the site's word, as behind a
# pooler that refuses it.
UNTOLD = 10.0


def longest_wait(statement: float) -> float:
    """Return for how many seconds the client waits for an answer, unless told otherwise, where the
    server ends a statement after `statement` seconds; 0 is never.
    """
    return (statement or UNTOLD) + GRACE


def database(url: str, data: Path, connect: int, statement: float, lock: float) -> dict[str, Any]:
    """Return Django's settings of the database at `url`, of a file in `data` without one.

    The times are those of `postgres`. Raises `Misconfigured` for another kind of database.
    """
    if not url:
        private_file(data / "vestibule.sqlite3")
        return sqlite(data / "vestibule.sqlite3")
    scheme = url.partition(":")[0]
    if scheme == "sqlite":
        return sqlite(Path(env.db_url_config(url)["NAME"]))
    one_of("DATABASE_URL", scheme, ("postgres", "postgresql", "sqlite"))
    return postgres(address(url), connect, statement, lock)


def sqlite(file: Path) -> dict[str, Any]:
    """Return Django's settings of a database in a file."""
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": file,
        "CONN_MAX_AGE": None,
        "OPTIONS": {
            "timeout": 20,
            "transaction_mode": "IMMEDIATE",
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
        },
    }


def address(url: str) -> dict[str, Any]:
    """Return the parts of the address of a PostgreSQL, by Django's names.

    Of several hosts, each has the port that stands behind it, and the one that takes writes is
    meant (libpq, `target_session_attrs`). Raises `Misconfigured`, which repeats no password.
    """
    try:
        first, names = servers.several(url)
        found: dict[str, Any] = env.db_url_config(first)
        hosts, ports = zip(*map(_place, names), strict=True)
    except ValueError:
        raise Misconfigured(f"DATABASE_URL: {servers.UNREADABLE}") from None
    options = found.setdefault("OPTIONS", {})
    if len(hosts) > 1 or hosts[0].startswith("/"):
        found |= {"HOST": ",".join(hosts), "PORT": ",".join(ports)}
    if len(hosts) > 1:
        options.setdefault("target_session_attrs", "read-write")
    _require_known(options)
    _require_age(found.get("CONN_MAX_AGE"))
    return found


def _place(name: str) -> tuple[str, str]:
    """Return host and port of what an address says of one server, which may be the folder of its
    socket. Raises `ValueError`.
    """
    text = unquote(name)
    if text.startswith("/"):
        folder, _, port = text.partition(":")
        return folder, str(int(port or PORT))
    host = urlsplit(f"//{text}")
    return host.hostname or "", str(host.port or PORT)


def _require_known(options: Mapping[str, Any]) -> None:
    """Raise `Misconfigured` for an option that PostgreSQL's client does not know."""
    for name, words in WORDS.items():
        one_of(f"DATABASE_URL, {name}", str(options.get(name, words[0])), words)
    try:
        make_conninfo(**{name: options[name] for name in options.keys() - DJANGOS})
    except ProgrammingError as error:
        raise Misconfigured(f"DATABASE_URL: {str(error).strip()}") from None


def _require_age(seconds: object) -> None:
    """Raise `Misconfigured` for an age of connections that is none: seconds, or None for ever."""
    if seconds is not None and (not isinstance(seconds, int | float) or seconds < 0):
        raise Misconfigured("DATABASE_URL: conn_max_age must be a number of seconds, or None")


def postgres(
    address: dict[str, Any], connect: int, statement: float, lock: float
) -> dict[str, Any]:
    """Return Django's settings of the database at `address`, whose waits end after so many seconds;
    0 is never. What the address itself says, by `?options=` and `?conn_max_age=`, counts more.
    """
    given = address.get("OPTIONS", {})
    named = {"statement_timeout": statement, "lock_timeout": lock}
    words = [f"-c {name}={int(seconds * 1000)}" for name, seconds in named.items() if seconds]
    words += filter(None, [given.get("options", "")])
    asked = {"options": " ".join(words)} if words else {}
    own = {**KEEPALIVE, "connect_timeout": connect, **given, **asked}
    return {
        "CONN_MAX_AGE": None,
        **address,
        "ENGINE": "accounts.database",
        "OPTIONS": own,
        "CONN_HEALTH_CHECKS": True,
    }


def redis(url: str) -> str:
    """Return the address of Redis when it can be read. Raises `Misconfigured`."""
    try:
        servers.read(url) if url else None
    except ValueError as error:
        raise Misconfigured(f"REDIS_URL: {error}") from None
    return url


def redis_passwords(url: str) -> list[str]:
    """Return what of the address belongs in no log, as it is sent and as it is written."""
    if not url:
        return []
    first, _names = servers.several(url)
    return [*servers.read(url).passwords, urlsplit(first).password or ""]


def caches(url: str) -> Mapping[str, Any]:
    """Return Django's settings of the caches: in the Redis at `url`, else in this process."""
    if not url:
        return {
            "default": {
                "BACKEND": "django.core.cache.backends.locmem.LocMemCache",
                "OPTIONS": {"MAX_ENTRIES": 20_000},
            },
            # The embedded default reads each session from its row; only Redis is worth a copy.
            "sessions": {"BACKEND": "django.core.cache.backends.dummy.DummyCache"},
        }
    own: dict[str, Any] = {
        "BACKEND": "django_redis.cache.RedisCache",
        "LOCATION": [url],
        "OPTIONS": {
            "CLIENT_CLASS": "accounts.cache.servers.Client",
            "SERIALIZER": "accounts.cache.servers.Values",
            "SOCKET_CONNECT_TIMEOUT": 1,
            "SOCKET_TIMEOUT": 1,
        },
    }
    return {
        "default": {**own, "KEY_PREFIX": "vestibule"},
        "sessions": {**own, "KEY_PREFIX": "vestibule-session"},
    }
