"""The Redis that `REDIS_URL` names: one server, one that Sentinels choose, or a Cluster.

The forms of the address are those of redis-py and limits; docs/configuration.md shows each:

    redis://name:password@host:6379/0
    redis+sentinel://name:password@host:26379,host:26379/service
    redis+cluster://name:password@host:6379,host:6379

`rediss` in the place of `redis` is TLS. A client is made once for a process: its threads share it.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlencode, urlsplit

from django_redis.client import DefaultClient
from django_redis.serializers.json import JSONSerializer
from redis import Redis, RedisCluster
from redis.backoff import NoBackoff
from redis.cluster import ClusterNode
from redis.connection import SSLConnection, parse_url
from redis.exceptions import ReadOnlyError, RedisClusterException, RedisError
from redis.retry import Retry
from redis.sentinel import MasterNotFoundError, Sentinel

from accounts.cache import reasons

# What a client raises while there is nobody to answer it: a Cluster's own error is no RedisError.
FAILURES = (RedisError, RedisClusterException, OSError)
PORTS = {"sentinel": 26379, "cluster": 6379}
SCHEMES = (
    *("redis", "rediss", "unix", "redis+sentinel", "rediss+sentinel"),
    *("redis+cluster", "rediss+cluster"),
)
UNREADABLE = "cannot be read; in a name or a password, / is written %2F, @ %40, # %23 and ? %3F"
# Parameters beside those that begin with `ssl_`; the last two are for the Sentinels themselves.
PARAMETERS = {
    "db", "protocol", "client_name", "max_connections", "health_check_interval",
    "socket_timeout", "socket_connect_timeout", "socket_keepalive",
    "sentinel_username", "sentinel_password",
}  # fmt: skip


class Waits(NamedTuple):
    """How long a client waits: seconds to connect, seconds for an answer, and how many more times.

    What the address itself says, by `?socket_timeout=`, counts more.
    """

    connect: float
    answer: float
    again: int = 0


@dataclass(frozen=True, slots=True)
class Servers:
    """What an address says: the kind ("", "sentinel", "cluster"), where to ask, and for what.

    `options` are those of a connection of redis-py, `asking` those of one to a Sentinel.
    """

    kind: str
    hosts: tuple[tuple[str, int], ...]
    service: str
    options: Mapping[str, Any] = field(repr=False)
    asking: Mapping[str, Any] = field(repr=False)

    @property
    def passwords(self) -> list[str]:
        """The passwords in the address, which belong in no log."""
        return [str(each["password"]) for each in (self.options, self.asking) if "password" in each]


def several(url: str) -> tuple[str, list[str]]:
    """Return an address of several hosts with the first one alone, and what is said of each:
    `urlsplit` takes no comma before the bracket of an IPv6 address.
    """
    scheme, _, rest = url.partition("://")
    place = re.split("[/?#]", rest, maxsplit=1)[0]
    user, at, names = place.rpartition("@")
    found = names.split(",")
    return f"{scheme}://{user}{at}{found[0]}{rest.removeprefix(place)}", found


def read(url: str) -> Servers:
    """Return what the address of Redis says. Raises `ValueError`, which repeats no password."""
    scheme, _, rest = url.partition("://")
    if scheme not in SCHEMES:
        raise ValueError(f"{scheme!r} is none of {', '.join(SCHEMES)}")
    base, _, kind = scheme.partition("+")
    first, names = several(f"{base}://{rest}")
    try:
        parts = urlsplit(first)
    except ValueError:
        raise ValueError(UNREADABLE) from None
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    _require_known(query, kind)
    asking = {
        name.removeprefix("sentinel_"): query.pop(name)
        for name in list(query)
        if name.startswith("sentinel_")
    }
    # Written anew by hand: `urlunsplit` loses the slashes of an empty place, as of `unix:///`.
    one = f"{base}://{parts.netloc}{'' if kind else parts.path}?{urlencode(query)}"
    try:
        options = parse_url(one)
        hosts = [urlsplit(f"//{name}") for name in names if name]
        found = tuple((host.hostname or "", host.port or PORTS.get(kind, 6379)) for host in hosts)
    except ValueError:
        raise ValueError(UNREADABLE) from None
    if options.pop("connection_class", None) is SSLConnection:
        options["ssl"] = True
        asking |= {name: value for name, value in options.items() if name.startswith("ssl")}
    for name in ("host", "port"):
        options.pop(name, None)
    return Servers(kind, found, _service(kind, parts.path.strip("/"), options), options, asking)


def _require_known(query: Mapping[str, str], kind: str) -> None:
    """Raise `ValueError` for a parameter that means nothing."""
    for name in query:
        if name not in PARAMETERS and not name.startswith("ssl_"):
            raise ValueError(f"{name!r} is no parameter of Redis")
        if name.startswith("sentinel_") and kind != "sentinel":
            raise ValueError(f"{name!r} is for Sentinels")


def _service(kind: str, path: str, options: Mapping[str, Any]) -> str:
    """Return the service that Sentinels are asked for. Raises `ValueError` when it is missing, and
    for a Cluster with a number of a database, which has one only.
    """
    if kind == "sentinel" and (not path or "/" in path):
        raise ValueError("Sentinels are asked for a service: redis+sentinel://host:26379/service")
    if kind == "cluster" and (path not in {"", "0"} or options.get("db")):
        raise ValueError("a Cluster has one database, 0")
    return path if kind == "sentinel" else ""


@lru_cache(maxsize=8)
def client(url: str, waits: Waits) -> Any:
    """Return this process's client of the Redis at `url`. Raises one of `FAILURES` when a Cluster
    does not say who belongs to it; others are asked at first use.
    """
    servers = read(url)
    sockets = {"socket_connect_timeout": waits.connect, "socket_timeout": waits.answer}
    patience = {**sockets, "retry": Retry(NoBackoff(), waits.again)}
    if servers.kind == "sentinel":
        return _chosen(servers, patience)
    if servers.kind == "cluster":
        nodes = [ClusterNode(*host) for host in servers.hosts]
        options = {"require_full_coverage": False, **patience, **servers.options}
        return _Cluster(startup_nodes=nodes, **options)
    return _One.from_url(url, **patience)


def _chosen(servers: Servers, patience: dict[str, Any]) -> Any:
    """Return a client of the server that the Sentinels call the master, asked at each connection.

    A replica is asked for nothing: it may not know yet what has just been written.
    """
    sentinels = _Sentinels(
        list(servers.hosts),
        sentinel_kwargs={**patience, "retry": Retry(NoBackoff(), 0), **servers.asking},
        **{**patience, **servers.options},
    )
    return sentinels.master_for(servers.service)  # type: ignore[no-untyped-call]


class _Asked(Redis):
    """A Sentinel. `failure` is why it did not answer last."""

    failure: Exception | None = None

    def execute_command(self, *args: Any, **options: Any) -> Any:
        """Return an answer. Raises as redis-py does."""
        self.failure = None
        try:
            return super().execute_command(*args, **options)  # type: ignore[no-untyped-call]
        except FAILURES as error:
            self.failure = error
            raise


class _Sentinels(Sentinel):
    """Sentinels, of which it is told why none has named a master: the library tells the kind."""

    def __init__(self, hosts: list[tuple[str, int]], **options: Any) -> None:
        super().__init__(hosts, **options)  # type: ignore[no-untyped-call]
        self._asked = [_Asked(*host, **self.sentinel_kwargs) for host in hosts]
        self.sentinels = [*self._asked]

    def discover_master(self, service_name: Any) -> Any:
        """Return host and port of the master. Raises `MasterNotFoundError`."""
        try:
            return super().discover_master(service_name)  # type: ignore[no-untyped-call]
        except MasterNotFoundError:
            failed = [each.failure for each in self._asked if each.failure]
        why = [f"No master found for {service_name!r}", *dict.fromkeys(map(reasons.of, failed))]
        raise MasterNotFoundError(": ".join(why))


class _One(Redis):
    """One server, by an address that may move to another. One that takes no writes is the master no
    more: the connections to it are dropped, and the next is made to whoever has the address now.
    """

    def parse_response(self, connection: Any, command_name: Any, **options: Any) -> Any:
        """Return an answer. Raises as redis-py does."""
        try:
            return super().parse_response(connection, command_name, **options)  # type: ignore[no-untyped-call]
        except ReadOnlyError:
            connection.disconnect()
            self.connection_pool.disconnect(inuse_connections=False)  # each finds out by itself
            raise


class _Cluster(RedisCluster):
    """A Cluster, of which keys of several slots may be asked in one call."""

    mget = RedisCluster.mget_nonatomic  # type: ignore[assignment]


class Values(JSONSerializer):  # type: ignore[misc]
    """Values as JSON; what is no JSON is None, and no failure of the server."""

    def loads(self, value: bytes) -> Any:
        """Return what was written, None where somebody else has written."""
        try:
            return super().loads(value)
        except ValueError:
            return None


class Client(DefaultClient):  # type: ignore[misc]
    """django-redis's, for each of these. `LOCATION` is a list of one address."""

    def connect(self, index: int = 0) -> Any:
        """Return this process's client. Raises as `client` does."""
        waits = Waits(self._options["SOCKET_CONNECT_TIMEOUT"], self._options["SOCKET_TIMEOUT"])
        return client(self._server[index], waits)
