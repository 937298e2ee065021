"""`make soak`: which tests it runs, and what it prints of them (tests/peers/soak.py)."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.peers.commands import ROOT
from tests.peers.soak import filled

TESTS = """
import pytest

def test_quick():
    pass

@pytest.mark.soak
@pytest.mark.parametrize("what", ["one", "another"])
def test_long(told, what):
    told("loads", operation=what, held=len(what), failed=0)
"""
TABLE = """\
| operation | held | failed |
| --------- | ---- | ------ |
| one       | 3    | 0      |
| another   | 7    | 0      |
"""


def run(folder: Path, *args: str) -> str:
    (folder / "test_it.py").write_text(TESTS)
    (folder / "pytest.ini").write_text("[pytest]\nmarkers = soak: takes long\n")
    told = ("-p", "no:django", "-p", "no:cacheprovider", "-p", "tests.peers.soak")
    command = [sys.executable, "-m", "pytest", "-c", str(folder / "pytest.ini"), *told, *args]
    done = subprocess.run(
        [*command, str(folder / "test_it.py")], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("chosen", [(), ("-m", "not slow")])
def test_no_other_run_has_its_tests(tmp_path: Path, chosen: tuple[str, ...]) -> None:
    assert "1 passed, 2 deselected" in run(tmp_path, *chosen)


@pytest.mark.parametrize("spread", [(), ("-n", "2")])
def test_a_run_prints_what_was_counted(tmp_path: Path, spread: tuple[str, ...]) -> None:
    said = run(tmp_path, "-m", "soak", *spread)
    assert "2 passed" in said
    assert " soak: loads " in said
    assert all(line in said for line in TABLE.splitlines())


def test_a_page_gets_the_tables_that_it_has_marks_for() -> None:
    page = "# Page\n\n<!-- soak: loads -->\nold\n<!-- end -->\n\nText.\n"
    rows = [
        {"operation": "one", "held": 3, "failed": 0},
        {"operation": "another", "held": 7, "failed": 0},
    ]
    known = filled(page, {"loads": rows, "others": rows})
    assert known == f"# Page\n\n<!-- soak: loads -->\n{TABLE}<!-- end -->\n\nText.\n"
    assert filled(known, {"loads": rows}) == known
