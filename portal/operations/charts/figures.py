"""What the first page counts: sign-ins, sources in trouble, sessions, and how long calls took.

Three queries, bounded by a day, by a number of rows, and by what is alive. Where one counts much,
it is made once a minute.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar

from django.db.models import Count, Sum
from django.db.models.functions import TruncHour
from django.utils import timezone

from accounts import cache, errors
from accounts.models import Event, StoredSession
from accounts.source import catalogue, outage
from accounts.trail.steps import read

HOURS = 24
REFUSED = "refused"
# Of so many events at most the calls are looked at, the latest first.
_MOST = 2000
# Beyond so many rows a count of them serves for so many seconds.
_MANY, _LATELY = 1_000, 60
_Row = TypeVar("_Row")
_TROUBLE = frozenset({errors.UNAVAILABLE, errors.MISCONFIGURED})


@dataclass(frozen=True, slots=True)
class SourceFigures:
    """What one source did within a day: sign-ins, refusals, those of them that were its own fault,
    whether it is in trouble now, and its calls: how many, and the 95th percentile in milliseconds.
    """

    slug: str
    label: str
    succeeded: int
    refused: int
    faults: int
    troubled: bool
    calls: int
    p95: int

    @property
    def failing(self) -> bool:
        """Tell whether an operator should look at it."""
        return self.troubled or self.faults > 0


@dataclass(frozen=True, slots=True)
class Figures:
    """All that the first page shows. `hours` are the beginnings of the last 24, the oldest first;
    `sign_ins` counts by series (a session type, or `REFUSED`) and hour.
    """

    at: datetime
    hours: Sequence[datetime]
    sign_ins: Mapping[str, Sequence[int]]
    sources: Sequence[SourceFigures]
    sessions: Sequence[tuple[str, int]]


def counted() -> Figures:
    """Return the figures of this moment."""
    now = timezone.now()
    this_hour = timezone.localtime(now).replace(minute=0, second=0, microsecond=0)
    hours = [this_hour - timedelta(hours=back) for back in range(HOURS - 1, -1, -1)]
    outcomes = _outcomes(hours[0])
    return Figures(now, hours, _by_hour(outcomes, hours), _sources(outcomes), _sessions(now))


@dataclass(frozen=True, slots=True)
class _Outcome:
    hour: datetime
    name: str
    type: str
    source: str
    reason: str
    times: int


def _outcomes(since: datetime) -> list[_Outcome]:
    return _lately(f"{since:%d-%H}", _outcome, lambda: _counted_outcomes(since))


def _outcome(hour: str, name: str, kind: str, source: str, reason: str, times: int) -> _Outcome:
    at = timezone.localtime(datetime.fromisoformat(hour))
    return _Outcome(at, str(name), str(kind), str(source), str(reason), int(times))


def _counted_outcomes(since: datetime) -> tuple[list[Any], int]:
    rows = Event.objects.filter(at__gte=since, name__in=("login.succeeded", "login.failed"))
    grouped = rows.annotate(hour=TruncHour("at")).order_by()
    columns = ("hour", "name", "session_type", "source", "reason")
    counts = grouped.values_list(*columns).annotate(times=Sum("count"))
    told = [(hour.isoformat(), *rest) for hour, *rest in counts]
    return told, sum(row[-1] for row in counts)


def _by_hour(outcomes: Sequence[_Outcome], hours: Sequence[datetime]) -> dict[str, list[int]]:
    place = {hour: number for number, hour in enumerate(hours)}
    found: dict[str, list[int]] = defaultdict(lambda: [0] * len(hours))
    for each in outcomes:
        series = REFUSED if each.name == "login.failed" else each.type
        if each.hour in place:
            found[series][place[each.hour]] += each.times
    refused = found.pop(REFUSED, None)
    ordered = {series: found[series] for series in sorted(found)}
    return ordered | ({REFUSED: refused} if refused else {})


def _sources(outcomes: Sequence[_Outcome]) -> list[SourceFigures]:
    succeeded: Counter[str] = Counter()
    refused: Counter[str] = Counter()
    faults: Counter[str] = Counter()
    for each in outcomes:
        kind = succeeded if each.name == "login.succeeded" else refused
        kind[each.source] += each.times
        if each.reason in _TROUBLE:
            faults[each.source] += each.times
    ready = {each.slug: each for each in catalogue.enabled()}
    troubled = outage.since(ready)  # which asks no upstream
    calls = {each: (number, p95) for each, number, p95 in _calls()}
    return [
        SourceFigures(
            slug,
            each.label,
            succeeded[slug],
            refused[slug],
            faults[slug],
            slug in troubled,
            *calls.get(slug, (0, 0)),
        )
        for slug, each in ready.items()
    ]


def _calls() -> list[tuple[str, int, int]]:
    """Return the slug of each source that was called, the number of its latest calls, and their
    95th percentile in milliseconds.
    """
    return _lately("calls", _call, _counted_calls)


def _call(slug: str, number: int, p95: int) -> tuple[str, int, int]:
    return str(slug), int(number), int(p95)


def _counted_calls() -> tuple[list[Any], int]:
    since = timezone.now() - timedelta(hours=HOURS)
    latest = Event.objects.filter(at__gte=since).order_by("-at").values_list("steps", flat=True)
    looked_at = list(latest[:_MOST])
    found: dict[str, list[int]] = defaultdict(list)
    for stored in looked_at:
        for step in read(stored):
            if step.what == "call" and step.milliseconds >= 0:
                found[step.receiver.removeprefix("source:")].append(step.milliseconds)
    return [(slug, len(took), percentile(took)) for slug, took in found.items()], len(looked_at)


def percentile(values: Sequence[int], part: float = 0.95) -> int:
    """Return the smallest value that `part` of all do not exceed (nearest rank); 0 of none."""
    ordered = sorted(values)
    return ordered[math.ceil(part * len(ordered)) - 1] if ordered else 0


def _sessions(now: datetime) -> list[tuple[str, int]]:
    """Return how many sessions of each type are alive."""
    return _lately("sessions", _session, lambda: _counted_sessions(now))


def _session(kind: str, size: int) -> tuple[str, int]:
    return str(kind), int(size)


def _lately(
    what: str, read: Callable[..., _Row], count: Callable[[], tuple[list[Any], int]]
) -> list[_Row]:
    """Return what `read` makes of the rows that `count` returns, which JSON can hold; where it has
    counted many, of what they were within the last minute.
    """
    key = f"figures:{what}"
    held = cache.shared.get(key)
    try:
        if isinstance(held, list):
            return [read(*row) for row in held]
    except (TypeError, ValueError, OverflowError):
        pass  # it is not what was put there
    found, many = count()
    if many > _MANY:
        cache.shared.set(key, found, _LATELY)
    return [read(*row) for row in found]


def _counted_sessions(now: datetime) -> tuple[list[Any], int]:
    alive = StoredSession.objects.filter(expire_date__gt=now).exclude(user=None)
    counts = alive.order_by().values_list("type").annotate(size=Count("pk"))
    found = sorted(((str(kind), int(size)) for kind, size in counts), key=lambda pair: -pair[1])
    return found, sum(size for _kind, size in found)
