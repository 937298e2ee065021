"""The lock-out: a limit on guesses at every source that has a form.

Three counters, each over five minutes from its first count: of a name from an address, of a name
from everywhere, and of an address. Further guesses prolong none of them, so a stranger locks the
owner of a name out for five minutes at most (docs/threats.md, U01 and U02). A name counts alike
whether or not anybody has it. Only digests are stored: in Redis, or in the worker's memory while
Redis does not answer or is not configured.
"""

import ipaddress
import math
import threading
import time
from collections.abc import Callable
from functools import lru_cache
from typing import Any, TypeVar

import structlog
from limits import RateLimitItem, RateLimitItemPerMinute
from limits.errors import StorageError
from limits.storage import Storage, storage_from_string
from limits.strategies import FixedWindowRateLimiter
from redis.backoff import NoBackoff
from redis.retry import Retry

from accounts import conf
from accounts.errors import TooManyRequests
from accounts.keyring import digest
from accounts.models.users import username_key

PAIR = RateLimitItemPerMinute(5, 5, namespace="pair")
NAME = RateLimitItemPerMinute(20, 5, namespace="name")
# High, because a whole library or school may be one address; only its failures count.
ADDRESS = RateLimitItemPerMinute(100, 5, namespace="address")
LONGEST_NAME = 1000
REDIS_SECONDS = 0.5
REDIS_PAUSE = 10.0

T = TypeVar("T")
log = structlog.get_logger("vestibule.lockout")


def check(source: str, name: str, address: str) -> None:
    """Count an attempt of `name` from `address` at `source`, before it is judged.

    Counting first means that parallel guesses cannot slip past. `succeeded` or `refund` gives the
    attempt back. Raises `TooManyRequests`, with the seconds to wait, when one is used up.
    """
    pair, everywhere, place = _keys(source, name, address)
    _require(NAME, everywhere, FixedWindowRateLimiter.test)
    _require(ADDRESS, place, FixedWindowRateLimiter.test)
    _require(PAIR, pair, FixedWindowRateLimiter.hit)


def failed(source: str, name: str, address: str) -> None:
    """Count a wrong guess against the name and the address; `check` has counted the pair."""
    _pair, everywhere, place = _keys(source, name, address)
    _ask(lambda limiter: limiter.hit(NAME, everywhere))
    _ask(lambda limiter: limiter.hit(ADDRESS, place))


def succeeded(source: str, name: str, address: str) -> None:
    """Forget the failures of the name, never those of the address: a guesser may own an account."""
    pair, everywhere, _place = _keys(source, name, address)
    _ask(lambda limiter: limiter.clear(PAIR, pair))
    _ask(lambda limiter: limiter.clear(NAME, everywhere))


def refund(source: str, name: str, address: str) -> None:
    """Give an attempt back that was not judged, because the source did not answer."""
    pair, _everywhere, _place = _keys(source, name, address)
    _ask(lambda limiter: limiter.hit(PAIR, pair, cost=-1))


def spend(limit: RateLimitItem, *parts: str) -> None:
    """Count one use of what `parts` name. Raises `TooManyRequests` when `limit` is used up.

    The limit's namespace keeps different uses apart; `parts` are stored as a digest.
    """
    _require(limit, digest("\0".join(parts)), FixedWindowRateLimiter.hit)


def network(address: str) -> str:
    """Return what counts as one place: an IPv4 address, the /64 of an IPv6 one (RFC 6177, 2)."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return ""
    if isinstance(found, ipaddress.IPv6Address):
        if found.ipv4_mapped is None:
            return str(ipaddress.ip_network((found, 64), strict=False))
        found = found.ipv4_mapped
    return str(found)


class Memory(Storage):
    """Counts in this process.

    The library's own memory can lose a count when the first two arrive at once, which is what a
    guesser would try; here one lock holds every step.
    """

    STORAGE_SCHEME = None
    PURGE_SECONDS = 60.0

    def __init__(self) -> None:
        super().__init__()
        self._lock = threading.Lock()
        self._counts: dict[str, tuple[int, float]] = {}
        self._purge_at = 0.0

    @property
    def base_exceptions(self) -> type[Exception]:
        """Nothing here fails in a way of its own."""
        return StorageError

    def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        """Add `amount`; the first count of a key starts its `expiry` seconds. Returns the sum."""
        with self._lock:
            now = time.time()
            self._purge(now)
            count, ends = self._counts.get(key, (0, 0.0))
            if ends <= now:
                count, ends = 0, now + expiry
            self._counts[key] = (max(0, count + amount), ends)
            return self._counts[key][0]

    def get(self, key: str) -> int:
        """Return the count of a key, 0 when it has expired."""
        count, ends = self._counts.get(key, (0, 0.0))
        return count if ends > time.time() else 0

    def get_expiry(self, key: str) -> float:
        """Return when the count of a key expires, in seconds since 1970."""
        return self._counts.get(key, (0, time.time()))[1]

    def check(self) -> bool:
        """Tell that it works."""
        return True

    def clear(self, key: str) -> None:
        """Forget the count of a key."""
        with self._lock:
            self._counts.pop(key, None)

    def reset(self) -> int | None:
        """Forget all. Returns how many there were."""
        with self._lock:
            number = len(self._counts)
            self._counts.clear()
        return number

    def _purge(self, now: float) -> None:
        if now >= self._purge_at or self._purge_at > now + self.PURGE_SECONDS:
            self._counts = {key: held for key, held in self._counts.items() if held[1] > now}
            self._purge_at = now + self.PURGE_SECONDS


class _Counters:
    """Where the counts are: Redis while it answers, else this worker's memory."""

    def __init__(self, redis_url: str) -> None:
        self.memory = FixedWindowRateLimiter(Memory())
        self.redis = FixedWindowRateLimiter(_redis(redis_url)) if redis_url else None
        self.redis_rests_until = 0.0


def _redis(url: str) -> Any:
    """Return the shared storage, which gives up after a second in all: it stands in every login."""
    options: dict[str, Any] = {
        "socket_connect_timeout": REDIS_SECONDS,
        "socket_timeout": REDIS_SECONDS,
        "retry": Retry(NoBackoff(), 1),
    }
    return storage_from_string(url, wrap_exceptions=True, key_prefix="vestibule-lockout", **options)


_counters = lru_cache(maxsize=1)(_Counters)


def _ask(question: Callable[[FixedWindowRateLimiter], T]) -> T:
    """Return the answer of Redis, or of memory while Redis does not answer."""
    counters = _counters(conf.redis_url())
    if counters.redis and time.monotonic() >= counters.redis_rests_until:
        try:
            return question(counters.redis)
        except StorageError:
            counters.redis_rests_until = time.monotonic() + REDIS_PAUSE
            log.warning("lockout.redis_unreachable", seconds=REDIS_PAUSE)
    return question(counters.memory)


def _require(limit: RateLimitItem, key: str, granted: Callable[..., bool]) -> None:
    """Raise `TooManyRequests` unless `limit` is `granted` to `key`: by a test, or by a hit."""
    if not _ask(lambda limiter: granted(limiter, limit, key)):
        ends = _ask(lambda limiter: limiter.get_window_stats(limit, key)).reset_time
        seconds = max(1, math.ceil(ends - time.time()))
        raise TooManyRequests("Too many attempts.", retry_after=seconds)


def _keys(source: str, name: str, address: str) -> tuple[str, str, str]:
    """Return the digests that stand for the pair, the name and the address."""
    folded, place = username_key(name[:LONGEST_NAME]), network(address)
    return (
        digest("\0".join((source, folded, place))),
        digest("\0".join((source, folded))),
        digest(place),
    )
