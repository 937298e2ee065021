"""docs/architecture.md 1 and 12: the layout is given, files and functions stay small, nothing is
left over.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import pytest

from tests.architecture.tree import FLOORS, code, files, templates, text, tree

GIVEN = {
    "manage.py", "pyproject.toml", "README.md", "portal", "accounts", "providers", "templates",
    "tests",
}  # fmt: skip
BESIDE = {
    "Makefile", "requirements.txt", ".ci", ".gitignore", ".gitattributes", ".editorconfig",
    ".pre-commit-config.yaml", ".dockerignore", "LICENSE", "CHANGELOG.md", "CONTRIBUTING.md",
    "SECURITY.md", "docs", "deploy",
}  # fmt: skip
FILE, PROVIDER, MEDIAN, FUNCTION = 400, 200, 100, 50
# Version 0.1 had 13,900. What is built since may add to it; what is written twice may not.
PRODUCT = 52_500
# Modules beside the packages of a floor.
LOOSE = {"accounts": 14, "portal": 5}
INLINE = re.compile(r"<script(?![^>]*\bsrc=)|<style|\sstyle\s*=|\son\w+\s*=|javascript:", re.I)
LEFT_OVER = re.compile(r"\b(TO" r"DO|FIX" r"ME|XX" r"X|HA" r"CK)\b")
SOURCES = {".py", ".html", ".txt", ".js", ".css", ".md", ".toml", ".sh", ".yml", ".yaml", ""}


def lines(path: Path) -> int:
    return text(path).count("\n")


def is_quoted(path: Path) -> bool:
    """Tell whether a file holds somebody else's words, for the tests to read."""
    return path.parts[0] == "tests" and "data" in path.parts


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(tree(path)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield node


def test_the_top_level_is_the_given_one() -> None:
    found = {path.parts[0] for path in files()}
    assert not found - GIVEN - BESIDE
    assert not GIVEN - found


def limit(path: Path) -> int:
    is_provider = path.parts[0] == "providers" and path.name == "provider.py"
    return PROVIDER if is_provider else FILE


def test_no_file_is_long() -> None:
    assert not {str(path): lines(path) for path in code() if lines(path) > limit(path)}


@pytest.mark.parametrize("floor", LOOSE)
def test_few_modules_lie_loose_on_a_floor(floor: str) -> None:
    loose = [path.name for path in code() if path.parent == Path(floor)]
    assert len(set(loose) - {"__init__.py"}) <= LOOSE[floor], sorted(loose)


def test_the_median_file_is_short() -> None:
    assert median(lines(path) for path in code() if lines(path)) < MEDIAN


def test_the_product_is_small() -> None:
    counted = sum(
        lines(path) for path in code() if path.parts[0] in FLOORS and path.parts[0] != "tests"
    )
    assert counted < PRODUCT, f"{counted} lines of code, without migrations and tests"


def test_no_function_is_long() -> None:
    long = {
        f"{path}:{node.lineno} {node.name}": (node.end_lineno or node.lineno) - node.lineno + 1
        for path in code()
        for node in functions(path)
        if (node.end_lineno or node.lineno) - node.lineno + 1 > FUNCTION
    }
    assert not long


def test_whoever_catches_everything_says_why() -> None:
    found = [
        f"{path}:{node.lineno}"
        for path in code()
        for node in ast.walk(tree(path))
        if isinstance(node, ast.ExceptHandler)
        and (node.type is None or getattr(node.type, "id", "") in {"Exception", "BaseException"})
        and "#" not in text(path).splitlines()[node.lineno - 1]
    ]
    assert not found


def test_no_template_has_inline_script_or_style() -> None:
    found = [
        f"{path}:{number}: {line.strip()}"
        for path in templates()
        for number, line in enumerate(text(path).splitlines(), 1)
        if INLINE.search(line)
    ]
    assert not found


def test_nothing_is_left_over() -> None:
    found = [
        f"{path}:{number}: {line.strip()}"
        for path in files()
        if path.suffix in SOURCES and path.name != "LICENSE" and not is_quoted(path)
        for number, line in enumerate(text(path).splitlines(), 1)
        if LEFT_OVER.search(line)
    ]
    assert not found
