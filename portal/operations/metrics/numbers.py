"""The numbers themselves, and what each is told of.

No label holds anything of a person, and strangers can make up none: each has a bounded number
of values.
"""

import os
import re
from functools import lru_cache
from typing import Any

import structlog
from prometheus_client import Counter, Gauge, Histogram

from accounts.http.upstreams import shared
from portal import conf
from portal.operations.metrics import files
from portal.server.front import Standing

MOST_WORDS = 100
OTHER = "other"
SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)

log = structlog.get_logger("vestibule.metrics")
# The processes among ours that no other one has started.
_servers: set[int] = set()


class Words:
    """The values of a label: the first hundred words count, all others are `other`."""

    def __init__(self) -> None:
        self._known: set[str] = set()

    def bounded(self, word: str) -> str:
        """Return `word`, or `other`."""
        if word in self._known:
            return word
        if len(self._known) >= MOST_WORDS or not re.fullmatch(r"[\w.:-]{0,60}", word, re.ASCII):
            return OTHER
        self._known.add(word)
        return word


class Numbers:
    """All numbers of one process. Made once, after `files.begin`."""

    def __init__(self) -> None:
        self._words: dict[str, Words] = {}
        where = ("source", "type")
        self.sign_ins = self._counter("sign_ins", "Sign-ins.", *where)
        self.refusals = self._counter("refusals", "Refused sign-ins.", *where, "reason")
        self.logouts = self._counter("logouts", "People who left.", *where)
        self.ended = self._counter("ended_sessions", "Sessions ended otherwise.", *where)
        self.events = self._counter("events", "Lines of the audit trail.", "event", "reason")
        self.refreshes = self._counter("refreshes", "Refreshes.", "kind", "source", "outcome")
        self.calls = Histogram(
            "vestibule_upstream_seconds", "Calls to upstreams.", ("source", "outcome"),
            buckets=SECONDS, registry=None,
        )  # fmt: skip
        self.front = {
            name: Gauge(f"vestibule_front_{name}", said, registry=None, multiprocess_mode="livesum")
            for name, said in (
                ("threads", "Threads that answer requests."),
                ("threads_busy", "Threads that are answering one."),
                ("queue", "Requests that wait for a thread."),
                ("turns_waiting", "Answers of upstreams that wait for their turn."),
                ("upstream_places", "Calls to upstreams that may be under way."),
                ("upstream_places_taken", "Calls to upstreams that are, or queue."),
            )
        }

    def event(self, name: str, source: str, kind: str, reason: str) -> None:
        """Count a line of the audit trail, and what it says of sign-ins and sessions."""
        self._add(self.events, event=name, reason=reason)
        if name == "login.failed":
            self._add(self.refusals, source=source, type=kind, reason=reason)
        told = {
            "login.succeeded": self.sign_ins,
            "logout": self.logouts,
            "session.ended": self.ended,
        }.get(name)
        if told:
            self._add(told, source=source, type=kind)

    def call(self, seconds: float, source: str, outcome: str) -> None:
        """Count a call to an upstream. `source` is who calls: `source:<slug>`."""
        word = self._word("source", source.removeprefix("source:"))
        self.calls.labels(word, self._word("outcome", outcome)).observe(seconds)

    def refresh(self, kind: str, source: str, outcome: str) -> None:
        """Count a refresh: of an `upstream`'s tokens, or of `ours`."""
        self._add(self.refreshes, kind=kind, source=source, outcome=outcome)

    def standing(self, now: Standing, places: int, taken: int) -> None:
        """Note how the front stands at this moment."""
        for name, value in (
            ("threads", now.threads), ("threads_busy", now.busy), ("queue", now.queue),
            ("turns_waiting", now.turns), ("upstream_places", places),
            ("upstream_places_taken", taken),
        ):  # fmt: skip
            self.front[name].set(value)

    @staticmethod
    def _counter(name: str, said: str, *labels: str) -> Any:
        return Counter(f"vestibule_{name}", said, labels, registry=None)

    def _add(self, counter: Any, **labels: str) -> None:
        counter.labels(*(self._word(*each) for each in labels.items())).inc()

    def _word(self, label: str, word: str) -> str:
        return self._words.setdefault(label, Words()).bounded(word)


def as_a_server() -> None:
    """Count as one that no other process has started, from the beginning on."""
    _servers.add(os.getpid())
    of_this_process()


@lru_cache(maxsize=1)
def of_this_process() -> Numbers | None:
    """Return the numbers of this process, a worker of its parent's unless it is `as_a_server`; None
    where nobody may read them, or nothing can be written.
    """
    if not conf.metrics_are_read():
        return None
    own = os.getpid()
    try:
        files.begin(own if own in _servers else os.getppid())
    except OSError as error:
        log.warning("metrics.unavailable", error=error.strerror)
        return None
    return Numbers()


def count(what: str, *values: Any) -> None:
    """Count one of the methods of `Numbers`, by its name; the ground floor calls it
    (`accounts/offers.py`).
    """
    numbers = of_this_process()
    if numbers:
        getattr(numbers, what)(*values)


def standing(now: Standing) -> None:
    """Note how the front of this worker stands; it says so each second."""
    count("standing", now, max(1, now.threads - 1), shared.taken)
