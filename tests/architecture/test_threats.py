"""docs/threats.md explains each code that the tree cites, and no other.

A code names an attack, a weakness, a row or a case. It stands in a comment or a docstring, in the
name of a test (`test_w4_...`), or at the start of a parameter's id (`J01 alg None`).
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.architecture.prose import citing, names_of_tests, prose
from tests.architecture.tree import text, tree

PAGE = Path("docs/threats.md")
ATTACKS, GO, MAPSTORE, ZMS = "1", "2.10", "3.4", "4.2"
# Whose weaknesses W1, W2 ... are, by where they are cited; everywhere else they are Go's.
WEAKNESSES = {"tests/http/officials/": ZMS, "tests/http/tokens/test_weaknesses.py": MAPSTORE}

_CODE = r"[BCDEHIJRSTUX]\d\d|W\d{1,2}"
_CITED = re.compile(rf"\b({_CODE})(?:\s+to\s+({_CODE}))?\b(?!;)")
_TABLED = re.compile(rf"^\| ({_CODE}|\d+) \|", re.M)
_NAMED = re.compile(r"^test_((?:[bcdehijrstux]\d\d_|w\d{1,2}_)+)")
_NUMBERED = re.compile(r"^test_(\d+)_")


@cache
def table(number: str) -> set[str]:
    """Return the codes of the table in a section of the page."""
    parts = re.split(r"^#+ (\d+(?:\.\d+)?)\.? .*$", text(PAGE), flags=re.M)
    return set(_TABLED.findall(dict(zip(parts[1::2], parts[2::2], strict=True))[number]))


def codes(path: Path) -> Iterator[str]:
    """Yield each code that a file cites."""
    for first, last in _CITED.findall(prose(path)):
        yield from _range(first, last or first)
    for name in names_of_tests(path):
        if named := _NAMED.match(name):
            yield from named[1].upper().strip("_").split("_")
    for node in ast.walk(tree(path)) if path.suffix == ".py" else ():
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield from re.findall(rf"^({_CODE}) [\w,]", node.value)


@cache
def cited() -> frozenset[tuple[str, str]]:
    """Return (section, code) of each code that is cited anywhere but on the page itself."""
    return frozenset(_cited())


def _cited() -> Iterator[tuple[str, str]]:
    for path in citing():
        own = next((n for start, n in WEAKNESSES.items() if str(path).startswith(start)), GO)
        for code in codes(path) if path != PAGE else ():
            yield (own if code.startswith("W") else ATTACKS), code
        if own == MAPSTORE:
            yield from ((own, n) for name in names_of_tests(path) for n in _NUMBERED.findall(name))


@pytest.mark.parametrize("number", [ATTACKS, GO, MAPSTORE, ZMS])
def test_each_code_that_is_cited_is_explained_and_no_other(number: str) -> None:
    assert table(number) == {code for section, code in cited() if section == number}


@pytest.mark.parametrize(("word", "number"), [("row", "2.8"), ("case", "2.9")])
def test_each_row_and_case_that_a_test_names_is_explained(word: str, number: str) -> None:
    found = re.compile(rf"_{word}_(\d+)(?:_and_(\d+))?")
    names = (name for path in citing() for name in names_of_tests(path))
    assert {n for name in names for ns in found.findall(name) for n in ns if n} <= table(number)


def _range(first: str, last: str) -> list[str]:
    numbers = range(int(first[1:]), int(last[1:]) + 1)
    return [f"{first[0]}{number:0{len(first) - 1}}" for number in numbers]


@pytest.mark.parametrize("number", [ATTACKS, GO, MAPSTORE, ZMS])
def test_each_code_has_one_meaning(number: str) -> None:
    parts = re.split(r"^#+ (\d+(?:\.\d+)?)\.? .*$", text(PAGE), flags=re.M)
    rows = _TABLED.findall(dict(zip(parts[1::2], parts[2::2], strict=True))[number])
    assert len(rows) == len(set(rows)), [each for each in set(rows) if rows.count(each) > 1]
