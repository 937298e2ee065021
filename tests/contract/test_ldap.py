"""The provider of directories keeps the contract."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from accounts.contract.suite import ProviderContract
from accounts.provider import Authentication
from providers.ldap.provider import LdapProvider
from tests.peers.slapd import Directory, slapd

pytestmark = pytest.mark.wire


@pytest.fixture(scope="module")
def directory() -> Iterator[Directory]:
    with slapd() as running:
        yield running


class TestLdap(ProviderContract):
    provider_class = LdapProvider

    @pytest.fixture
    def settings_values(self, directory: Directory) -> dict[str, Any]:
        values = directory.settings()
        return {**values, "servers": tuple(values["servers"])}

    @pytest.fixture
    def outcome(self, provider: LdapProvider) -> Authentication:
        return provider.verify({"username": "alice", "password": "ldap-alice"})

    def test_it_says_who_would_not_be_let_in_any_more(
        self, provider: LdapProvider, outcome: Authentication
    ) -> None:
        assert provider.recheck([outcome.subject, "somebody"]) == {"somebody": "disabled"}

    def test_a_password_is_low(self, outcome: Authentication) -> None:
        assert (outcome.acr, outcome.amr) == ("low", ("pwd",))
