"""What operations cost from a thousand sessions to a million (docs/scale.md 4)."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from typing import Any

import pytest

from tests.benchmarks.scale import SIZES
from tests.peers.commands import ROOT

LINE = re.compile(r"  (\S.*?) +([\d,]+) (µs|MiB) +([\d.]+)")


@pytest.mark.soak
@pytest.mark.services
@pytest.mark.timeout(4 * 3600)
def test_what_operations_cost_from_a_thousand_to_a_million(told: Any) -> None:
    """It counts; what is held is held in the gate, by plans (tests/http/test_plans.py)."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.benchmarks.scale"],
        cwd=ROOT,
        env={**os.environ, "VESTIBULE_LOG_LEVEL": "WARNING"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, list[re.Match[str]]] = {}
    for line in filter(None, map(LINE.fullmatch, done.stdout.splitlines())):
        found.setdefault(line[1], []).append(line)
    assert {len(lines) for lines in found.values()} == {len(SIZES)}
    for label, lines in found.items():
        costs = [f"{line[2]} {line[3]}" for line in lines]
        sizes = dict(zip((f"{size:,}" for size in SIZES), costs, strict=True))
        told("scale", operation=label, **sizes, ratio=lines[-1][4])
