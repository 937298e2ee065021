"""What docs/ prints works as printed: commands, files of sources, tables of settings, the demo.

Routes, files and variables that a page names are held by tests/architecture.
"""

from __future__ import annotations

import ast
import dataclasses
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from django.core.management import get_commands, load_command_class
from django.core.management.base import CommandError

from accounts.models import Source
from accounts.provider import protocols
from accounts.source import registry
from portal.authorization_server import client_file
from portal.operations import source_file
from tests.peers.site import ROOT
from tests.sandbox import clients, faults, personas
from tests.sandbox.cms import patrons
from tests.sandbox.management.commands.demo import Command as Demo
from tests.sandbox.unilogin import broker

PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
_CALLED = r"(?:manage\.py|(?<![\w/.-])vestibule(?= \w+`))"
_COMMAND = re.compile(_CALLED + r"((?:(?: |\n  (?=--))(?![#>\\|])[^\s`]+)+)")
_TOML = re.compile(r"^```toml\n(.*?)^```$", re.M | re.S)
SECRET = "a-secret-of-at-least-32-characters"
_ROW = re.compile(r"^\| (`[^|]+`) \|(.*)\|$", re.M)
_NAME = re.compile(r"`([\w.]+)`")


def printed() -> list[tuple[str, str]]:
    """Return page and arguments of each command that is printed."""
    return [
        (str(page.relative_to(ROOT)), " ".join(found.split()))
        for page in PAGES
        for found in _COMMAND.findall(page.read_text())
    ]


def tables(page: str, heading: str) -> list[tuple[list[str], str]]:
    """Return the names in the first column, and the rest, of the table below a heading."""
    found = re.search(rf"^#+ {heading}$(.*?)(?=^#|\Z)", (ROOT / page).read_text(), re.M | re.S)
    assert found, heading
    return [(_NAME.findall(first), rest) for first, rest in _ROW.findall(found[1])]


@pytest.mark.parametrize(("page", "line"), printed())
def test_each_command_is_there_and_takes_its_arguments(page: str, line: str) -> None:
    name, *words = shlex.split(line.translate(str.maketrans("", "", "[],;:")).rstrip("."))
    name = name.replace("-", "_")  # as portal/operations/command_line.py reads it
    command = Demo() if name == "demo" else load_command_class(get_commands()[name], name)
    try:
        command.create_parser("manage.py", name).parse_args(words)
    except CommandError as error:
        pytest.fail(f"{page}: {line}: {error}")


def test_the_commands_of_the_contract_are_those_that_are_ours() -> None:
    told = re.search(r"^Commands: (.*?)\.$", (ROOT / "docs/contract.md").read_text(), re.M | re.S)
    assert told
    names = {each.split()[0].replace("-", "_") for each in re.findall(r"`([^`]+)`", told[1])}
    ours = {name for name, app in get_commands().items() if str(app).startswith("portal.")}
    assert names == ours
    verbs = re.search(r"`sources ([^`]+)`", told[1])
    assert verbs
    parser = load_command_class("portal.operations", "sources").create_parser(
        "manage.py", "sources"
    )
    assert f"{{{verbs[1].replace(' | ', ',')}}}" in parser.format_help()


def examples(table: str) -> list[Any]:
    return [
        pytest.param(page.name, found, id=f"{page.stem}-{number}")
        for page in PAGES
        for number, found in enumerate(_TOML.findall(page.read_text()))
        if table in tomllib.loads(found)
    ]


@pytest.mark.django_db
@pytest.mark.parametrize(("page", "text"), examples("clients"))
def test_each_file_of_clients_is_applied(
    page: str, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in re.findall(r'"env:(\w+)"', text):
        monkeypatch.setenv(name, SECRET)
    applied = client_file.apply(text)
    assert {each.what for each in applied} == {"created"}
    assert len(applied) == len(tomllib.loads(text)["clients"])


@pytest.mark.django_db
@pytest.mark.parametrize(("page", "text"), examples("sources"))
def test_each_file_of_sources_is_applied(
    page: str, text: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    read = tomllib.loads(text)["sources"]
    for slug in read:
        if "provider" not in read[slug]:  # the examples for openid.md's settings alone
            assert page == "openid.md"
            text = f'[sources.{slug}]\nprovider = "oidc"\nlabel = "{slug}"\n\n{text}'
    for name in re.findall(r'"env:(\w+)"', text):
        monkeypatch.setenv(name, SECRET)
    for name in re.findall(r'"file:/run/secrets/(\w+)"', text):
        (tmp_path / name).write_text(SECRET)
    text = text.replace("/run/secrets", str(tmp_path))
    applied = source_file.apply(re.sub(r"<[^>\n]*>", "ours", text), prune=False)
    assert {change.what for change in applied} == {"created"}
    assert set(read) <= set(Source.objects.values_list("slug", flat=True))


@pytest.mark.parametrize(
    ("page", "heading", "provider"),
    [
        ("docs/openid.md", "Settings", "oidc"),
        ("docs/unilogin.md", "The source", "unilogin"),
        ("docs/adgangsplatformen.md", "Settings", "adgangsplatformen"),
    ],
)
def test_each_setting_of_a_table_is_one(page: str, heading: str, provider: str) -> None:
    fields = {each.name for each in dataclasses.fields(registry.providers()[provider].Settings)}
    named = {name for names, _ in tables(page, heading) for name in names}
    assert named <= fields
    assert fields <= named


def test_each_field_of_a_source_is_in_its_table() -> None:
    named = {name for names, _ in tables("docs/sources.md", "What a source is") for name in names}
    assert named == {"slug", "provider", "settings", *source_file.COLUMNS}


def test_each_number_that_stands_when_nothing_is_set_is_the_one() -> None:
    told = {
        name: float(number[1])
        for page in [(ROOT / "docs/configuration.md").read_text()]
        for names, rest in ((_NAME.findall(a), b) for a, b in _ROW.findall(page))
        for name in names
        if (number := re.match(r" ?(\d+)\b", rest.rpartition("|")[2]))
    }
    read = ast.parse((ROOT / "portal/settings.py").read_text())
    given = {
        call.args[0].value: _value(call.keywords[0].value)
        for call in ast.walk(read)
        if isinstance(call, ast.Call) and ast.unparse(call.func) in {"whole", "lasting", "seconds"}
        if isinstance(call.args[0], ast.Constant)
        if not any(isinstance(each, ast.Call) for each in ast.walk(call.keywords[0].value))
    }  # what the machine decides is said in words
    assert told == given


def _value(node: ast.expr) -> float:
    return float(eval(compile(ast.Expression(node), "", "eval"), {}))  # 7 * 86400


def test_each_member_of_the_contract_is_told() -> None:
    page = (ROOT / "docs/providers.md").read_text()
    told = set(re.findall(r"`(\w+)(?:\([^`]*\))?`", page))
    contracts = [
        each for name, each in vars(protocols).items()
        if isinstance(each, type) and getattr(each, "_is_protocol", False) and name != "Protocol"
    ]  # fmt: skip
    members = {m for each in contracts if each is not protocols.Recovers for m in each.__dict__
               if not m.startswith("_")} - {"send_mail"}  # fmt: skip
    assert members <= told, members - told


def test_a_provider_in_the_project_is_as_the_page_says(tmp_path: Path) -> None:
    """Whoever copies it passes the linters, and has the files that each of ours has."""
    told = (ROOT / "docs/providers.md").read_text().partition("## In the project")[2]
    (block,) = re.findall(
        r"^```python\n(.*?)^```$", told.partition("## The contract")[0], re.M | re.S
    )
    (tmp_path / "apps.py").write_text(block)
    ruff = [
        sys.executable,
        "-m",
        "ruff",
        "check",
        "--no-cache",
        "--config",
        ROOT / "pyproject.toml",
    ]
    done = subprocess.run([*ruff, tmp_path], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
    folders = [each.parent for each in ROOT.glob("providers/*/apps.py")]
    for name in re.findall(r"`(\w+\.py)`", told.partition(";")[0]):
        assert name == "client.py" or all((each / name).is_file() for each in folders)
    assert "`__init__.py`" in told.partition(";")[0]


def test_the_demo_has_the_people_that_its_page_names() -> None:
    page = (ROOT / "docs/demo.md").read_text()
    everybody = {
        *(each.title for each in personas.PERSONAS),
        *(each.name for each in patrons.PEOPLE),
        *(each.title for each in broker.PERSONAS),
    }
    assert [name for name in everybody if str(name) not in page] == []
    switches = re.findall(r"^\| (\w[\w ]*) \| .* \| .*\|$", page.partition("## Trouble")[2], re.M)
    labels = [str(kind.label) for kind in faults.switch.kinds]
    assert switches[1:7] == labels
    for word in (
        clients.CLIENT_ID,
        clients.CLIENT_SECRET,
        clients.PUBLIC_CLIENT_ID,
        *clients.SLUGS,
    ):
        assert f"`{word}`" in page
