"""Instructions of one login at our site, which unlike processor time do not drift.

Valgrind counts them. What a process does once, such as its start, is in both of two runs, and in
neither part of their difference.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys

from tests.peers.site import ROOT, Site

COUNTS = 10, 40
_VALGRIND = ("valgrind", "--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null")
_TOTAL = re.compile(r"I\s+refs:\s+([\d,]+)")


def per_login(site: Site, issuer: str, slug: str) -> float | None:
    """Return the instructions of one login by the source `slug`; None where nobody counts them."""
    if not shutil.which("valgrind"):
        return None
    few, more = (_counted(site, issuer, slug, count) for count in COUNTS)
    return (more - few) / (COUNTS[1] - COUNTS[0])


def _counted(site: Site, issuer: str, slug: str, count: int) -> int:
    command = [sys.executable, "-m", "tests.benchmarks.one_login", issuer, slug, str(count)]
    env = {**site.env, "PYTHONHASHSEED": "0"}
    done = subprocess.run([*_VALGRIND, *command], cwd=ROOT, env=env, capture_output=True, text=True)
    found = _TOTAL.search(done.stderr)
    if done.returncode or not found:
        raise RuntimeError(done.stderr[-2000:])
    return int(found[1].replace(",", ""))
