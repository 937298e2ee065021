"""Access rules from a file and to a file (docs/gateway.md 3)."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.core.management import CommandError, call_command
from django.test import Client

from accounts import ended
from accounts.models import Event, User
from accounts.session import people
from portal.gateway import rules
from portal.gateway.models import AccessRule
from tests.http.conftest import sign_in
from tests.http.gateway.asking import ask, rule
from tests.peers import fresh

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("house")]

FILE = """
[rules.status]
order = 1
host = "Files.Example.ORG."
path = "/status"
methods = ["GET"]
access = "public"
note = "for the watchers"

[rules.files]
host = "*.example.org"
types = ["local", "ldap"]
groups = ["Caseworkers"]
proof_seconds = 3600
remote_user = "username"
pass_token = true
websockets = true
cookies = [{ name = "app" }, { name = "__Host-cart", path = "/" }]
clear_storage = true

[rules.kiosk]
host = "blåbær.example"
access = "nobody"
enabled = false
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "rules.toml"


def run(*args: str, **options: Any) -> str:
    out = io.StringIO()
    call_command("rules", *args, stdout=out, **options)
    return out.getvalue()


def apply(file: Path, text: str, *options: str) -> list[str]:
    file.write_text(text)
    return run("apply", str(file), *options).splitlines()


def test_what_the_file_says_is_made_and_counts(file: Path) -> None:
    assert ask(path="/status").status_code == 403
    before = ended.version(ended.RULE)
    fresh.feed()
    assert apply(file, FILE) == [
        "created   status", "created   files", "created   kiosk",
    ]  # fmt: skip
    fresh.feed()
    assert ended.version(ended.RULE) != before
    assert ask(path="/status").status_code == 200
    assert ask(path="/").status_code == 302
    row = AccessRule.objects.get(slug="files")
    assert rules.of_row(row).cookies[1] == rules.AppCookie("__Host-cart")
    assert AccessRule.objects.get(slug="kiosk").host == "xn--blbr-roah.example"
    assert AccessRule.objects.get(slug="status").host == "files.example.org"


def test_what_is_written_is_in_the_trail(file: Path) -> None:
    apply(file, FILE)
    told = list(Event.objects.filter(name="rule.saved").values_list("detail", flat=True))
    assert "file status: files.example.org/status: public" in told
    assert "file kiosk: xn--blbr-roah.example/: nobody, disabled" in told
    apply(file, FILE[: FILE.index("[rules.kiosk]")].replace("rules.files", "rules.all"), "--prune")
    names = Event.objects.filter(actor="site").values_list("name", flat=True)
    assert {*names} == {"rule.saved", "rule.disabled"}


def test_applying_twice_changes_nothing(file: Path) -> None:
    apply(file, FILE)
    count = Event.objects.count()
    assert {line.split()[0] for line in apply(file, FILE)} == {"unchanged"}
    assert Event.objects.count() == count


def test_a_change_is_said_field_by_field(file: Path) -> None:
    apply(file, FILE)
    changed = FILE.replace('path = "/status"', 'path = "/health"').replace("order = 1\n", "")
    assert apply(file, changed)[0] == "changed   status: order, path"


def test_what_is_exported_can_be_applied_and_changes_nothing(file: Path) -> None:
    apply(file, FILE)
    exported = run("export")
    assert {line.split()[0] for line in apply(file, exported)} == {"unchanged"}
    assert "proof_seconds = 3600" in exported
    assert "order = 100" not in exported


def test_prune_disables_what_the_file_does_not_name(file: Path) -> None:
    apply(file, FILE)
    kept = FILE[: FILE.index("[rules.files]")]
    assert apply(file, kept)[-1] == "unchanged status"
    with pytest.raises(CommandError, match=r"--prune .* \[rules\]"):
        apply(file, "", "--prune")
    assert apply(file, kept, "--prune")[-1] == "disabled  files"
    assert not AccessRule.objects.get(slug="files").enabled


@pytest.mark.parametrize(
    ("field", "line"),
    [
        ("host", 'host = ""'),
        ("host", 'host = "https://a.example"'),
        ("host", 'host = "a.example:8443"'),
        ("host", 'host = "*"'),
        ("host", 'host = "*.example"\nx = 1'),
        ("host", 'host = "*.org"'),
        ("host", 'host = "a.*.example"'),
        ("host", 'host = "a..example"'),
        ("host", 'host = "a/b"'),
        ("path", 'path = "a"'),
        ("path", 'path = ""'),
        ("path", 'path = "/a/../b"'),
        ("path", 'path = "//a"'),
        ("path", 'path = "/a?b"'),
        ("path", 'path = "/a%20b"'),
        ("path", 'path = "/a;b"'),
        ("path", 'path = "/a\\\\b"'),
        ("path", 'path = "/a\\nb"'),
        ("methods", 'methods = ["get"]'),
        ("methods", "methods = [1]"),
        ("methods", 'methods = "GET"'),
        ("access", 'access = "anyone"'),
        ("access", 'access = "public"\ngroups = ["A"]'),
        ("access", 'access = "nobody"\nproof_seconds = 60'),
        ("pass_token", 'access = "public"\npass_token = true'),
        ("types", 'types = ["anonymous"]'),
        ("types", 'types = ["martian"]'),
        ("groups", "groups = [[]]"),
        ("proof_seconds", "proof_seconds = -1"),
        ("proof_seconds", "proof_seconds = true"),
        ("remote_user", 'remote_user = "email"'),
        ("cookies", 'cookies = ["app"]'),
        ("cookies", "cookies = [{}]"),
        ("cookies", 'cookies = [{ name = "vestibule" }]'),
        ("cookies", 'cookies = [{ name = "__Host-vestibule" }]'),
        ("cookies", 'cookies = [{ name = "__Host-a", path = "/b" }]'),
        ("cookies", 'cookies = [{ name = "a;b" }]'),
        ("cookies", 'cookies = [{ name = "a", path = "/; Domain=org" }]'),
        ("cookies", 'cookies = [{ name = "a", domain = "org" }]'),
        ("cookies", 'cookies = [{ name = "a", domain = "other.example" }]'),
        ("cookies", 'cookies = [{ name = "a", secure = "yes" }]'),
        ("clear_storage", "clear_storage = true"),
        ("color", 'color = "red"'),
    ],
)
def test_what_is_wrong_is_named_and_nothing_changes(file: Path, field: str, line: str) -> None:
    host = "" if line.startswith("host") else 'host = "files.example.org"\n'
    text = f'[rules.fine]\nhost = "fine.example"\n\n[rules.wrong]\n{host}{line}\n'
    with pytest.raises(CommandError) as refused:
        apply(file, text)
    named = "x" if "x = 1" in line else field
    assert f"rules.wrong.{named}: " in str(refused.value), str(refused.value)
    assert not AccessRule.objects.exists()


def test_check_says_what_is_not_well(file: Path) -> None:
    apply(file, FILE)
    with pytest.raises(CommandError, match="Not well: files"):
        run("check")
    Group.objects.create(name="Caseworkers")
    assert run("check").splitlines() == ["ok    status", "ok    files", "ok    kiosk"]
    AccessRule.objects.filter(slug="kiosk").update(path="no path")
    with pytest.raises(CommandError, match="Not well: kiosk"):
        run("check")


@pytest.mark.parametrize(
    ("first", "second", "hidden"),
    [
        ({}, {"path": "/admin"}, True),
        ({}, {}, True),
        ({"path": "/admin"}, {}, False),
        ({"path": "/adm"}, {"path": "/admin"}, False),
        ({"host": "*.example.org"}, {}, True),
        ({"host": "*.example.org"}, {"host": "*.a.example.org"}, True),
        ({"host": "*.a.example.org"}, {"host": "*.example.org"}, False),
        ({"host": "*.example.org"}, {"host": "example.org"}, False),
        ({"methods": ["GET"]}, {}, False),
        ({"methods": ["GET", "PUT"]}, {"methods": ["PUT"]}, True),
        ({"enabled": False}, {}, False),
    ],
)
def test_check_finds_a_rule_that_is_never_asked(
    first: dict[str, Any], second: dict[str, Any], hidden: bool
) -> None:
    rule("first", **{"host": "files.example.org", "order": 1, **first})
    rule("second", **{"host": "files.example.org", "order": 2, **second})
    if not hidden:
        assert "FAIL" not in run("check")
        return
    with pytest.raises(CommandError, match="Not well: second"):
        run("check")


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (["https://[::1"], "Give a whole address"),
        (["https://a.example/", "--proof=99999999999999"], "--proof is a number from 0 to 1000000"),
        (["https://a.example/", "--proof=-1"], "--proof is a number from 0 to 1000000"),
    ],
)
def test_what_nobody_can_ask_is_refused_in_a_sentence(asked: list[str], said: str) -> None:
    with pytest.raises(CommandError, match=said):
        run("test", *asked)


def test_what_it_tells_is_what_the_gateway_does(person: User, settings: Any) -> None:
    rule("files", access="signed_in")
    settings.VESTIBULE_APP_PASSWORDS = True
    User.objects.update(email_verified=False)
    sign_in(alice := Client())
    program = ["--method", "PROPFIND", "--manner", "client"]
    dav = ask(method="PROPFIND", accept="*/*", depth="1")
    _told_as_done(ask(alice), "Remote-Email", "--as", "alice")
    _told_as_done(dav, "WWW-Authenticate", *program)
    people.disable(person)
    _told_as_done(ask(alice), "Location", "--as", "alice")


def _told_as_done(done: Any, header: str, *asked: str) -> None:
    told = run("test", "https://files.example.org/", *asked).splitlines()
    said = [line.split(": ", 1)[1] for line in told if line.startswith(f"     {header}: ")]
    assert (told[0][:3], ", ".join(said)) == (str(done.status_code), done[header])
