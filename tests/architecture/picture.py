"""Draws docs/pictures/architecture.svg from the imports: python -m tests.architecture.picture

Rooms are boxes, floors are bands, and an arrow is an import. An import that other arrows say as
well has no arrow of its own. The same imports give the same picture, byte for byte.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from html import escape
from itertools import pairwise
from math import inf

from tests.architecture.rooms import Room, edges, needed, rows
from tests.architecture.tree import ROOT

PICTURE = ROOT / "docs" / "pictures" / "architecture.svg"
WIDTH, LEFT, ROW, BOX, TOP = 960, 110, 62, 30, 20
LETTER, PADDING, LANE, GAP, SWEEPS = 7.4, 26, 14, 20, 24
BANDS = {"portal": "#e8f0f0", "providers": "#f6efe2", "accounts": "#eceaf4"}
STYLE = """
text { font: 13px system-ui, sans-serif; fill: #1d2529; text-anchor: middle; }
.floor { font-weight: 600; text-anchor: start; }
.room { fill: #fff; stroke: #1b4d4f; stroke-width: 1.2; }
.arrow { fill: none; stroke: #5b6b73; stroke-width: 1.2; marker-end: url(#head); }
""".strip()


@dataclass(eq=False)
class Stop:
    """A place in a row: a room, or where a long arrow passes (`room` is None)."""

    row: int
    room: Room | None = None
    x: float = 0.0
    above: list[Stop] = field(default_factory=list)
    below: list[Stop] = field(default_factory=list)

    @property
    def width(self) -> float:
        return len(self.room.name) * LETTER + PADDING if self.room else LANE

    @property
    def y(self) -> float:
        return TOP + self.row * ROW + (ROW - BOX) / 2


def laid_out() -> tuple[list[list[Stop]], list[list[Stop]]]:
    """Return the stops of each row, and each arrow as the stops that it leads over."""
    grid = [[Stop(number, room) for room in row] for number, row in enumerate(rows())]
    stops = {stop.room: stop for row in grid for stop in row}
    arrows = []
    for source, target in needed(edges()):
        first, last = stops[source], stops[target]
        lanes = [Stop(number) for number in range(first.row + 1, last.row)]
        arrows.append([first, *lanes, last])
        for lane in lanes:
            grid[lane.row].append(lane)
        for upper, lower in pairwise(arrows[-1]):
            upper.below.append(lower)
            lower.above.append(upper)
    for row in grid:
        _spread(row)
    for sweep in range(SWEEPS):
        for row in grid if sweep % 2 else reversed(grid):
            _settle(row, {stop: _wanted(stop, upwards=bool(sweep % 2)) for stop in row})
    return grid, arrows


def _wanted(stop: Stop, *, upwards: bool) -> float:
    near = (stop.above if upwards else stop.below) or stop.above or stop.below
    return sum(each.x for each in near) / len(near) if near else stop.x


def _spread(row: list[Stop]) -> None:
    """Share what is free of the row's width among its stops, in their order."""
    gap = (WIDTH - LEFT - sum(stop.width for stop in row)) / (len(row) + 1)
    at = LEFT + gap
    for stop in row:
        stop.x = at + stop.width / 2
        at += stop.width + gap


def _settle(row: list[Stop], wanted: dict[Stop, float]) -> None:
    """Put each stop as near to where it is wanted as its neighbours allow."""
    row.sort(key=wanted.__getitem__)
    right = _pushed_right(row, wanted, -inf)
    left = _pushed_left(row, wanted, inf)
    middle = {stop: (right[stop] + left[stop]) / 2 for stop in row}
    within = _pushed_left(row, _pushed_right(row, middle, LEFT), WIDTH - GAP)
    for stop in row:
        stop.x = within[stop]


def _pushed_right(row: list[Stop], wanted: dict[Stop, float], free: float) -> dict[Stop, float]:
    """Push to the right what overlaps, or begins before `free`."""
    found = {}
    for stop in row:
        found[stop] = max(wanted[stop], free + stop.width / 2)
        free = found[stop] + stop.width / 2 + GAP
    return found


def _pushed_left(row: list[Stop], wanted: dict[Stop, float], free: float) -> dict[Stop, float]:
    """Push to the left what overlaps, or ends after `free`."""
    mirrored = {stop: -wanted[stop] for stop in row}
    return {stop: -x for stop, x in _pushed_right(row[::-1], mirrored, -free).items()}


def _port(stop: Stop, other: Stop, *, upper: bool) -> float:
    """Return where along a box an arrow begins or ends, in the order of its other ends."""
    if stop.room is None:
        return stop.x
    beside = sorted(stop.below if upper else stop.above, key=lambda each: each.x)
    step = min(14.0, (stop.width - 16) / len(beside))
    return stop.x + (beside.index(other) - (len(beside) - 1) / 2) * step


def _path(arrow: list[Stop]) -> str:
    said = ""
    for upper, lower in pairwise(arrow):
        x, y = _port(upper, lower, upper=True), upper.y + BOX
        to_x, to_y = _port(lower, upper, upper=False), lower.y
        bend = (to_y - y) / 2
        said += f"M{x:.0f} {y:.0f}" if not said else f"L{x:.0f} {y:.0f}"
        said += f"C{x:.0f} {y + bend:.0f} {to_x:.0f} {to_y - bend:.0f} {to_x:.0f} {to_y:.0f}"
    return f'<path class="arrow" d="{said}"/>'


def _band(floor: str, grid: list[list[Stop]]) -> str:
    own = [stop.row for row in grid for stop in row if stop.room and stop.room.floor == floor]
    y, height = TOP + min(own) * ROW, (max(own) - min(own) + 1) * ROW
    return (
        f'<rect x="0" y="{y}" width="{WIDTH}" height="{height}" fill="{BANDS[floor]}"/>\n'
        f'<text class="floor" x="14" y="{y + 26}">{floor}/</text>'
    )


def _box(stop: Stop) -> str:
    assert stop.room
    x, width = stop.x - stop.width / 2, stop.width
    return (
        f'<rect class="room" x="{x:.0f}" y="{stop.y:.0f}" width="{width:.0f}" height="{BOX}"'
        f' rx="5"/>\n<text x="{stop.x:.0f}" y="{stop.y + 20:.0f}">{escape(stop.room.name)}</text>'
    )


def draw() -> str:
    """Return the picture as SVG 1.1."""
    grid, arrows = laid_out()
    height = 2 * TOP + len(grid) * ROW
    return "\n".join([
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img">',
        "<title>The rooms of Vestibule, and the imports between them: all point down</title>",
        f"<style>\n{STYLE}\n</style>",
        '<marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7"'
        ' orient="auto"><path d="M0 0L8 4L0 8z" fill="#5b6b73"/></marker>',
        f'<rect width="{WIDTH}" height="{height}" fill="#fff"/>',
        *(_band(floor, grid) for floor in BANDS),
        *(_path(arrow) for arrow in arrows),
        *(_box(stop) for row in grid for stop in row if stop.room),
        "</svg>\n",
    ])  # fmt: skip


if __name__ == "__main__":
    PICTURE.write_text(draw())
