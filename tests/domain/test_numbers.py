"""docs/configuration.md: a value that cannot be meant is refused at start, in one sentence."""

from __future__ import annotations

import re
import resource
import runpy
import sys
from pathlib import Path
from typing import Any

import pytest

from portal.configuration.env import Misconfigured, generated_keys, secret
from portal.configuration.numbers import lasting, seconds, whole
from portal.operations.command_line import main
from tests.architecture.tree import ROOT, text

NUMBER = re.compile(r"""\b(?:whole|lasting|seconds)\(\s*["'](\w+)["']""")


def started(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, **given: str) -> dict[str, Any]:
    """Return the settings of a site that is given so much. The lines of this process stay as they
    are configured.
    """
    monkeypatch.setattr("structlog.configure", lambda **_: None)
    monkeypatch.setenv("VESTIBULE_DATA", str(tmp_path))
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    return runpy.run_path(str(ROOT / "portal" / "settings.py"))


@pytest.mark.parametrize(
    ("name", "values"),
    {
        "VESTIBULE_WORKERS": ["10s", "1.5", "0", "-1", "1_0", "\u0663", "1" * 5000],
        "VESTIBULE_SESSION_IDLE": ["8h", "0", "1e4", "99999999999"],
        "VESTIBULE_DORMANT": ["730d", "-1"],
        "VESTIBULE_EVENTS_DAYS": ["0", "999999"],
        "VESTIBULE_EVENTS_MOST": ["0"],
        "VESTIBULE_DATABASE_CONNECT": ["1", "2.5"],
        "VESTIBULE_DATABASE_STATEMENT": ["-1", "10s", "nan", "inf", "9999999"],
        "VESTIBULE_DATABASE_LOCK": ["-1"],
        "VESTIBULE_HTTP_DEADLINE": ["500ms", "0", "0,5"],
        "VESTIBULE_ALARM_AFTER": ["5m", "1e1", "."],
        "VESTIBULE_ARGON2_MEMORY_KIB": ["7", "4294967296"],
        "VESTIBULE_ARGON2_TIME": ["0", "4294967296"],
        "VESTIBULE_ARGON2_PARALLELISM": ["0", "10000"],
        "VESTIBULE_LOG_LEVEL": ["loud"],
        "VESTIBULE_TIME_ZONE": ["Europe/Copenhagn", "Europe", "../etc"],
        "VESTIBULE_LANGUAGE": ["fr"],
        "VESTIBULE_SITE_URL": [
            *("https://[::1", "https://a.example:x", "https://\u00e6..example"),
            *("https://u:hidden@a.example", "https://u:hidden@a.example:x"),
        ],
        "VESTIBULE_FRONTEND_ORIGINS": ["https://u:hidden@a.example", "a.example", "https:"],
        "VESTIBULE_ALLOWED_HOSTS": ["http://", "[::1", "\u00e6..example", "a.example:x"],
        "VESTIBULE_COOKIE_DOMAIN": ["\u00e6..example", "example.com"],
        "VESTIBULE_LOGO": ["http://["],
        "VESTIBULE_FRONTPAGE_URL": ["http://[", "www.example.org", "https:", "https://", "ftp://a"],
        "VESTIBULE_ALARM_WEBHOOK": [
            *("https://[", "https:", "/hidden", "a.example/hidden", "https://u:hidden@a.example/x"),
            *("ftp://a.example/hidden", "https://a.example/hid den"),
        ],
        "VESTIBULE_TRUSTED_PROXIES": ["10.0.0.1/8", "10.0.0.0/33", "localhost", "10.0.0.1, x"],
    }.items(),
)
def test_a_value_that_cannot_be_meant_is_refused_in_one_sentence(
    name: str, values: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for value in values:
        with pytest.raises(Misconfigured, match=rf"\A{name}: .+\Z") as refused:
            started(monkeypatch, tmp_path, **{name: value})
        assert "hidden" not in str(refused.value)


@pytest.mark.parametrize(("memory", "most"), [("24", 3), ("4294967295", 2**24 - 1)])
def test_each_lane_of_argon2_has_8_kib(
    memory: str, most: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    given = {"VESTIBULE_ARGON2_MEMORY_KIB": memory, "VESTIBULE_ARGON2_PARALLELISM": f"{most}"}
    assert started(monkeypatch, tmp_path, **given)["VESTIBULE_ARGON2"]["parallelism"] == most
    given["VESTIBULE_ARGON2_PARALLELISM"] = f"{most + 1}"
    with pytest.raises(Misconfigured, match=rf"\AVESTIBULE_ARGON2_PARALLELISM: .+ {most:,}\Z"):
        started(monkeypatch, tmp_path, **given)


def test_the_number_that_a_refusal_recommends_is_taken(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    recommended = {}
    for name in NUMBER.findall(text(Path("portal/settings.py"))):
        with monkeypatch.context() as patch, pytest.raises(Misconfigured) as refused:
            started(patch, tmp_path, **{name: "x"})
        recommended[name] = str(refused.value).rpartition("such as ")[2]
    assert recommended["VESTIBULE_EVENTS_MOST"] == "2000000"
    assert started(monkeypatch, tmp_path, **recommended)


def test_a_command_refuses_a_time_out_that_the_workers_refuse(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "argv", ["manage.py", "check"])
    monkeypatch.setenv("VESTIBULE_DATABASE_STATEMENT", "-1")
    with pytest.raises(Misconfigured, match="VESTIBULE_DATABASE_STATEMENT"):
        main()


@pytest.mark.parametrize("empty", ["", " "])
def test_what_is_empty_is_not_set(empty: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VESTIBULE_X", empty)
    assert whole("VESTIBULE_X", default=3) == 3
    assert seconds("VESTIBULE_X", default=0.5) == 0.5
    assert lasting("VESTIBULE_X", default=60).total_seconds() == 60


def test_what_is_written_as_a_number_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VESTIBULE_X", " 010 ")
    assert whole("VESTIBULE_X", default=3) == 10
    monkeypatch.setenv("VESTIBULE_X", "0.25")
    assert seconds("VESTIBULE_X", default=3) == 0.25


def test_keys_that_cannot_be_written_are_said_in_one_sentence(tmp_path: Path) -> None:
    said = r"\AVESTIBULE_DATA: cannot write \S+keys\.json: .+\Z"
    with pytest.raises(Misconfigured, match=said):
        generated_keys(tmp_path / "nowhere")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, limits[1]))  # as on a full disk
    try:
        with pytest.raises(Misconfigured, match=said):
            generated_keys(tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert not [*tmp_path.iterdir()]


@pytest.mark.parametrize("damaged", [b"\xff\xfe", b"", b"[1, 2]", b"7"])
def test_a_file_of_keys_that_cannot_be_read_is_named(
    damaged: bytes, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "keys.json"
    file.write_bytes(damaged)
    with pytest.raises(Misconfigured, match=r"\AVESTIBULE_DATA: cannot read .*keys\.json"):
        generated_keys(tmp_path)
    file.write_bytes(b"\xff\xfe")
    monkeypatch.setenv("VESTIBULE_SECRET_KEY_FILE", str(file))
    with pytest.raises(Misconfigured, match=r"\AVESTIBULE_SECRET_KEY_FILE: .*UTF-8"):
        secret("VESTIBULE_SECRET_KEY")
