"""The Unilogin provider keeps the contract."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from accounts.contract.suite import ProviderContract
from accounts.errors import InvalidGrant, TemporarilyUnavailable
from accounts.provider import Authentication, LoginFlow, SessionRef, TokenSet
from accounts.strength import Strength, levels
from providers.unilogin.provider import UniloginProvider
from tests.http.unilogin.liar import Liar, lying_broker
from tests.peers.site import free_port

pytestmark = pytest.mark.wire


class TestUnilogin(ProviderContract):
    provider_class = UniloginProvider

    @pytest.fixture
    def liar(self) -> Iterator[Liar]:
        with lying_broker() as broker:
            yield broker

    @pytest.fixture
    def settings_values(self, liar: Liar) -> dict[str, Any]:
        return liar.settings(
            municipalities=("101",),
            test_institutions=("A10101",),
            ws_address=f"http://127.0.0.1:{free_port()}/",
            ws_user="somebody",
            ws_password="known-to-the-contract",
        )

    @pytest.fixture
    def outcome(self, provider: UniloginProvider, flow: LoginFlow, liar: Liar) -> Authentication:
        answer = liar.op.authorize(provider.begin_login(flow).url)
        return provider.complete_login(flow, answer, {})

    @pytest.fixture
    def remembered(
        self, provider: UniloginProvider, liar: Liar
    ) -> Callable[[LoginFlow], Authentication]:
        liar.op.claims["auth_time"] = int(liar.op.now()) - 3600

        def complete(flow: LoginFlow) -> Authentication:
            answer = liar.op.authorize(provider.begin_login(flow).url)
            return provider.complete_login(flow, answer, {})

        return complete

    def test_who_came_in_is_told_by_public_claims(self, outcome: Authentication) -> None:
        assert outcome.public == {
            "uniLoginUserInfo": {
                "sub": outcome.subject, "uniid": "liar1234", "institutionIds": ["A10101"],
            }
        }  # fmt: skip

    @pytest.mark.parametrize(
        ("signed", "introspected", "means"),
        [
            ("2", None, Strength.LOW),
            ("3", "2", Strength.SUBSTANTIAL),
            (None, "3", Strength.SUBSTANTIAL),
            ("EnFaktor", None, Strength.LOW),
            ("ToFaktor", None, Strength.SUBSTANTIAL),
            ("9", None, None),
            (None, None, None),
        ],
    )
    def test_its_loa_says_how_strong_a_sign_in_was(
        self,
        provider: UniloginProvider,
        flow: LoginFlow,
        liar: Liar,
        signed: str | None,
        introspected: str | None,
        means: Strength | None,
    ) -> None:
        for told, loa in ((liar.op.claims, signed), (liar.introspection, introspected)):
            told.update({"loa": loa} if loa else {})
        answer = liar.op.authorize(provider.begin_login(flow).url)
        outcome = provider.complete_login(flow, answer, {})
        own = levels.read(provider.describe().strengths)
        assert levels.judged(outcome.acr, outcome.amr, own, levels.BUILT_IN) == means

    def test_the_plan_is_a_call_with_nothing_but_the_hint(
        self, provider: UniloginProvider, held: SessionRef, outcome: Authentication
    ) -> None:
        plan = provider.plan_logout(held, outcome.tokens, {}, "http://localhost:8000/")
        assert outcome.tokens is not None
        assert plan.visit == ""
        assert plan.call == plan.api_call == TokenSet(id_token=outcome.tokens.id_token)

    def test_leaving_is_idempotent(
        self, provider: UniloginProvider, outcome: Authentication, liar: Liar
    ) -> None:
        assert outcome.tokens is not None
        for _ in range(2):
            provider.call_logout(outcome.tokens)
        assert liar.left == [
            {"id_token_hint": outcome.tokens.id_token, "client_id": liar.settings()["client_id"]}
        ] * 2  # fmt: skip

    def test_nothing_is_called_for_whom_there_is_no_hint(
        self, provider: UniloginProvider, liar: Liar
    ) -> None:
        provider.call_logout(TokenSet(access_token="at"))
        assert liar.left == []

    def test_a_refresh_brings_new_tokens_and_a_new_end(
        self, provider: UniloginProvider, outcome: Authentication
    ) -> None:
        assert outcome.tokens is not None
        fresh = provider.refresh(outcome.tokens)
        assert fresh.access_token != outcome.tokens.access_token
        assert fresh.refresh_expires_at is not None
        assert outcome.tokens.refresh_expires_at is not None
        assert fresh.refresh_expires_at > outcome.tokens.refresh_expires_at

    def test_tokens_are_due_when_whichever_ends_first_does(
        self, provider: UniloginProvider, flow: LoginFlow, liar: Liar
    ) -> None:
        liar.op.tokens = {"expires_in": 3600, "refresh_expires_in": 1799}
        answer = liar.op.authorize(provider.begin_login(flow).url)
        tokens = provider.complete_login(flow, answer, {}).tokens
        assert tokens is not None
        assert tokens.expires_at == tokens.refresh_expires_at

    def test_access_tokens_of_the_broker_open_nothing(
        self, provider: UniloginProvider, outcome: Authentication
    ) -> None:
        assert outcome.tokens is not None
        with pytest.raises(InvalidGrant):
            provider.verify_bearer(outcome.tokens.access_token)

    def test_a_logout_that_the_broker_refuses_is_told(
        self, provider: UniloginProvider, outcome: Authentication, liar: Liar
    ) -> None:
        liar.op.answers["end_session"] = lambda call: (400, b"", "text/html")
        assert outcome.tokens is not None
        with pytest.raises(TemporarilyUnavailable):
            provider.call_logout(outcome.tokens)
