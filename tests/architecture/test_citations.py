"""What the tree cites is in the tree: files, modules, sections; and pages name served routes."""

from __future__ import annotations

import re
from pathlib import Path

from tests.architecture.prose import citing, prose
from tests.architecture.test_seeds import is_served
from tests.architecture.tree import FLOORS, ROOT, files, text

# What docs/providers.md tells its reader to make.
EXAMPLES = {
    "tests/test_guild.py",
    "providers/guild/apps.py",
    "providers/guild/provider.py",
    "tests/contract/test_guild.py",
}
FOLDERS = {"docs", "reference", "seeds", "templates", "tests", *FLOORS}
# How a route of this site begins, for who meets one of another site's as well.
_OURS = (
    r"/(?:account|admin|device|healthz|metrics|readyz)\b(?!-)"
    r"(?:/(?:[\w.-]+|<\w+>(?:\.\w+)?))*/?"
)
_BELOW = (
    r"/(?:api|auth|gateway|i18n|oauth|openid|session|users|\.well-known)(?:/(?:[\w.-]+|<\w+>))+/?"
)

_FILE = re.compile(
    r"(?<![\w./:<@-])((?:[\w.-]+/)*[\w.-]+\.(?:css|html|js|md|mjs|png|py|sh|svg|toml|txt))\b(?!\.\w)"
)
_FOLDER = re.compile(rf"`((?:{'|'.join(FOLDERS)})(?:/[\w-]+)*)/`")
_MODULE = re.compile(rf"`((?:{'|'.join(FLOORS)})(?:\.\w+)+)(?:\(\))?`")
_NUMBER = r"\d+(?:\.\d+)?"
_SECTIONS = re.compile(
    rf"\b(docs/[\w-]+\.md),?\s+({_NUMBER}(?:(?:,\s+|\s+and\s+|\s+to\s+){_NUMBER}(?![\w-]))*)"
)
_HEADING = re.compile(rf"^#+ ({_NUMBER})\.? ", re.M)
_ROUTE = re.compile(rf"(?:(https?://[^/\s`)]+|<site>)|(?<![\w.:/]))({_OURS}|{_BELOW})")


def test_each_file_that_is_cited_exists() -> None:
    known = {str(path) for path in files()}
    alone = {path.name for path in files()}
    missing = [
        f"{path}: {name}"
        for path in citing()
        for name in set(_FILE.findall(prose(path))) - known - EXAMPLES
        if (name.split("/")[0] in FOLDERS and "/" in name) or name.endswith(".md")
        if name not in alone and not (ROOT / path.parent / name).is_file()
    ]
    assert not missing


def test_each_folder_that_is_cited_exists() -> None:
    known = {str(folder) for path in files() for folder in path.parents}
    missing = [
        f"{path}: {name}" for path in citing() for name in set(_FOLDER.findall(prose(path))) - known
    ]
    assert not missing


def test_each_module_that_is_cited_exists() -> None:
    missing = [
        f"{path}: {name}"
        for path in citing()
        for name in _MODULE.findall(prose(path))
        if not _is_there(name.split("."))
    ]
    assert not missing


def test_each_section_that_is_cited_exists() -> None:
    missing = [
        f"{path}: {page} {number}"
        for path in citing()
        for page, numbers in _SECTIONS.findall(prose(path))
        for number in re.findall(_NUMBER, numbers)
        if number not in _HEADING.findall(text(Path(page)) if Path(page) in files() else "")
    ]
    assert not missing


def test_pages_name_no_route_that_is_not_served() -> None:
    unserved = [
        f"{path}: {route}"
        for path in files()
        if path.suffix == ".md" and (path.parts[0] == "docs" or path.name == "README.md")
        for host, route in _ROUTE.findall(text(path))
        if host in {"", "<site>", "http://localhost:8000"} and not is_served(route.rstrip("."))
    ]
    assert not unserved


def _is_there(parts: list[str]) -> bool:
    """Tell whether a dotted name is a module of ours, or a name that stands in one."""
    for length in range(len(parts), 0, -1):
        place = Path(*parts[:length])
        for path in (place.with_suffix(".py"), place / "__init__.py"):
            if path in files():
                return bool(
                    re.search(rf"\b{parts[min(length, len(parts) - 1)]}\b", text(path))
                ) or (length == len(parts))
    return False
