"""The bridge to a library's CMS keeps the contract."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from accounts.contract.suite import ProviderContract
from accounts.provider import Authentication, LoginFlow
from providers.adgangsplatformen.provider import AdgangsplatformenProvider
from tests.peers.cms import Cms, Patron, cms

pytestmark = pytest.mark.wire


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
    def patron(self, library: Cms) -> Patron:
        return Patron(library)

    @pytest.fixture
    def outcome(
        self, provider: AdgangsplatformenProvider, flow: LoginFlow, patron: Patron
    ) -> Authentication:
        patron.sign_in("rikke", provider.begin_login(flow).url)
        return provider.complete_login(flow, {}, patron.cookies)

    @pytest.fixture
    def remembered(
        self, provider: AdgangsplatformenProvider, outcome: Authentication, patron: Patron
    ) -> Callable[[LoginFlow], Authentication]:
        def complete(flow: LoginFlow) -> Authentication:
            asked = replace(flow, subject=outcome.subject, bound_to=outcome.bound_to)
            return provider.complete_login(asked, {}, patron.cookies)

        return complete

    def test_a_card_and_its_pin_are_low(self, outcome: Authentication) -> None:
        assert outcome.acr == "low"
