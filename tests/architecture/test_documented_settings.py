"""Each setting of each provider stands in docs/, by its name."""

import dataclasses
from pathlib import Path

import pytest

from accounts.source import registry

PROVIDERS = ("adgangsplatformen", "ldap", "local", "oidc", "unilogin")


def test_no_provider_is_overlooked() -> None:
    assert set(PROVIDERS) == set(registry.providers()) - {"tenant"}  # which is there for tests


@pytest.mark.parametrize("provider", PROVIDERS)
def test_each_setting_is_documented(provider: str) -> None:
    told = "".join(page.read_text() for page in Path("docs").glob("*.md"))
    names = [each.name for each in dataclasses.fields(registry.providers()[provider].Settings)]
    assert [name for name in names if f"`{name}`" not in told] == []
