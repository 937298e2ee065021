"""The password provider keeps the contract."""

import pytest

from accounts.contract.suite import ProviderContract
from accounts.models import User
from accounts.provider import Authentication
from providers.local.provider import LocalProvider

pytestmark = pytest.mark.wire


class TestLocal(ProviderContract):
    provider_class = LocalProvider

    @pytest.fixture
    def outcome(self, provider: LocalProvider) -> Authentication:
        User.objects.create_user("alice", "a long enough password", name="Alice")
        return provider.verify({"username": "alice", "password": "a long enough password"})

    def test_a_password_is_low(self, outcome: Authentication) -> None:
        assert (outcome.acr, outcome.amr) == ("low", ("pwd",))
