"""DESIGN.md 1: stairs go down only, HTTP ends at the door, and the vocabulary stands alone."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture.tree import FLOORS, ROOT, code, files, imported, tree

VOCABULARY = (Path("accounts/provider.py"), Path("accounts/errors.py"))
# Where HTTP may be seen below the roof.
HTTP_BELOW = {Path("accounts/middleware.py")}
# What a provider leaves to the generic pages.
NOT_A_PROVIDERS = {"urls.py", "views.py", "models.py", "admin.py", "forms.py"}


def providers() -> list[Path]:
    return sorted({Path(*path.parts[:2]) for path in code() if len(path.parts) > 2
                   and path.parts[0] == "providers"})  # fmt: skip


def test_import_linter_keeps_every_contract() -> None:
    command = [Path(sys.executable).with_name("lint-imports"), "--no-cache", "--no-logo"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("path", VOCABULARY, ids=str)
def test_the_vocabulary_imports_the_standard_library_only(path: Path) -> None:
    own = tuple(".".join(each.with_suffix("").parts) for each in VOCABULARY)
    foreign = [
        f"{path}:{line} imports {name}"
        for line, name in imported(path)
        if name.split(".")[0] not in sys.stdlib_module_names and not name.startswith(own)
    ]
    assert not foreign


def test_http_ends_at_the_portal_and_one_middleware() -> None:
    found = [
        f"{path}:{line} imports {name}"
        for path in code()
        if path.parts[0] in {"accounts", "providers"} and path not in HTTP_BELOW
        for line, name in imported(path)
        if name.startswith(("django.http", "django.urls", "django.shortcuts", "rest_framework"))
    ]
    assert not found


def test_only_the_door_signs_in_and_out_by_django() -> None:
    found = [
        f"{path}:{line} imports {name}"
        for path in code()
        if path.parent != Path("portal/door")
        for line, name in imported(path)
        if name in {"django.contrib.auth.login", "django.contrib.auth.logout"}
    ]
    assert not found


def test_only_the_door_calls_the_use_cases_that_begin_and_end_a_session() -> None:
    found = [
        f"{path}:{line} imports {name}"
        for path in code()
        if path.parts[0] == "portal" and path.parent != Path("portal/door")
        for line, name in imported(path)
        if name in {"accounts.login.sign_in.sign_in", "accounts.logout.chart.sign_out"}
    ]
    assert not found


def test_nothing_is_steered_by_signals() -> None:
    found = [
        f"{path}:{line} imports {name}"
        for path in code()
        for line, name in imported(path)
        if ".signals." in name or name.startswith("django.dispatch")
    ]
    assert not found


@pytest.mark.parametrize("folder", providers(), ids=lambda folder: folder.name)
def test_a_provider_is_a_folder_that_offers_itself(folder: Path) -> None:
    names = {path.name for path in files() if path.is_relative_to(folder)}
    assert names >= {"apps.py", "provider.py"}
    assert not names & NOT_A_PROVIDERS
    assert not [path for path in files() if path.is_relative_to(folder / "templates")]
    assert _app_attributes(folder / "apps.py") >= {"provider"}


@pytest.mark.parametrize("floor", FLOORS)
def test_every_folder_of_code_is_a_package(floor: str) -> None:
    folders = {path.parent for path in code() if path.parts[0] == floor}
    assert not [str(folder) for folder in folders if folder / "__init__.py" not in files()]


def _app_attributes(path: Path) -> set[str]:
    return {
        target.id
        for node in ast.walk(tree(path))
        if isinstance(node, ast.ClassDef)
        for item in node.body
        if isinstance(item, (ast.Assign, ast.AnnAssign))
        for target in (item.targets if isinstance(item, ast.Assign) else [item.target])
        if isinstance(target, ast.Name)
    }
