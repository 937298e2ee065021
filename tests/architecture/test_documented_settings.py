"""Each setting of each provider stands in docs/ by its name, and no variable that nothing reads."""

import dataclasses
import re
from pathlib import Path

import pytest

from accounts.source import registry
from portal.conf import known_names

PROVIDERS = ("adgangsplatformen", "ldap", "local", "oidc", "unilogin")


def test_no_provider_is_overlooked() -> None:
    assert set(PROVIDERS) == set(registry.providers()) - {"tenant"}  # which is there for tests


@pytest.mark.parametrize("provider", PROVIDERS)
def test_each_setting_is_documented(provider: str) -> None:
    told = "".join(page.read_text() for page in Path("docs").glob("*.md"))
    names = [each.name for each in dataclasses.fields(registry.providers()[provider].Settings)]
    assert [name for name in names if f"`{name}`" not in told] == []


def test_each_variable_that_is_told_of_is_read() -> None:
    told = {
        name
        for page in (Path("README.md"), *Path("docs").glob("*.md"))
        for name in re.findall(r"\bVESTIBULE_[A-Z0-9_]+", page.read_text())
    }
    read = known_names()
    unread = {name for name in told if name.removesuffix("_FILE") not in read}
    own = ("VESTIBULE_SOURCE_", "VESTIBULE_SANDBOX_")  # of sources, by any name; of the demo
    assert sorted(name for name in unread if not name.startswith(own)) == []
