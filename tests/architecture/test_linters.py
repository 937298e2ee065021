"""What runs at each commit is what the gate runs, from .venv, and fetches nothing."""

import re
from pathlib import Path

import yaml

from tests.architecture.tree import text

LINTER = re.compile(r"\$\(BIN\)/(ruff \w+|mypy|lint-imports)")


def test_the_hooks_are_the_linters_of_make_lint() -> None:
    (recipe,) = re.findall(r"^lint:.*\n((?:\t.*\n)+)", text(Path("Makefile")), re.M)
    (local,) = yaml.safe_load(text(Path(".pre-commit-config.yaml")))["repos"]
    assert local["repo"] == "local"
    hooks = [hook["entry"].removeprefix(".venv/bin/").split(" --")[0] for hook in local["hooks"]]
    assert hooks == list(dict.fromkeys(LINTER.findall(recipe)))
    assert {hook["language"] for hook in local["hooks"]} == {"system"}
