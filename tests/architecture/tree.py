"""The tree that the tests of this folder walk: what git knows and what it would add."""

from __future__ import annotations

import ast
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
FLOORS = ("accounts", "providers", "portal")
SANDBOX = Path("tests/sandbox")


@cache
def files() -> tuple[Path, ...]:
    """Return each file of the project, relative to its root."""
    listed = subprocess.run(
        [
            "git",
            "-c",
            "safe.directory=*",
            "ls-files",
            "--cached",
            "--others",
            "--exclude-standard",
            "-z",
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    named = (Path(name) for name in sorted(listed.stdout.split("\0")) if name)
    return tuple(path for path in named if (ROOT / path).is_file())


@cache
def text(path: Path) -> str:
    """Return what a file says; nothing for one that is not text."""
    try:
        return (ROOT / path).read_text()
    except UnicodeDecodeError:
        return ""


@cache
def tree(path: Path) -> ast.Module:
    """Return a Python file's syntax tree."""
    return ast.parse(text(path), str(path))


def code() -> Iterator[Path]:
    """Yield each Python file of the product and the sandbox.

    Migrations aside: Django writes those.
    """
    for path in files():
        if path.suffix == ".py" and _is_held(path) and "migrations" not in path.parts:
            yield path


def templates() -> Iterator[Path]:
    """Yield each template."""
    for path in files():
        if "templates" in path.parts[:-1] and _is_held(path):
            yield path


def _is_held(path: Path) -> bool:
    """Tell whether a file is held to the rules of the product: the tests are not."""
    return path.parts[0] != "tests" or path.is_relative_to(SANDBOX)


def imported(path: Path) -> Iterator[tuple[int, str]]:
    """Yield (line, name) of all that a file imports, `from a import b` as `a.b`."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom):
            here = path.with_suffix("").parts
            base = ".".join(here[: len(here) - node.level]) if node.level else ""
            module = ".".join(filter(None, (base, node.module)))
            for alias in node.names:
                yield node.lineno, f"{module}.{alias.name}"
