"""docs/findings.md names a test for each finding, and each test that it names is there."""

from __future__ import annotations

import re

import pytest

from tests.architecture.tree import ROOT

ROWS = [
    row.rsplit(" | ", 1)
    for row in (ROOT / "docs" / "findings.md").read_text().splitlines()
    if row.startswith("| ") and "`tests/" in row
]


@pytest.mark.parametrize(("finding", "held_by"), ROWS, ids=[row[0][2:40] for row in ROWS])
def test_each_test_that_is_named_is_there(finding: str, held_by: str) -> None:
    text = ""
    for path, name in re.findall(r"`(?:(tests/[\w/.]+))?(?:::)?(test_\w+)?`", held_by):
        if path:
            file = ROOT / path
            assert file.exists(), path
            text = "" if file.is_dir() else file.read_text()
        assert not name or f"def {name}(" in text, name
