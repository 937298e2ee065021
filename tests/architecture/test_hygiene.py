"""What is committed holds anywhere: no machine's paths, no registry's name, locks with hashes."""

import ast
import re
import sys
import tomllib
from importlib.metadata import distributions, packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.architecture.tree import FLOORS, ROOT, files, text, tree

RUN, TESTS = Path("requirements.txt"), Path("tests/requirements.txt")
REGISTRY = re.compile(
    r"py[p]i\.o[r]g|pythonho[s]ted\.|registry\.n[p]mjs|de[b]\.debian\.|crate[s]\.io"
)
MACHINE = re.compile(r"(?<![\w./-])/(?:home|Users)/\w|(?<![\w./-])/ro[o]t/|(?<![\w./-])/wor[k]/\w")
PINNED = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[\w,-]+\])?==(\S+)", re.M)
# By which uv writes a lock for every platform, not for the one that it runs on.
UNIVERSAL = re.compile(r"^LOCK = uv pip compile (?=.*--universal )(?=.*--generate-hashes )", re.M)
# The wheel of the platform at hand and the source; a lock for others has more.
OF_ONE_PLATFORM = 2


def lock(path: Path) -> dict[str, tuple[str, int]]:
    """Return name -> (version, number of hashes)."""
    entries = re.split(r"\n(?=\S)", text(path).strip())
    found = ((PINNED.match(entry), entry.count("--hash=sha256:")) for entry in entries)
    return {
        canonicalize_name(match[1]): (match[2], hashes)
        for match, hashes in found
        if match is not None
    }


def compiled() -> set[str]:
    """Return the installed packages that are not pure Python."""
    wheels = ((each.name, each.read_text("WHEEL") or "") for each in distributions())
    return {canonicalize_name(name) for name, said in wheels if "Root-Is-Purelib: false" in said}


def test_nothing_names_a_registry() -> None:
    assert not [str(path) for path in files() if REGISTRY.search(text(path))]


def test_nothing_names_a_path_of_one_machine() -> None:
    assert not [f"{path}: {match[0]}" for path in files() if (match := MACHINE.search(text(path)))]


@pytest.mark.parametrize("path", [RUN, TESTS], ids=str)
def test_a_lock_pins_by_hash_and_names_no_index(path: Path) -> None:
    for line in text(path).splitlines():
        assert line.startswith("    --hash=sha256:") or PINNED.match(line), line
    assert "://" not in text(path)
    assert all(hashes for _, hashes in lock(path).values())


@pytest.mark.parametrize("path", [RUN, TESTS], ids=str)
def test_a_lock_is_made_for_every_platform(path: Path) -> None:
    """A hash does not tell of which wheel it is. What it is made by does, and that each package
    which is not pure Python has more hashes than one platform needs.
    """
    assert UNIVERSAL.search(text(Path("Makefile")).replace("\\\n", " "))
    held = lock(path)
    few = {name: held[name][1] for name in compiled() & set(held)
           if held[name][1] <= OF_ONE_PLATFORM}  # fmt: skip
    assert not few


def test_the_lock_for_tests_contains_the_lock_for_running() -> None:
    running, testing = lock(RUN), lock(TESTS)
    assert {name: testing.get(name) for name in running} == running


def test_the_locks_answer_what_the_project_asks_for() -> None:
    project = tomllib.loads(text(Path("pyproject.toml")))
    extras = dict(project["project"]["optional-dependencies"])
    asked = (
        (RUN, project["project"]["dependencies"]),
        (RUN, extras.pop("ldap")),
        (TESTS, project["dependency-groups"]["test"]),
        (TESTS, extras.pop("contract")),
    )
    assert not extras
    for path, lines in asked:
        held = lock(path)
        for wanted in map(Requirement, lines):
            version, _ = held.get(canonicalize_name(wanted.name), ("", 0))
            assert version in wanted.specifier, f"{path}: {wanted}, make lock"


def test_what_is_imported_is_asked_for() -> None:
    """What another package happens to bring may go with its next release."""
    project = tomllib.loads(text(Path("pyproject.toml")))["project"]
    extras = [each for lines in project["optional-dependencies"].values() for each in lines]
    asked = {canonicalize_name(Requirement(each).name)
             for each in [*project["dependencies"], *extras]}  # fmt: skip
    known = packages_distributions()
    for path in files():
        if path.suffix != ".py" or path.parts[0] not in FLOORS:
            continue
        for name in imported(tree(path)) - {*FLOORS, *sys.stdlib_module_names}:
            brought = {canonicalize_name(each) for each in known[name]}
            assert brought & asked, f"{path}: {name}"


def imported(parsed: ast.Module) -> set[str]:
    """Return the packages that a file imports, each by its first name."""
    found = set()
    for node in ast.walk(parsed):
        if isinstance(node, ast.Import):
            found |= {each.name.partition(".")[0] for each in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.partition(".")[0])
    return found


def test_the_readme_shows_how_to_see_it_and_how_to_test_it() -> None:
    for command in ("make demo", "make test"):
        assert re.search(rf"^ *(\$ )?{command}\b", text(Path("README.md")), re.M), command


def test_the_gate_can_be_run() -> None:
    for path in (".ci/run", "tests/peers/install", "tests/peers/with-services"):
        assert (ROOT / path).stat().st_mode & 0o111, path
