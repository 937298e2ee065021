"""docs/scale.md and docs/performance.md say which rows of the last count miss what was aimed at."""

from __future__ import annotations

import re
from pathlib import Path

from tests.architecture.tree import text

GOAL = 1.2
RATIO = re.compile(r"\d+\.\d\d")
UNITS = ["none", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"]
WORDS = dict(zip(UNITS, range(11), strict=True)) | {
    f"thirty{after}": 30 + number
    for number, after in enumerate(["", *(f"-{each}" for each in UNITS[1:10])])
}


def rows(page: str) -> tuple[list[str], list[str]]:
    """Return the last column of the table of what was counted, and apart from it that of the rows
    whose footnote says that they are the worst case.
    """
    table = page.partition("| ratio |")[2].partition("\n\n")[0]
    found = re.findall(r"^\| (.+?) \|.* (\d+\.\d\d) \|$", table, re.M)
    marks = re.findall(r"^(\S) The worst case", page, re.M)
    apart = [ratio for label, ratio in found if label.endswith(tuple(marks))]
    return [ratio for label, ratio in found if not label.endswith(tuple(marks))], apart


def test_each_ratio_that_misses_the_goal_is_told_and_no_other() -> None:
    page = text(Path("docs/scale.md"))
    counted, worst = rows(page)
    assert counted
    missed = [each for each in counted if float(each) > GOAL]
    (closing,) = re.findall(r"^The goal was a ratio of 1\.2 .*?\n\n", page, re.S | re.M)
    told, _, told_apart = " ".join(closing.split()).partition("worst case")
    assert sorted(RATIO.findall(told)) == sorted(missed)
    assert sorted(RATIO.findall(told_apart)) == sorted(worst)
    kept = f"The other {len(counted) - len(missed)} of the {len(counted)} keep it"
    assert (kept if missed else f"All {len(counted)} keep it") in told
    (few, all_of_them) = re.findall(
        r"(\S+) of (\S+) rows costs? more", text(Path("docs/performance.md"))
    )[0]
    assert WORDS[few.lower()] == len(missed)
    assert WORDS[all_of_them] == len(counted)
