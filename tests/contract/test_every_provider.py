"""Every installed provider is put to the contract; one without a test case of its own is found."""

from __future__ import annotations

import importlib
from pathlib import Path

from accounts.contract.suite import ProviderContract
from accounts.source import registry


def _all_cases() -> set[type]:
    for path in Path(__file__).parent.glob("test_*.py"):
        importlib.import_module(f"tests.contract.{path.stem}")
    found: set[type] = set()
    waiting = list(ProviderContract.__subclasses__())
    while waiting:
        case = waiting.pop()
        waiting += case.__subclasses__()
        found.add(case.provider_class)
    return found


def test_each_installed_provider_has_a_test_case() -> None:
    missing = {name for name, cls in registry.providers().items() if cls not in _all_cases()}
    assert not missing
