"""How much of this process one upstream may take: places in flight, and a rest after failures.

A thread that waits for an upstream serves nobody else. So at most `per_upstream` calls to one
origin are in flight (a bulkhead) and others queue while the origin answers; those in flight and in
the queue leave a fifth of the threads to other origins, and all calls together one thread. An
origin that failed five times in a row is not asked for ten seconds, after which one call tries (a
circuit breaker). A minute after that, when nobody has tried, the failures are forgotten: the class
that is the first to come in the morning is not refused for an outage of the night.
"""

import math
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from django.utils.translation import gettext_noop

from accounts.errors import Busy, Said
from accounts.http.answer import NO_PLACE, CallFailed

FAILURES = 5
REST = 10.0
FORGOTTEN = 60.0  # seconds after a rest in which nobody asked
# A burst of logins queues for a place as long as some call of the last seconds was answered, which
# a slow upstream, or a slow machine, may take. A deadline of five seconds leaves the call two.
PATIENCE = 3.0
KEPT = 512


@dataclass(slots=True)
class Visit:
    """One call under way. Who makes it sets `succeeded`; left alone, it counts as failed, and with
    `says_nothing` as neither.
    """

    is_probe: bool
    succeeded: bool = False
    says_nothing: bool = False


@dataclass(slots=True)
class _Upstream:
    in_flight: int = 0
    waiting: deque[object] = field(default_factory=deque)
    answered_at: float = 0.0
    failures: int = 0
    rests_until: float | None = None
    probed: bool = False

    @property
    def forgettable(self) -> bool:
        return not (self.in_flight or self.waiting or self.failures)

    def recover(self) -> None:
        self.failures, self.rests_until = 0, None
        self.answered_at = time.monotonic()


class Upstreams:
    """All upstreams of one process, by origin. Thread-safe.

    `clock` counts seconds and never goes back (`time.monotonic`).
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._changed = threading.Condition()
        self._known: dict[str, _Upstream] = {}
        self._taken = 0

    @property
    def taken(self) -> int:
        """How many calls are under way, or queue for a place, and how many wait beside one."""
        return self._taken

    @contextmanager
    def visit(
        self, origin: str, *, at_once: int, in_all: int, until: float = math.inf
    ) -> Iterator[Visit]:
        """Hold a place at an origin for the time of one call.

        `at_once` bounds the calls to this origin, `in_all` those to all, `until` the time in the
        queue (a time of `time.monotonic`). Raises `CallFailed`, and takes no place, when there is
        none or when the origin rests.
        """
        visit = self._enter(origin, at_once, in_all, until)
        try:
            yield visit
        finally:
            self._leave(origin, visit)

    @contextmanager
    def beside(self, in_all: int) -> Iterator[None]:
        """Wait for what another caller fetches: a thread that does so is one of the `in_all` that
        all calls together may hold. Raises `Busy` when they do.
        """
        with self._changed:
            if self._taken >= in_all:
                raise Busy("Too many calls to upstreams are in flight.", retry_after=1)
            self._taken += 1
        try:
            yield
        finally:
            with self._changed:
                self._taken -= 1

    def _enter(self, origin: str, at_once: int, in_all: int, until: float) -> Visit:
        with self._changed:
            upstream = self._upstream(origin)
            self._refuse_at_rest(origin, upstream)
            if self._taken >= in_all:
                raise _busy(origin)
            self._taken += 1
            try:
                queue = max(at_once, in_all * 4 // 5) - at_once
                self._wait_for_place(origin, upstream, at_once, queue, until)
                # What was true before the wait may not be true any more.
                self._refuse_at_rest(origin, upstream)
            except CallFailed:
                self._taken -= 1
                raise
            upstream.in_flight += 1
            upstream.probed = upstream.rests_until is not None
            return Visit(is_probe=upstream.probed)

    def _refuse_at_rest(self, origin: str, upstream: _Upstream) -> None:
        if upstream.rests_until is None:
            return
        seconds = upstream.rests_until - self._clock()
        if seconds < -FORGOTTEN and not upstream.in_flight:
            upstream.failures, upstream.rests_until = 0, None
            return
        if seconds > 0 or upstream.probed:
            template = gettext_noop(
                "%(place)s failed %(times)d times in a row and is not asked for a while."
            )
            raise CallFailed(
                Said(template, place=origin, times=upstream.failures),
                kind="CircuitOpen",
                retry_after=max(1, math.ceil(seconds)),
            )

    def _wait_for_place(
        self, origin: str, upstream: _Upstream, at_once: int, queue: int, until: float
    ) -> None:
        if upstream.in_flight < at_once and not upstream.waiting:
            return
        # Waiting takes a thread as well: so many wait, and none for the troubled.
        here = upstream.in_flight + len(upstream.waiting)
        if upstream.failures or here >= at_once + queue:
            raise _busy(origin)
        mine, began = object(), time.monotonic()
        upstream.waiting.append(mine)  # first come, first served: nobody waits past the deadline
        try:
            while upstream.in_flight >= at_once or upstream.waiting[0] is not mine:
                last = min(until, max(began, upstream.answered_at) + PATIENCE)
                left = last - time.monotonic()
                if left <= 0:
                    raise _busy(origin)
                self._changed.wait(left)
        finally:
            upstream.waiting.remove(mine)
            self._changed.notify_all()

    def _leave(self, origin: str, visit: Visit) -> None:
        with self._changed:
            upstream = self._known[origin]
            self._taken -= 1
            upstream.in_flight -= 1
            if visit.is_probe:
                upstream.probed = False
            if visit.succeeded:
                upstream.recover()
            elif not visit.says_nothing:
                upstream.failures += 1
                is_first = upstream.rests_until is None and upstream.failures >= FAILURES
                # A call that began before the rest and fails during it makes the rest no longer.
                if visit.is_probe or is_first:
                    upstream.rests_until = self._clock() + REST
            self._changed.notify_all()

    def _upstream(self, origin: str) -> _Upstream:
        if origin not in self._known and len(self._known) >= KEPT:
            self._known = {o: u for o, u in self._known.items() if not u.forgettable}
        return self._known.setdefault(origin, _Upstream())


def _busy(origin: str) -> CallFailed:
    said = Said(gettext_noop("Too many calls to %(place)s are in flight."), place=origin)
    return CallFailed(said, kind=NO_PLACE, retry_after=1)


shared = Upstreams()
