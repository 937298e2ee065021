"""What people read of the tree: comments, docstrings, pages, and the names of tests."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

from tests.architecture.test_sizes import is_quoted
from tests.architecture.tree import files, text, tree

READ = {".css", ".html", ".js", ".md", ".mjs", ".py", ".sh", ".toml", ".txt", ""}
# Where nothing of the tree is cited: a licence, locks, and what speaks of the past.
UNREAD = {"CHANGELOG.md", "LICENSE", "requirements.txt"}
_COMMENT = re.compile(r"(?:^ *|  )# ?(.*)$", re.M)


@cache
def citing() -> tuple[Path, ...]:
    """Return the files in which something may be cited."""
    return tuple(
        path
        for path in files()
        if path.suffix in READ and path.name not in UNREAD and not is_quoted(path)
    )


@cache
def prose(path: Path) -> str:
    """Return the comments and docstrings of code, and the whole of any other file."""
    if path.suffix not in {".py", ".toml"}:
        return text(path)
    comments = _COMMENT.findall(text(path))
    if path.suffix == ".toml":
        return "\n".join(comments)
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    nodes = (node for node in ast.walk(tree(path)) if isinstance(node, documented))
    return "\n".join([*(ast.get_docstring(node) or "" for node in nodes), *comments])


@cache
def names_of_tests(path: Path) -> tuple[str, ...]:
    """Return the names of the tests of a Python file."""
    nodes = ast.walk(tree(path)) if path.suffix == ".py" else ()
    named = (node.name for node in nodes if isinstance(node, ast.FunctionDef))
    return tuple(name for name in named if name.startswith("test_"))
