"""docs/providers.md, word for word: a package is written, tested, built and installed."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import venv
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from sysconfig import get_path

import pytest
from django.core.management import CommandError, call_command

from tests.architecture.test_wheel import wheel  # noqa: F401  # a fixture
from tests.architecture.tree import ROOT
from tests.peers.site import environment

pytestmark = pytest.mark.slow

PAGE = (ROOT / "docs" / "providers.md").read_text().partition("## In the project")[0]
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```$", PAGE, re.S | re.M)
COMMANDS = [text.splitlines() for kind, text in BLOCKS if not kind]
PYTHON = "".join(text for kind, text in BLOCKS if kind == "python")
FILES = dict(re.findall(r"^# (\S+\.py)\n(.*?)(?=^# \S+\.py\n|\Z)", PYTHON, re.S | re.M))
# Nothing is fetched: what packages depend on is borrowed from the tests' own environment.
OFFLINE = "--quiet --no-index --no-deps --no-build-isolation --disable-pip-version-check"


@dataclass
class Shell:
    """An environment of its own, and the folder in which the page's next command is typed."""

    bin: Path
    folder: Path
    env: dict[str, str] = field(default_factory=dict)

    def run(self, line: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            line, shell=True, cwd=self.folder, env=self.env, capture_output=True, text=True
        )

    def type(self, line: str) -> None:
        """Type a line of the page, which must succeed."""
        if line.startswith("cd "):
            self.folder /= line.removeprefix("cd ")
        elif line.startswith("export "):
            name, _, value = line.removeprefix("export ").partition("=")
            self.env[name] = value
        else:
            line = re.sub(r"pip (install|wheel)", rf"pip \1 {OFFLINE}", line)
            done = self.run(line)
            assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"


@pytest.fixture(scope="module")
def shell(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shell]:  # noqa: F811
    place, folder = tmp_path_factory.mktemp("environment"), tmp_path_factory.mktemp("work")
    venv.create(place)
    packages = next((place / "lib").glob("python3*")) / "site-packages"
    where = [sys._base_executable, "-c", "import pip; print(pip.__path__[0])"]
    pip = subprocess.run(where, capture_output=True, text=True, check=True).stdout.strip()
    (packages / "pip").symlink_to(pip)  # to unpack one takes longer than all that is done by it
    (packages / "borrowed.pth").write_text(get_path("purelib") + "\n")
    env = environment({"VESTIBULE_DATA": str(folder / "data")})
    env["PATH"] = f"{place / 'bin'}:{env['PATH']}"
    yield Shell(place / "bin", folder, env)
    shutil.rmtree(place)


@pytest.mark.soak
def test_the_page_is_followed_word_for_word(shell: Shell, wheel: Path) -> None:  # noqa: F811
    (install, start, enter, test), after = COMMANDS
    assert install == 'python -m pip install "vestibule[contract]"'
    shell.type(install.replace('"vestibule[contract]"', str(wheel)))
    for line in (start, enter):
        shell.type(line)
    left = shell.run(test)
    assert left.returncode == 1, left.stdout + left.stderr
    assert set(re.findall(r"^(?:FAILED|ERROR) \S*::(\w+)", left.stdout, re.M)) == {
        "test_people_are_sent_to_the_real_upstream",
        "test_the_self_test_is_content_with_a_healthy_upstream",
        "test_leaving_is_decided",
        "test_a_login_that_it_completes_is_a_whole_identity",
    }
    for name, text in FILES.items():
        assert (shell.folder / name).is_file(), f"startprovider writes no {name}"
        (shell.folder / name).write_text(text)
    for line in after:
        shell.type(line)
    installed = "from accounts.source import registry; print(*registry.providers())"
    shell.folder = shell.folder.parent  # where no folder passes for the package
    known = shell.run(f"vestibule shell --verbosity 0 -c '{installed}'")
    assert "guild" in known.stdout.split(), known.stderr


@pytest.mark.parametrize("name", ["json", "two-words", "guild"])
def test_a_name_that_is_taken_or_none_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    (tmp_path / "guild").mkdir()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(CommandError):
        call_command("startprovider", name)
    assert [*tmp_path.iterdir()] == [tmp_path / "guild"]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        *((name, "no name of a module") for name in ("class", "Änd", "two words", "9lives", "a-b")),
        ("oidc", "There is a provider oidc already"),
    ],
)
def test_a_name_that_no_provider_can_have_writes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(CommandError, match=said):
        call_command("startprovider", name)
    assert not list(tmp_path.iterdir())
