"""docs/architecture.md 9: settings are read in settings.py and one conf.py of each floor, nowhere
else.
"""

import ast
import re
from pathlib import Path

import pytest

from tests.architecture.tree import code, references, text, used

SETTINGS_READERS = {Path("accounts/conf.py"), Path("portal/conf.py")}
ENVIRONMENT_READERS = {Path("portal/settings.py"), Path("portal/configuration/env.py")}
# The others, each with its reason. One that no longer reads must go from here.
SETTINGS_TOO = {
    Path("portal/operations/checks.py"): "a check judges the settings themselves",
}
ENVIRONMENT_TOO = {
    Path("manage.py"): "names the demo's settings module to Django",
    Path("portal/operations/command_line.py"): "names the settings module, and lifts time-outs",
    Path("portal/rsgi.py"): "names the settings module to Django",
    Path(
        "accounts/source/references.py"
    ): "a source's secret may be a reference to a variable (env:NAME)",
    Path("portal/operations/pg_programs.py"): "hands libpq's variables on to pg_dump",
    Path("portal/operations/metrics/files.py"): "tells prometheus-client its folder",
    Path("portal/operations/liveness.py"): "answers the watchdog of systemd (NOTIFY_SOCKET)",
    Path("accounts/contract/plugin.py"): "gives a provider's own tests a site of their own",
    Path("accounts/http/handles.py"): "keeps libcurl from obeying SSLKEYLOGFILE",
}
ENVIRONMENT = ("os.environ", "os.getenv", "os.putenv", "os.unsetenv")
READ = re.compile(
    r"""\b(?:env(?:\.\w+)?|secret|origin|whole|lasting|seconds)\(\s*f?["'](VESTIBULE_\w+|[A-Z]+_URL)["']"""
)


def reads_settings(path: Path) -> list[str]:
    return [f"{path}:{line} uses {name}" for line, name in used(path) if is_settings(name)]


def reads_environment(path: Path) -> list[str]:
    return [f"{path}:{line} uses {name}" for line, name in used(path) if is_environment(name)]


def is_settings(name: str) -> bool:
    return name == "django.conf" or name.startswith("django.conf.settings")


def is_environment(name: str) -> bool:
    return name.startswith(ENVIRONMENT) or name.split(".")[0] == "environ"


@pytest.mark.parametrize(
    ("source", "name"),
    {
        "from django import conf\nconf.settings.DEBUG": "django.conf.settings.DEBUG",
        "import django.conf as c\nc.settings": "django.conf.settings",
        "import os as system\nsystem.environ['A']": "os.environ",
        "from os import getenv as ask\nask('A')": "os.getenv",
        "from portal.rsgi import os\nos.environ": "os.environ",
        "import environ\nenviron.Env()": "environ.Env",
    }.items(),
)
def test_a_reader_is_found_however_it_reads(source: str, name: str) -> None:
    found = {used for _, used in references(ast.parse(source), Path("portal/pages/front.py"))}
    assert name in found
    assert is_settings(name) or is_environment(name)


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
