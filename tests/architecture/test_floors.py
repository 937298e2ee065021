"""docs/architecture.md 1: stairs go down only, HTTP ends at the door, and the vocabulary stands
alone.
"""

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable, Collection, Iterable
from pathlib import Path

import pytest

from tests.architecture.tree import (
    FLOORS,
    ROOT,
    code,
    files,
    imported,
    is_module,
    references,
    text,
    tree,
    used,
)

VOCABULARY = (
    Path("accounts/provider/protocols.py"),
    Path("accounts/provider/values.py"),
    Path("accounts/errors.py"),
)
# Where HTTP may be seen below the roof.
HTTP_BELOW = {Path("accounts/middleware.py")}
HTTP = (
    "django.core.handlers", "django.http", "django.middleware", "django.shortcuts", "django.urls",
    "django.views", "rest_framework",
)  # fmt: skip
SIGNALS = re.compile(r"^django\.(?:dispatch|[\w.]*\bsignals)\b")
DJANGOS_SESSION = re.compile(r"^django\.contrib\.auth\.(?:a?log(?:in|out)|views)\b")
# What a provider leaves to the generic pages.
NOT_A_PROVIDERS = {"urls.py", "views.py", "models.py", "admin.py", "forms.py"}
DOOR = {Path("portal/door")}
CHART = "accounts.logout.chart"
BEGINNING = (
    "accounts.login.sign_in.sign_in",
    "accounts.login.sign_in.link",
    "accounts.login.proof.verify_form",
)
# What must be found, though nothing of it is imported by its own name.
FORBIDDEN = {
    "from django.contrib import auth\nauth.login(request, user)": "django.contrib.auth.login",
    "import django.contrib.auth as da\nleave = da.logout": "django.contrib.auth.logout",
    "from accounts.login import sign_in\nsign_in.sign_in(source)": "accounts.login.sign_in.sign_in",
    "import accounts.login.sign_in\naccounts.login.sign_in.link()": "accounts.login.sign_in.link",
    "from accounts.logout import chart\nchart.leave(session)": "accounts.logout.chart.leave",
    "from accounts.logout.chart import leave as go\ngo()": "accounts.logout.chart.leave",
    "from portal.door import leaving\nleaving.chart.leave()": "accounts.logout.chart.leave",
    "from portal.door.leaving import auth\nauth.logout()": "django.contrib.auth.logout",
    "from ..door.leaving import chart\nchart.dismiss()": "accounts.logout.chart.dismiss",
    "from django.db.models import signals\nsignals.post_save.connect(f)":
        "django.db.models.signals.post_save.connect",
    "from django import http\nhttp.JsonResponse({})": "django.http.JsonResponse",
}  # fmt: skip


def is_http(name: str) -> bool:
    return name.startswith(HTTP)


def is_signal(name: str) -> bool:
    return bool(SIGNALS.match(name))


def signs_by_django(name: str) -> bool:
    return bool(DJANGOS_SESSION.match(name))


def begins_or_ends(name: str) -> bool:
    """Tell whether a name is a use case that begins or ends a session."""
    return name in USE_CASES


def functions(module: str) -> set[str]:
    """Return the public functions of a module of ours."""
    body = tree(Path(*module.split(".")).with_suffix(".py")).body
    names = {node.name for node in body if isinstance(node, ast.FunctionDef)}
    return {name for name in names if not name.startswith("_")}


USE_CASES = {*BEGINNING, *(f"{CHART}.{name}" for name in functions(CHART))}


def offences(
    paths: Iterable[Path], is_forbidden: Callable[[str], bool], allowed: Collection[Path] = ()
) -> list[str]:
    """Return each use of a forbidden name outside of the files and folders that may."""
    return [
        f"{path}:{line} uses {name}"
        for path in paths
        if not {path, path.parent} & set(allowed)
        for line, name in used(path)
        if is_forbidden(name)
    ]


def providers() -> list[Path]:
    return sorted({Path(*path.parts[:2]) for path in code() if len(path.parts) > 2
                   and path.parts[0] == "providers"})  # fmt: skip


def test_import_linter_keeps_every_contract() -> None:
    command = [Path(sys.executable).with_name("lint-imports"), "--no-cache", "--no-logo"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_only_what_is_missing_stands_in_brackets() -> None:
    linted = tomllib.loads(text(Path("pyproject.toml")))["tool"]["importlinter"]["contracts"]
    present = [
        f"{container}.{name}"
        for contract in linted
        for container in contract.get("containers", ())
        for layer in contract["layers"]
        for name in re.findall(r"\((\w+)\)", layer)
        if is_module(f"{container}.{name}")
    ]
    assert not present


@pytest.mark.parametrize("path", VOCABULARY, ids=str)
def test_the_vocabulary_imports_the_standard_library_only(path: Path) -> None:
    own = ("accounts.provider", "accounts.errors")
    foreign = [
        f"{path}:{line} imports {name}"
        for line, name in imported(path)
        if name.split(".")[0] not in sys.stdlib_module_names and not name.startswith(own)
    ]
    assert not foreign


def test_http_ends_at_the_portal_and_one_middleware() -> None:
    below = [path for path in code() if path.parts[0] in {"accounts", "providers"}]
    assert not offences(below, is_http, HTTP_BELOW)


def test_only_the_door_signs_in_and_out_by_django() -> None:
    assert not offences(code(), signs_by_django, DOOR)


def test_only_the_door_calls_the_use_cases_that_begin_and_end_a_session() -> None:
    assert not offences(code(), begins_or_ends, DOOR)


def test_the_rooms_know_no_provider() -> None:
    rooms = [path for path in code() if path.parts[0] == "portal"]
    assert not offences(rooms, lambda name: name.startswith("providers."))


def test_nothing_is_steered_by_signals() -> None:
    assert not offences(code(), is_signal)


@pytest.mark.parametrize(("source", "name"), FORBIDDEN.items())
def test_a_forbidden_name_is_found_however_it_is_reached(source: str, name: str) -> None:
    found = {used for _, used in references(ast.parse(source), Path("portal/pages/front.py"))}
    assert name in found
    assert is_http(name) or signs_by_django(name) or is_signal(name) or begins_or_ends(name)


def test_a_name_that_is_not_imported_is_nobodys() -> None:
    source = "def leave(auth): auth.login(); chart().leave(); self.sign_in.link()"
    assert references(ast.parse(source), Path("portal/pages/front.py")) == []


def test_the_use_cases_that_begin_and_end_a_session_are_where_they_are_said_to_be() -> None:
    assert "accounts.logout.chart.leave" in USE_CASES
    for name in BEGINNING:
        module, _, function = name.rpartition(".")
        assert function in functions(module)


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


def test_each_room_has_its_line_in_the_table() -> None:
    table = text(Path("docs/architecture.md")).split("## 1. The house")[1].split("\n\n- ")[0]
    told: dict[str, list[str]] = {}
    floor = ""
    for first, names in re.findall(r"^\| (`\w+/`|) ?\| (.*?) \|", table, re.M):
        floor = first.strip("`/") or floor
        told.setdefault(floor, []).extend(re.findall(r"`(\w+)/`", names))
    for floor in ("portal", "accounts"):
        there = {
            each.parts[1] for each in files() if each.parts[0] == floor and len(each.parts) > 2
        }
        rooms = {name for name in there if (ROOT / floor / name / "__init__.py").is_file()}
        kept = rooms - {"migrations", "provider"}
        assert sorted(told[floor]) == sorted(kept), floor
