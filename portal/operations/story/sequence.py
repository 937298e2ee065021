"""Where the parts of a sequence diagram stand. The template writes them as SVG.

All lengths are in the units of the picture, whose width is always `WIDTH`.
"""

from dataclasses import dataclass
from textwrap import wrap

from portal.operations.story.reading import Line, Story

WIDTH, MARGIN, HEAD, ROW = 960, 110, 78, 54
# Where the names stand in their boxes, one line or two.
_LINES: dict[int, tuple[int, ...]] = {1: (38,), 2: (28, 47)}
# The widths of a letter of what is said, and of the smaller detail below it.
_LETTER, _SMALL, _BOLD = 7.2, 6.7, 8.4
_LOOP, _TIP, _NARROW = 34, 8, 22


@dataclass(frozen=True, slots=True)
class Party:
    """A column: the box with a name in one or two `lines`, each with its height, and the line below
    it.
    """

    lines: tuple[tuple[int, str], ...]
    full: str
    x: int
    box: int
    width: int


@dataclass(frozen=True, slots=True)
class Arrow:
    """A row: its path and tip, and two lines of text at `text_x`, aligned by `anchor`."""

    number: int
    path: str
    tip: str
    cross: str
    text_x: int
    y: int
    below: int
    anchor: str
    said: str
    detail: str
    failed: bool


@dataclass(frozen=True, slots=True)
class Drawing:
    """A whole diagram."""

    width: int
    height: int
    foot: int
    parties: list[Party]
    arrows: list[Arrow]


def draw(story: Story) -> Drawing:
    """Return the diagram of a story."""
    span = (WIDTH - 2 * MARGIN) / max(1, len(story.parties) - 1)
    place = {
        key: round(MARGIN + number * span) if len(story.parties) > 1 else WIDTH // 2
        for number, (key, _name) in enumerate(story.parties)
    }
    width = round(min(span - 16, 200)) if len(story.parties) > 1 else 200
    parties = [
        Party(_named(name, width - 16), name, place[key], place[key] - width // 2, width)
        for key, name in story.parties
    ]
    arrows = [_arrow(number, line, place) for number, line in enumerate(story.lines)]
    height = HEAD + ROW * len(arrows) + 24
    return Drawing(WIDTH, height, height - 8, parties, arrows)


def _arrow(number: int, line: Line, place: dict[str, int]) -> Arrow:
    y = HEAD + ROW * number + 34
    start, end = place[line.sender], place[line.receiver]
    if start == end:
        return _loop(number, line, start, y)
    way = 1 if end > start else -1
    room = abs(end - start) - 24
    tip = f"{end},{y} {end - way * _TIP},{y - 5} {end - way * _TIP},{y + 5}"
    middle = (start + end) // 2
    return Arrow(
        number=number + 1,
        path=f"M{start} {y}H{end - way * _TIP}",
        tip=tip,
        cross=_cross(end - way * _NARROW, y) if line.failed else "",
        text_x=middle,
        y=y - 8,
        below=y + 16,
        anchor="middle",
        said=_cut(_with_time(line), room, _LETTER),
        detail=_shortened(line.detail, room, _SMALL),
        failed=line.failed,
    )


def _loop(number: int, line: Line, x: int, y: int) -> Arrow:
    """Return a step that a party does by itself, told where there is room."""
    way = 1 if x < WIDTH * 0.6 else -1
    out = x + way * _LOOP
    text_x = out + way * 10
    room = (WIDTH - text_x if way > 0 else text_x) - 8
    return Arrow(
        number=number + 1,
        path=f"M{x} {y - 12}H{out}V{y + 6}H{x + way * _TIP}",
        tip=f"{x},{y + 6} {x + way * _TIP},{y + 1} {x + way * _TIP},{y + 11}",
        cross=_cross(out, y - 3) if line.failed else "",
        text_x=text_x,
        y=y - 4,
        below=y + 13,
        anchor="start" if way > 0 else "end",
        said=_cut(_with_time(line), room, _LETTER),
        detail=_shortened(line.detail, room, _SMALL),
        failed=line.failed,
    )


def _named(name: str, room: float) -> tuple[tuple[int, str], ...]:
    """Return a name in two lines, where one does not hold it; what is too long for both is cut."""
    most = max(4, int(room / _BOLD))
    first, *rest = wrap(name, most) or [""]
    lines = [first, _cut(" ".join(rest), room, _BOLD)] if rest else [first]
    return tuple(zip(_LINES[len(lines)], lines, strict=True))


def _with_time(line: Line) -> str:
    return f"{line.said} · {line.took}" if line.took else line.said


def _cross(x: int, y: int) -> str:
    return f"M{x - 6} {y - 6}l12 12m0 -12l-12 12"


def _shortened(text: str, room: float, letter: float) -> str:
    """Cut out the middle: of an address the end says more than the way to it."""
    most = max(8, int(room / letter))
    if len(text) <= most:
        return text
    return f"{text[: most // 3].rstrip()}…{text[len(text) - (most - most // 3) + 1 :]}"


def _cut(text: str, room: float, letter: float) -> str:
    most = max(4, int(room / letter))
    return text if len(text) <= most else text[: most - 1].rstrip() + "…"
