"""DESIGN.md 9: settings are read in settings.py and one conf.py of each floor, nowhere else."""

import ast
import re
from pathlib import Path

import pytest

from tests.architecture.tree import code, imported, text, tree

SETTINGS_READERS = {Path("accounts/conf.py"), Path("portal/conf.py")}
ENVIRONMENT_READERS = {Path("portal/settings.py"), Path("portal/configuration/env.py")}
# The others, each with its reason. One that no longer reads must go from here.
SETTINGS_TOO = {
    Path("portal/operations/checks.py"): "a check judges the settings themselves",
}
ENVIRONMENT_TOO = {
    Path("manage.py"): "names the demo's settings module to Django",
    Path("portal/operations/command_line.py"): "names the settings module to Django",
    Path("portal/wsgi.py"): "names the settings module to Django",
    Path(
        "accounts/source/catalogue.py"
    ): "a source's secret may be a reference to a variable (env:NAME)",
    Path("accounts/http/handles.py"): "keeps libcurl from obeying SSLKEYLOGFILE",
}
READ = re.compile(r"""\b(?:env(?:\.\w+)?|secret|origin)\(\s*f?["'](VESTIBULE_\w+|[A-Z]+_URL)["']""")


def reads_settings(path: Path) -> list[str]:
    return [
        f"{path}:{line} imports {name}"
        for line, name in imported(path)
        if name == "django.conf" or name.startswith("django.conf.settings")
    ]


def reads_environment(path: Path) -> list[str]:
    names = {"environ", "environb", "getenv", "putenv", "unsetenv"}
    touched = [
        f"{path}:{node.lineno} uses os.{node.attr}"
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Attribute)
        and node.attr in names
        and getattr(node.value, "id", "") == "os"
    ]
    wanted = {f"os.{name}" for name in names} | {"environ.Env"}
    return touched + [
        f"{path}:{line} imports {name}"
        for line, name in imported(path)
        if name in wanted or name == "environ"
    ]


def test_djangos_settings_are_read_in_one_place_of_each_floor() -> None:
    allowed = SETTINGS_READERS | set(SETTINGS_TOO)
    assert not [hit for path in code() if path not in allowed for hit in reads_settings(path)]


def test_the_environment_is_read_in_the_settings() -> None:
    allowed = ENVIRONMENT_READERS | set(ENVIRONMENT_TOO)
    assert not [hit for path in code() if path not in allowed for hit in reads_environment(path)]


@pytest.mark.parametrize("path", SETTINGS_TOO, ids=str)
def test_an_exception_for_settings_is_still_one(path: Path) -> None:
    assert reads_settings(path)


@pytest.mark.parametrize("path", ENVIRONMENT_TOO, ids=str)
def test_an_exception_for_the_environment_is_still_one(path: Path) -> None:
    assert reads_environment(path)


def test_every_variable_is_documented_and_every_documented_one_is_read() -> None:
    read = {name for path in ENVIRONMENT_READERS for name in READ.findall(text(path))}
    documented = set(
        re.findall(r"`(VESTIBULE_\w+|DATABASE_URL|REDIS_URL)", text(Path("docs/configuration.md")))
    )
    assert {name.removesuffix("_FILE") for name in documented} == read
