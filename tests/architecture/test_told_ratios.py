"""docs/scale.md and docs/performance.md say which rows of the last count miss what was aimed at."""

from __future__ import annotations

import re
from pathlib import Path

from tests.architecture.tree import text

GOAL = 1.2
WORDS = {"nine": 9}


def ratios() -> list[str]:
    """Return the last column of the table of what was counted."""
    table = text(Path("docs/scale.md")).partition("| ratio |")[2].partition("\n\n")[0]
    return re.findall(r"\| (\d+\.\d\d) \|$", table, re.M)


def test_each_ratio_that_misses_the_goal_is_told_and_no_other() -> None:
    missed = [each for each in ratios() if float(each) > GOAL]
    (told,) = re.findall(r"These exceed it (.*?)\n\n", text(Path("docs/scale.md")), re.S)
    assert sorted(re.findall(r"\d\.\d\d", told)) == sorted(missed)
    assert f"The other {len(ratios()) - len(missed)} of the {len(ratios())} keep it" in told
    (nine,) = re.findall(r"(\w+) of thirty rows cost more", text(Path("docs/performance.md")))
    assert WORDS[nine] == len(missed)
