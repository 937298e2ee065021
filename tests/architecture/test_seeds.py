"""docs/seeds.md is complete and true: each arrow of the five seeds has its row, each test that a
row names exists, and each route that it names is served.
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest
from django.urls import Resolver404, resolve

from tests.architecture.tree import ROOT, text, tree
from tests.chart import mermaid

DOC = Path("docs/seeds.md")
DATA = Path("tests/architecture/data/seeds")
SEEDS = {
    "Go": mermaid.SEED.relative_to(ROOT),
    "MapStore": DATA / "mapstore.md",
    "Data Product Portal": DATA / "data-product-portal.md",
    "oCIS": DATA / "ocis.md",
    "ZMS": DATA / "zms.md",
}

_SEQUENCE = re.compile(r"``` ?mermaid\s*\nsequenceDiagram\n(.*?)(?:\n *```|\Z)", re.S)
_SHORTCODE = re.compile(
    r"\{\{< mermaid [^>]*>\}\}\nsequenceDiagram\n(.*?)\{\{< /mermaid >\}\}", re.S
)
_STEP = re.compile(r"^\s*(\w[\w ]*?)\s*-{1,2}(?:>>|>|\))[+-]?\s*(\w[\w ]*?)\s*:\s*(.*?)\s*$")
_ARROW = re.compile(r"-(?:>|\))")
_TEST = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")
_ROUTE = re.compile(r"`(/[^`\s]*)`")
_NOT_PORTED = "not ported, because "


@dataclass(frozen=True)
class Row:
    """A row of the page: the step as the seed draws it, what answers it here, what shows that."""

    seed: str
    number: str
    step: str
    here: str
    shown: str

    def __str__(self) -> str:
        return f"{self.seed} {self.number}"


def arrows(seed: str) -> list[str]:
    """Return each arrow of a seed in its order, as the page writes it."""
    quoted = text(SEEDS[seed])
    drawn = [*_SEQUENCE.findall(quoted), *_SHORTCODE.findall(quoted)]
    found = [_step(*match.groups()) for each in drawn for line in each.splitlines()
             if (match := _STEP.match(line))]  # fmt: skip
    if seed == "Go":
        found += sorted(f"{one} → {other}" for one, other in mermaid.edges())
    return found


@cache
def rows() -> list[Row]:
    """Return the rows of the page."""
    found, seed = [], ""
    for line in text(DOC).splitlines():
        if line.startswith("## "):
            seed = line[3:].strip()
        cells = [cell.strip() for cell in line.strip().strip("|").split(" | ")]
        if seed in SEEDS and line.startswith("|") and cells[0].isdigit():
            assert len(cells) == 4, line
            found.append(Row(seed, *cells))
    return found


def is_served(route: str) -> bool:
    """Tell whether the site has a route; `<name>` stands for any word, a query for nothing."""
    try:
        found = resolve(re.sub(r"<[^>]*>", "x", route.partition("?")[0]))
    except Resolver404:
        return False
    return found.func.__name__ != "catch_all_view"


def test_the_seeds_still_draw_what_we_built() -> None:
    counts = {seed: len(arrows(seed)) for seed in SEEDS}
    assert counts == {"Go": 26, "MapStore": 24, "Data Product Portal": 27, "oCIS": 21, "ZMS": 42}


@pytest.mark.parametrize("seed", [seed for seed in SEEDS if seed != "Go"])
def test_no_arrow_is_overlooked(seed: str) -> None:
    lines = [line for line in text(SEEDS[seed]).splitlines() if "Note" not in line]
    assert sum(bool(_ARROW.search(line)) for line in lines) == len(arrows(seed))


@pytest.mark.parametrize("seed", SEEDS)
def test_each_arrow_has_its_row_and_each_row_its_arrow(seed: str) -> None:
    own = [row for row in rows() if row.seed == seed]
    assert [row.step for row in own] == arrows(seed)
    assert [row.number for row in own] == [str(n) for n in range(1, len(own) + 1)]


def test_each_row_is_shown_by_a_test_or_says_why_not() -> None:
    silent = [str(row) for row in rows() if not _TEST.search(row.shown) and not _excused(row)]
    assert not silent


def test_each_test_that_is_named_exists() -> None:
    named = {match for row in rows() for match in _TEST.findall(row.shown)}
    assert not sorted(f"{path}::{name}" for path, name in named if name not in _tests(path))


def test_each_route_that_is_named_is_served() -> None:
    named = {(str(row), route) for row in rows() for route in _ROUTE.findall(row.here)}
    assert not sorted(pair for pair in named if not is_served(pair[1]))


def _excused(row: Row) -> bool:
    reason = row.shown.removeprefix(_NOT_PORTED) if row.shown.startswith(_NOT_PORTED) else ""
    return len(reason.split()) > 3


def _tests(path: str) -> set[str]:
    if not (ROOT / path).is_file():
        return set()
    nodes = ast.walk(tree(Path(path)))
    return {node.name for node in nodes if isinstance(node, ast.FunctionDef)}


def _step(one: str, other: str, said: str) -> str:
    said = re.sub(r"<br ?/?>", " ", said).replace("|", "/")
    return f"{one} → {other}: {' '.join(said.split())}".replace("<", "&lt;").replace(">", "&gt;")
