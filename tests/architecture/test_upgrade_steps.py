"""docs/moving.md 4: a version is installed beside the one that is served, and a link is moved."""

from __future__ import annotations

import re
from pathlib import Path

from tests.architecture.test_installing import INSTALLED
from tests.architecture.tree import text
from tests.peers import previous


def test_a_reload_finds_the_version_to_which_the_link_leads() -> None:
    """The script names the Python of its own version, by which it would stay there."""
    unit = text(Path("deploy/systemd/vestibule.service"))
    assert f"\nExecStart={INSTALLED}/python {INSTALLED}/granian " in unit


def test_the_steps_of_an_upgrade_have_what_they_use_and_end_at_the_link() -> None:
    """The command that takes another version's code comes before the first step by it."""
    told = text(Path("docs/moving.md")).partition("With the systemd units")[2]
    steps = [line.strip() for line in told.splitlines() if line.startswith("    ")]
    first = next(n for n, each in enumerate(steps) if " --at /opt/vestibule-" in each)
    assert "install -m 755 deploy/systemd/vestibule /usr/local/sbin/" in steps[:first]
    migrated, linked, reloaded = (
        next(n for n, each in enumerate(steps) if word in each)
        for word in (" migrate --noinput", "mv -T /opt/vestibule.next", "systemctl reload")
    )
    assert first < migrated < linked < reloaded
    served = [re.match(r"vestibule (?!--at )([\w-]+)", each) for each in steps[:linked]]
    by_the_former = {each[1].replace("-", "_") for each in served if each}
    assert by_the_former <= {*previous.kept()["commands"]}


def test_a_backup_that_the_shell_writes_is_for_its_owner_alone() -> None:
    pages = [
        *Path("docs").glob("*.md"),
        Path("deploy/systemd/vestibule"),
        Path("deploy/compose.yaml"),
    ]
    told = [
        around
        for page in pages
        for around in re.findall(r".{60}backup - > .{99}", " ".join(text(page).split()))
    ]
    assert len(told) == 4
    assert [each for each in told if "umask 077" not in each] == []
