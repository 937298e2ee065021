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
    yield from ((line, name) for line, name, _ in _imports(tree(path), path))


def used(path: Path) -> list[tuple[int, str]]:
    """Return (line, dotted name) of all that a file imports or reaches by what it imports."""
    return references(tree(path), path)


def references(module: ast.Module, path: Path) -> list[tuple[int, str]]:
    """Return (line, dotted name) of each import of `module` and each name that it reaches by one.

    `from a import b as c; c.d()` uses `a.b` and `a.b.d`, whether it calls it or hands it on. What a
    module of ours has imported itself goes by its own name: `portal.door.leaving.auth.logout` is
    `django.contrib.auth.logout`. `path` is where the module stands, for relative imports.
    """
    known = _aliases(module, path)
    found = {(line, name) for line, name, _ in _imports(module, path)}
    for node in ast.walk(module):
        first, *rest = _chain(node)
        for target in known.get(first, ()):
            found.add((getattr(node, "lineno", 0), ".".join((target, *rest))))
    return sorted({(line, own) for line, name in found for own in (name, _own_name(name))})


def _imports(module: ast.Module, path: Path) -> Iterator[tuple[int, str, str]]:
    """Yield (line, dotted name, the name it has here) of each import."""
    for node in ast.walk(module):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name, alias.asname or ""
        elif isinstance(node, ast.ImportFrom):
            here = path.with_suffix("").parts
            base = ".".join(here[: len(here) - node.level]) if node.level else ""
            origin = ".".join(filter(None, (base, node.module)))
            for alias in node.names:
                yield node.lineno, f"{origin}.{alias.name}", alias.asname or alias.name


def _aliases(module: ast.Module, path: Path) -> dict[str, set[str]]:
    """Return what each name stands for that an import binds: `import a.b` binds `a`."""
    known: dict[str, set[str]] = {}
    for _, name, alias in _imports(module, path):
        first = name.partition(".")[0]
        known.setdefault(alias or first, set()).add(name if alias else first)
    return known


def _chain(node: ast.AST) -> list[str]:
    """Return `a`, `b`, `c` of the expression `a.b.c`; an empty name for any other."""
    names: list[str] = []
    while isinstance(node, ast.Attribute):
        names.append(node.attr)
        node = node.value
    return [node.id, *reversed(names)] if isinstance(node, ast.Name) else [""]


def is_module(name: str) -> bool:
    """Tell whether a dotted name is a module or a package of ours."""
    return _module(tuple(name.split("."))) is not None


def _own_name(name: str) -> str:
    """Return a dotted name without the detour by a module of ours that only imports it."""
    parts = name.split(".")
    for length in range(len(parts) - 1, 0, -1):
        path = _module(tuple(parts[:length]))
        if path is None:
            continue
        targets = _known(path).get(parts[length], set()) - {".".join(parts[: length + 1])}
        return _own_name(".".join((min(targets), *parts[length + 1 :]))) if targets else name
    return name


@cache
def _known(path: Path) -> dict[str, set[str]]:
    return _aliases(tree(path), path)


@cache
def _module(parts: tuple[str, ...]) -> Path | None:
    """Return the file of a module or package of ours."""
    named = (Path(*parts).with_suffix(".py"), Path(*parts, "__init__.py"))
    return next((path for path in named if path in files()), None)
