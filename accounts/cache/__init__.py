"""The cache: the only way to Redis but for `limits`, which keeps a client of its own (servers.py).

A cache may fail. Nothing here raises, and nothing may be decided by what is not there. A failure
makes every cache silent for a second; then one thread tries again while the others go on without.
So a dead Redis costs a worker one time-out a second, not one a call.
"""

import secrets
import threading
import time
from collections.abc import Iterable
from typing import Any

import structlog
from django.core.cache import caches

from accounts.cache import reasons

SILENT_SECONDS = 1.0
# For how long a try keeps the others from trying: Sentinels, and nodes of a Cluster, are asked one
# after the other, and so are the hosts of a database.
TRYING_SECONDS = 10.0
# What Redis says where somebody else keeps a value of another kind under a name of ours.
_NO_VALUE = "WRONGTYPE "
log = structlog.get_logger("vestibule.cache")


class Silence:
    """One worker's memory of a server that failed, a cache or a database. Who may try says `begin`
    or `end` afterwards.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._until = 0.0

    def holds(self) -> bool:
        """Tell whether the caller must do without. Of those who ask after the end one may try; so
        long after it, when nobody has asked, that it says nothing any more, all may.
        """
        if not self._until:
            return False
        with self._lock:
            now = time.monotonic()
            if now < self._until:
                return True
            is_old = now > self._until + TRYING_SECONDS
            self._until = 0.0 if is_old else now + TRYING_SECONDS
            return False

    def begin(self) -> None:
        """Start anew: the server has just failed."""
        self._until = time.monotonic() + SILENT_SECONDS

    def end(self) -> None:
        """Stop: the server has answered."""
        self._until = 0.0

    def let_try(self) -> None:
        """Let the next who asks try: the caller, who might, has found out nothing."""
        with self._lock:
            now = time.monotonic()
            if self._until > now + SILENT_SECONDS:
                self._until = now


_silence = Silence()


class Cache:
    """One of the caches of the settings. What fails answers as an empty cache does. `database` says
    of which one its values are copies, if of any: those of another are not found.
    """

    def __init__(self, alias: str) -> None:
        self._alias = alias
        self.database = ""

    def get(self, key: str) -> Any:
        """Return the value of `key`, None without one."""
        return self._ask(None, "get", self.database + key)

    def get_many(self, keys: Iterable[str]) -> dict[str, Any]:
        """Return the values of those `keys` that have one, in one round trip."""
        named = {self.database + key: key for key in keys}
        return {named[each]: value for each, value in self._ask({}, "get_many", named).items()}

    def add(self, key: str, value: Any, seconds: float) -> bool:
        """Set `key` for `seconds` unless it has a value. Returns False only when it has one."""
        return bool(self._ask(True, "add", self.database + key, value, seconds))

    def set(self, key: str, value: Any, seconds: float) -> None:
        """Set `key` for `seconds`."""
        self._ask(None, "set", self.database + key, value, seconds)

    def delete(self, *keys: str) -> None:
        """Delete `keys`. While the cache does not answer their values stay until they expire."""
        self._ask(None, "delete_many", [self.database + key for key in keys])

    def trouble(self) -> str:
        """Return why a value cannot be put here and asked for, for an operator; "" when it can, be
        it forgotten at once. The server is asked even while the cache is silent.
        """
        key = f"trouble-{secrets.token_hex(8)}"
        try:
            caches[self._alias].set(key, 1, SILENT_SECONDS)
            caches[self._alias].get(key)
        except Exception as error:  # noqa: BLE001  # as below
            return reasons.of(error)
        return ""

    def _ask(self, without: Any, method: str, *args: Any) -> Any:
        if _silence.holds():
            return without
        try:
            answer = getattr(caches[self._alias], method)(*args)
        except Exception as error:  # noqa: BLE001  # whatever the driver raises, the house goes on
            why = reasons.of(error)
            if why.startswith(_NO_VALUE):  # it has answered
                _silence.end()
                return without
            _silence.begin()
            log.warning("cache.unavailable", error=type(error).__name__, why=why)
            return without
        _silence.end()
        return answer


shared = Cache("default")
sessions = Cache("sessions")
