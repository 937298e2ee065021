"""What the README prints works as printed."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

from tests.peers.site import ROOT, Site

PATRON = """
from accounts.models import User
patron = User.objects.create_user("patron", "patron-of-the-demo", name="Pia Patron")
patron.give_local_identity()
"""


def test_the_three_lines_for_a_front_end_work_as_printed(site: Callable[..., Site]) -> None:
    block = re.search(r"```\n(PAIR=.*?)```", Path(ROOT, "README.md").read_text(), re.S)
    assert block
    house = site()
    house.manage("shell", "--verbosity=0", stdin=PATRON)
    lines = block[1].replace("http://localhost:8000", house.url).splitlines()
    assert len(lines) == 3
    script = "\n".join(line.replace("curl -", "curl -s -", 1) for line in lines)
    done = subprocess.run(["bash", "-eu", "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    details, renewed = (json.loads(each) for each in re.findall(r"\{.*?\}(?=\{|$)", done.stdout))
    assert details["User"]["name"] == "patron"
    assert renewed["access_token"].startswith("vsta_")
