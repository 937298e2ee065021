"""The bridge to a library's CMS keeps the contract."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from accounts.contract.suite import ProviderContract
from accounts.provider import Authentication, LoginFlow
from providers.adgangsplatformen.provider import AdgangsplatformenProvider
from tests.peers.cms import Cms, Patron, cms


@pytest.fixture(scope="module")
def library() -> Iterator[Cms]:
    with cms() as running:
        yield running


class TestAdgangsplatformen(ProviderContract):
    provider_class = AdgangsplatformenProvider

    @pytest.fixture
    def settings_values(self, library: Cms) -> dict[str, Any]:
        library.trouble()
        return library.settings()

    @pytest.fixture
    def outcome(
        self, provider: AdgangsplatformenProvider, flow: LoginFlow, library: Cms
    ) -> Authentication:
        patron = Patron(library)
        patron.sign_in("rikke", provider.begin_login(flow).url)
        return provider.complete_login(flow, {}, patron.cookies)

    def test_a_card_and_its_pin_are_low(self, outcome: Authentication) -> None:
        assert outcome.acr == "low"
