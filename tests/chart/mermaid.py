"""Reads the edges of the one flowchart in tests/chart/data/go.md."""

from __future__ import annotations

import itertools
import re
from pathlib import Path

SEED = Path(__file__).parent / "data" / "go.md"
_ARROW = re.compile(r"-{2,}>")


def edges() -> frozenset[tuple[str, str]]:
    """Return the arrows of the chart as pairs of node names."""
    text = SEED.read_text()
    chart = re.search(r"```mermaid\nflowchart TD\n(.*?)```", text, re.S)
    assert chart, "the seed has lost its chart"
    bare = re.sub(r"\[[^\]]*\]|\{[^}]*\}|\|[^|]*\|", "", chart[1])
    bare = re.sub(r"(-{2,}>)\s*\n\s*", r"\1 ", bare)
    found = set()
    for line in bare.splitlines():
        names = [name.strip() for name in _ARROW.split(line) if name.strip()]
        found |= set(itertools.pairwise(names))
    return frozenset(found)
