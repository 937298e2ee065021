"""Where the parts of the bar charts stand. The templates write them as SVG."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from portal.operations.charts.figures import REFUSED, Figures, SourceFigures
from portal.operations.story.reading import duration

WIDTH, HEIGHT, LEFT, BOTTOM, TOP = 760, 240, 44, 28, 12
_ROW, _NAMES, _BAR = 30, 210, 420
# So many colours there are; further types share the last.
_COLOURS = 5


@dataclass(frozen=True, slots=True)
class Bar:
    """A rectangle of a series, with what it stands for."""

    x: float
    y: float
    width: float
    height: float
    series: str
    said: str


@dataclass(frozen=True, slots=True)
class Mark:
    """A word beside an axis."""

    x: float
    y: float
    said: str


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart: its bars and marks, the series by class and name, and the same as a table."""

    width: int
    height: int
    bars: Sequence[Bar]
    marks: Sequence[Mark]
    lines: Sequence[float]
    series: Sequence[tuple[str, str]]
    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    summary: str


def by_hour(figures: Figures) -> Chart:
    """Return sign-ins per hour, stacked by session type, refusals on top."""
    names = list(figures.sign_ins)
    classes = {name: _class(number, name) for number, name in enumerate(names)}
    totals = [sum(figures.sign_ins[name][n] for name in names) for n in range(len(figures.hours))]
    most = _rounded(max(totals, default=0))
    step = (WIDTH - LEFT) / len(figures.hours)
    room = HEIGHT - TOP - BOTTOM
    bars: list[Bar] = []
    for number, hour in enumerate(figures.hours):
        below = 0.0
        for name in names:
            count = figures.sign_ins[name][number]
            if count:
                tall = room * count / most
                said = f"{_hour(hour)} {_shown(name)}: {count}"
                x, y = LEFT + number * step + 2, HEIGHT - BOTTOM - below - tall
                bars.append(Bar(round(x, 1), round(y, 1), round(step - 4, 1), round(tall, 1),
                                classes[name], said))  # fmt: skip
                below += tall
    marks = [Mark(LEFT + n * step + step / 2, HEIGHT - 8, _hour(hour))
             for n, hour in enumerate(figures.hours) if n % 3 == 0]  # fmt: skip
    levels = sorted({0, most // 2, most})
    lines = [HEIGHT - BOTTOM - room * level / most for level in levels]
    marks += [Mark(LEFT - 16, y + 4, str(level)) for y, level in zip(lines, levels, strict=True)]
    shown = [(classes[name], _shown(name)) for name in names]
    rows = [[_hour(hour), *(str(figures.sign_ins[name][n]) for name in names)]
            for n, hour in enumerate(figures.hours) if totals[n]]  # fmt: skip
    head = [_("Hour"), *(_shown(name) for name in names)]
    said = _("%d in the last 24 hours") % sum(totals)
    return Chart(WIDTH, HEIGHT, bars, marks, lines, shown, head, rows, said)


def by_type(figures: Figures) -> Chart:
    """Return the sessions that are alive, a bar for each type."""
    pairs = [(name, count, str(count)) for name, count in figures.sessions]
    total = sum(count for _name, count in figures.sessions)
    said = ngettext("%d session", "%d sessions", total) % total
    return _lying(pairs, (_("Type"), _("Sessions")), said)


def by_source(sources: Sequence[SourceFigures]) -> Chart:
    """Return the 95th percentile of each source's calls."""
    pairs = [(each.label, each.p95, duration(each.p95)) for each in sources if each.calls]
    said = ngettext("%d source was called", "%d sources were called", len(pairs)) % len(pairs)
    return _lying(pairs, (_("Source"), "p95"), said)


def _lying(pairs: Sequence[tuple[str, int, str]], head: tuple[str, str], said: str) -> Chart:
    """Return a chart of lying bars: a name, a length, and the length in words."""
    most = max((count for _name, count, _said in pairs), default=0) or 1
    bars, marks = [], []
    for number, (name, count, words) in enumerate(pairs):
        y = TOP + number * _ROW
        long = max(2.0, _BAR * count / most)
        bars.append(Bar(_NAMES, y, round(long, 1), _ROW - 12, "series-0", f"{name}: {words}"))
        marks.append(Mark(_NAMES - 10, y + 14, name if len(name) < 28 else name[:27] + "…"))
        marks.append(Mark(_NAMES + long + 8, y + 14, words))
    height = TOP + max(1, len(pairs)) * _ROW
    rows = [[name, words] for name, _count, words in pairs]
    return Chart(WIDTH, height, bars, marks, [], [], head, rows, said)


def _class(number: int, name: str) -> str:
    return "series-refused" if name == REFUSED else f"series-{min(number, _COLOURS - 1)}"


def _shown(name: str) -> str:
    return _("refused") if name == REFUSED else name


def _hour(hour: datetime) -> str:
    return f"{localtime(hour):%H}"


def _rounded(most: int) -> int:
    """Return the next number that an axis ends at well."""
    size = int(10 ** max(0, len(str(most)) - 1))
    return max(2, -(-most // size) * size)
