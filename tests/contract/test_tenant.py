"""The test tenant keeps the contract, and each optional member does what it promises."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from accounts.contract.suite import ProviderContract
from accounts.errors import InvalidGrant, InvalidRequest, TemporarilyUnavailable
from accounts.provider import Authentication, End, Keep, LoginFlow, SessionRef, TokenSet
from tests.peers.upstream import Upstream, upstream
from tests.tenant.provider import TenantProvider

pytestmark = pytest.mark.wire


class TestTenant(ProviderContract):
    provider_class = TenantProvider

    @pytest.fixture
    def peer(self) -> Iterator[Upstream]:
        with upstream() as running:
            yield running

    @pytest.fixture
    def settings_values(self, peer: Upstream) -> dict[str, Any]:
        return {"upstream": peer.url, "leaves_by": "call"}

    @pytest.fixture
    def outcome(self, provider: TenantProvider, flow: LoginFlow) -> Authentication:
        return provider.complete_login(flow, {"code": "bob"}, {})

    @pytest.fixture
    def remembered(
        self, provider: TenantProvider, peer: Upstream
    ) -> Callable[[LoginFlow], Authentication]:
        peer.extra, peer.asks_again = {"since": 3600}, False
        return lambda flow: provider.complete_login(flow, {"code": "bob"}, {})

    def test_refresh_keeps_the_old_refresh_token(self, provider: TenantProvider) -> None:
        fresh = provider.refresh(TokenSet(access_token="at", refresh_token="rt", id_token="it"))
        assert (fresh.access_token, fresh.refresh_token) == ("at-2", "rt")

    def test_whoever_has_a_cookie_is_recognised(self, provider: TenantProvider) -> None:
        assert provider.recognise({}) is None
        known = provider.recognise({"TENANT": "carol"})
        assert known is not None
        assert known.subject == "carol"

    def test_a_session_stands_ends_or_changes_hands_with_its_cookie(
        self, provider: TenantProvider
    ) -> None:
        known = provider.recognise({"TENANT": "carol"})
        assert known is not None
        held = SessionRef("u", "tenant", "contract", "carol", bound_to=known.bound_to)
        assert isinstance(provider.revalidate(held, None, {"TENANT": "carol"}), Keep)
        assert isinstance(provider.revalidate(held, None, {}), End)
        other = provider.revalidate(held, None, {"TENANT": "dave"})
        assert isinstance(other, Authentication)
        assert other.subject == "dave"

    def test_a_bearer_is_verified_or_refused_or_cannot_be_judged(
        self, provider: TenantProvider, peer: Upstream
    ) -> None:
        assert provider.verify_bearer("erin").subject == "erin"
        with pytest.raises(InvalidGrant):
            provider.verify_bearer("wrong")
        peer.mood = "failing"
        with pytest.raises(TemporarilyUnavailable):
            provider.verify_bearer("erin")

    def test_a_logout_token_of_another_issuer_is_refused(
        self, provider: TenantProvider, peer: Upstream
    ) -> None:
        ended = provider.verify_logout_token(f"{peer.url}|sid-1|jti-1")
        assert (ended.issuer, ended.sid, ended.jti) == (peer.url, "sid-1", "jti-1")
        with pytest.raises(InvalidRequest):
            provider.verify_logout_token("elsewhere|sid|jti")

    def test_it_passes_the_upstreams_document_on(
        self, provider: TenantProvider, peer: Upstream
    ) -> None:
        assert provider.discovery()["issuer"] == peer.url

    def test_call_logout_is_idempotent(self, provider: TenantProvider, peer: Upstream) -> None:
        provider.call_logout(TokenSet(id_token="it"))
        provider.call_logout(TokenSet(id_token="it"))
        assert peer.hints == ["it", "it"]

    def test_it_says_who_would_not_be_let_in_any_more(
        self, provider: TenantProvider, peer: Upstream
    ) -> None:
        peer.gone = {"bob": "disabled"}
        assert provider.recheck(["alice", "bob"]) == {"bob": "disabled"}
