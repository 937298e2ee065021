"""The lock-out: a limit on guesses at every source that has a form, and on failures of strangers.

Three counters, each over five minutes from its first count: of a name from an address, of a name
from everywhere, and of an address. Further guesses prolong none of them, so strangers lock a name
for five minutes at most, until they reach the day's ceiling of failures in a row. The owner gets in
all the same from a browser that has signed in before, which has a counter of its own (OWASP's
device cookie; docs/threats.md, U01 and U02). A name counts alike whether or not anybody has it.
Only digests are stored: in Redis, or in the worker's memory while Redis does not answer or is not
configured.
"""

import ipaddress
import math
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property, lru_cache, partial
from typing import TypeVar

import structlog
from limits import RateLimitItem, RateLimitItemPerDay, RateLimitItemPerMinute
from limits.errors import StorageError
from limits.storage import RedisStorage, Storage
from limits.strategies import FixedWindowRateLimiter

from accounts import conf
from accounts.cache import servers
from accounts.errors import TooManyRequests
from accounts.keyring import digest
from accounts.models.users import username_key
from accounts.provider import Visit

PAIR = RateLimitItemPerMinute(5, 5, namespace="pair")
NAME = RateLimitItemPerMinute(20, 5, namespace="name")
# High, because a whole library or school may be one address; only its failures count.
ADDRESS = RateLimitItemPerMinute(100, 5, namespace="address")
# For names that have signed in from the address before: a guesser in a school shuts nobody out.
FAMILIAR = RateLimitItemPerMinute(1000, 5, namespace="familiar")
DEVICE = RateLimitItemPerMinute(10, 5, namespace="device")
# Failures in a row that a name, or a known browser, may have in all (NIST SP 800-63B, 5.2.2),
# counted anew each day.
CEILING = RateLimitItemPerDay(100, namespace="ceiling")
# What else strangers may fail at, each door apart: what a source is asked in vain counts by its
# slug, what asks nobody by its path.
STRANGER = RateLimitItemPerMinute(60, 5, namespace="stranger")
# Of the refusals at a place, one is written into the audit trail.
REFUSAL = RateLimitItemPerMinute(1, 5, namespace="refusal")
# One household, site or school has one of these networks of IPv6 (RFC 6177, 2): each counts, the
# wider ones more generously.
WIDTHS = ((64, 1), (56, 2), (48, 4))
LONGEST_NAME = 1000
# A second in all: it stands in every login.
REDIS_WAITS = servers.Waits(connect=0.5, answer=0.5, again=1)
REDIS_PAUSE = 10.0

T = TypeVar("T")
log = structlog.get_logger("vestibule.lockout")


def check(
    source: str,
    name: str,
    address: str,
    device: str = "",
    is_familiar: Callable[[], bool] = lambda: False,
) -> None:
    """Count an attempt of `name` from `address` at `source`, before it is judged.

    Counting first means that parallel guesses cannot slip past. `succeeded` or `refund` gives the
    attempt back. `device` names a browser in which the name has signed in before, `is_familiar`
    tells whether it has from this address. Raises `TooManyRequests`, with the seconds to wait.
    """
    if device and _has_room(CEILING, digest(device)) and _hit(DEVICE, digest(device)):
        return
    pair, everywhere = _keys(source, name, address)
    _require(NAME, everywhere, FixedWindowRateLimiter.test)
    _require(CEILING, everywhere, FixedWindowRateLimiter.test)
    try:
        require_places(ADDRESS, address)
    except TooManyRequests:
        if not is_familiar():
            raise
        require_places(FAMILIAR, address)
    _require(PAIR, pair, FixedWindowRateLimiter.hit)


def failed(source: str, name: str, address: str, device: str = "") -> None:
    """Count a wrong guess against the name and the address; `check` has counted the pair.

    What a known browser guesses counts against that browser, and towards both ceilings.
    """
    _pair, everywhere = _keys(source, name, address)
    _hit(CEILING, everywhere)
    if device:
        _hit(CEILING, digest(device))
    else:
        _hit(NAME, everywhere)
        count_places(ADDRESS, address)
        count_places(FAMILIAR, address)


def succeeded(source: str, name: str, address: str, device: str = "") -> None:
    """Forget the failures of the name, never those of the address: a guesser may own an account."""
    pair, everywhere = _keys(source, name, address)
    _ask(lambda limiter: limiter.clear(PAIR, pair))
    _ask(lambda limiter: limiter.clear(NAME, everywhere))
    _ask(lambda limiter: limiter.clear(CEILING, everywhere))
    if device:
        _ask(lambda limiter: limiter.clear(DEVICE, digest(device)))
        _ask(lambda limiter: limiter.clear(CEILING, digest(device)))


def refund(source: str, name: str, address: str, device: str = "") -> None:
    """Give an attempt back that was not judged, because the source did not answer."""
    pair, _everywhere = _keys(source, name, address)
    limit, key = (DEVICE, digest(device)) if device else (PAIR, pair)
    _ask(lambda limiter: limiter.hit(limit, key, cost=-1))


def require_budget(visit: Visit, door: str) -> None:
    """Raise `TooManyRequests` when the visitor has failed too often at a door: nothing is done for
    them there.
    """
    for limit, key in _budgets(visit, door):
        _require(limit, key, FixedWindowRateLimiter.test)


@contextmanager
def held(visit: Visit, door: str, cost: int) -> Iterator[None]:
    """Hold so much of the visitor's budget while calls are under way, so that none slips past.

    Raises `TooManyRequests` as `require_budget` does, before anything is done.
    """
    if not cost:
        require_budget(visit, door)
    taken: list[tuple[RateLimitItem, str]] = []
    try:
        for limit, key in _budgets(visit, door) if cost else ():
            taken.append((limit, key))
            _require(limit, key, partial(FixedWindowRateLimiter.hit, cost=cost))
        yield
    finally:
        for limit, key in taken:
            _ask(lambda limiter, limit=limit, key=key: limiter.hit(limit, key, cost=-cost))  # type: ignore[misc]


def spend_budget(visit: Visit, door: str, cost: int = 1) -> None:
    """Count a failure of the visitor at a door: of the person whom the browser knows, else of the
    address. `cost` is how many calls to an upstream it may have made.
    """
    for limit, key in _budgets(visit, door):
        _hit(limit, key, cost)


def count_failure(visit: Visit, door: str) -> None:
    """Count what a door refuses. What is right there is taken whoever has failed before, so only
    now does this raise `TooManyRequests`, in the place of the refusal.
    """
    require_budget(visit, door)
    spend_budget(visit, door)


def _budgets(visit: Visit, door: str) -> list[tuple[RateLimitItem, str]]:
    places = ((visit.known_as, 1),) if visit.known_as else _networks(visit.address)
    return [(_times(STRANGER, times), digest(f"{door}\0{place}")) for place, times in places]


def spend(limit: RateLimitItem, *parts: str, cost: int = 1) -> None:
    """Count one use of what `parts` name; a `cost` of -1 gives it back. Raises `TooManyRequests`
    when `limit` is used up.

    The limit's namespace keeps different uses apart; `parts` are stored as a digest.
    """
    _require(limit, digest("\0".join(parts)), partial(FixedWindowRateLimiter.hit, cost=cost))


def is_first_refusal(source: str, address: str) -> bool:
    """Tell whether nobody was refused at `source` from this place within the last five minutes, and
    only a few from the wider networks that it is in.
    """
    places = ((digest("\0".join((source, place))), times) for place, times in _networks(address))
    return all(_hit(_times(REFUSAL, times), key) for key, times in places)


def name_key(source: str, name: str) -> str:
    """Return the digest that stands for a name as it is typed into the form of a source."""
    return digest("\0".join((source, username_key(name[:LONGEST_NAME]))))


def network(address: str) -> str:
    """Return what counts as one place: an IPv4 address, the /64 of an IPv6 one (RFC 6177, 2)."""
    return _networks(address)[0][0]


@lru_cache(maxsize=1024)
def _networks(address: str) -> tuple[tuple[str, int], ...]:
    """Return the networks that an address counts for, and how many times a limit each may have."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return (("", 1),)
    if isinstance(found, ipaddress.IPv6Address):
        if found.ipv4_mapped is None:
            return tuple(
                (str(ipaddress.ip_network((found, width), strict=False)), times)
                for width, times in WIDTHS
            )
        found = found.ipv4_mapped
    return ((str(found), 1),)


def require_places(limit: RateLimitItem, address: str) -> None:
    """Raise `TooManyRequests` when one of the networks of `address` has used `limit` up."""
    for place, times in _networks(address):
        _require(_times(limit, times), digest(place), FixedWindowRateLimiter.test)


def count_places(limit: RateLimitItem, address: str) -> None:
    """Count one use of `limit` by each of the networks of `address`."""
    for place, times in _networks(address):
        _hit(_times(limit, times), digest(place))


def spend_places(limit: RateLimitItem, address: str) -> None:
    """Count one use of `limit` by each of the networks of `address`. Raises `TooManyRequests` when
    one of them has used it up. What the wider ones refuse costs the narrower ones nothing.
    """
    places = _networks(address)
    for place, times in places[1:]:
        _require(_times(limit, times), digest(place), FixedWindowRateLimiter.test)
    for place, times in places:
        _require(_times(limit, times), digest(place), FixedWindowRateLimiter.hit)


def _has_room(limit: RateLimitItem, key: str) -> bool:
    return _ask(lambda limiter: limiter.test(limit, key))


def _hit(limit: RateLimitItem, key: str, cost: int = 1) -> bool:
    return _ask(lambda limiter: limiter.hit(limit, key, cost=max(1, cost)))


def _times(limit: RateLimitItem, times: int) -> RateLimitItem:
    return type(limit)(limit.amount * times, limit.multiples, namespace=limit.namespace)


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


class _Redis(RedisStorage):
    """Counts in Redis, by the client for its kind. Each count is one key, whichever node has it."""

    def __init__(self, url: str) -> None:
        Storage.__init__(self, wrap_exceptions=True)
        self.key_prefix = "vestibule-lockout"
        self.target_server = "redis"
        self.storage = servers.client(url, REDIS_WAITS)
        self.initialize_storage(url)

    @property
    def base_exceptions(self) -> tuple[type[Exception], ...]:
        """What becomes `StorageError`."""
        return servers.FAILURES


class _Counters:
    """Where the counts are: Redis while it answers, else this worker's memory."""

    def __init__(self, redis_url: str) -> None:
        self.memory = FixedWindowRateLimiter(Memory())
        self.redis_url = redis_url
        self.redis_rests_until = 0.0

    @cached_property
    def redis(self) -> FixedWindowRateLimiter:
        """Redis, found at first use. Raises `StorageError` while it is not."""
        try:
            return FixedWindowRateLimiter(_Redis(self.redis_url))
        except servers.FAILURES as error:
            raise StorageError(error) from error


_counters = lru_cache(maxsize=1)(_Counters)
# The first who come, at once, would each be given counters of their own.
_one_at_a_time = threading.Lock()


def _ask(question: Callable[[FixedWindowRateLimiter], T]) -> T:
    """Return the answer of Redis, or of memory while Redis does not answer."""
    with _one_at_a_time:
        counters = _counters(conf.redis_url())
    if counters.redis_url and time.monotonic() >= counters.redis_rests_until:
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


def _keys(source: str, name: str, address: str) -> tuple[str, str]:
    """Return the digests that stand for the pair of name and place, and for the name."""
    folded, place = username_key(name[:LONGEST_NAME]), network(address)
    return digest("\0".join((source, folded, place))), name_key(source, name)
