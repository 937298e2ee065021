"""The OpenID Connect provider keeps the contract."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from accounts.contract.suite import ProviderContract
from accounts.provider import Authentication, LoginFlow
from providers.oidc.provider import OidcProvider
from tests.peers.tampering import CLIENT_ID, CLIENT_SECRET, OpenIdProvider, tampering_provider

pytestmark = pytest.mark.wire


class TestOidc(ProviderContract):
    provider_class = OidcProvider

    @pytest.fixture
    def op(self) -> Iterator[OpenIdProvider]:
        with tampering_provider() as running:
            yield running

    @pytest.fixture
    def settings_values(self, op: OpenIdProvider) -> dict[str, Any]:
        return {"issuer": op.issuer, "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}

    @pytest.fixture
    def outcome(
        self, provider: OidcProvider, flow: LoginFlow, op: OpenIdProvider
    ) -> Authentication:
        return provider.complete_login(flow, op.authorize(provider.begin_login(flow).url), {})

    @pytest.fixture
    def remembered(
        self, provider: OidcProvider, op: OpenIdProvider
    ) -> Callable[[LoginFlow], Authentication]:
        op.claims["auth_time"] = int(op.now()) - 3600

        def complete(flow: LoginFlow) -> Authentication:
            return provider.complete_login(flow, op.authorize(provider.begin_login(flow).url), {})

        return complete
