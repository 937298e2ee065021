"""What every provider promises, as tests that others import and run on their own.

Subclass `ProviderContract` in a test module and give it `provider_class`, the fixture `outcome`,
which completes a real login, for an upstream `remembered`, which completes one without asking
anybody, and `settings_values` where the provider needs settings. Nothing here knows a provider by
name.
"""

from __future__ import annotations

import dataclasses
import inspect
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any, ClassVar

import pytest

from accounts.errors import InvalidGrant, ProtocolError
from accounts.http import Client
from accounts.login.flow import new_flow
from accounts.login.sign_in import require_proof
from accounts.provider import (
    OPTIONAL,
    RESERVED_TYPES,
    WAYS_IN,
    Authentication,
    Description,
    Finding,
    LoginFlow,
    LogoutPlan,
    Prompt,
    Prompts,
    Provider,
    Redirect,
    Redirects,
    SessionRef,
    SourceRef,
    TokenSet,
    members,
)
from accounts.source import registry, trusted
from accounts.strength import levels

# What is called by such a name says where something goes, and may have no scheme.
_PLACE = re.compile(r"(^|_)(path|hosts?|servers?|ports?|domain|realm|ur[il])(_|$)")
CALLBACK = "http://localhost:8000/auth/callback/contract"
NONSENSE: tuple[dict[str, str], ...] = (
    {},
    {"code": "", "state": ""},
    {"code": "\0", "state": "x" * 5000},
    {"error": "server_error", "error_description": "<script>"},
    {"username": "nobody-4711", "password": "guess-0815"},
    {"username": "", "password": ""},
    {"unexpected": "parameter"},
)


def now() -> datetime:
    return datetime.now(UTC)


class NoCalls:
    """The HTTP client of a provider that has no business calling anybody."""

    def __getattr__(self, name: str) -> Any:
        pytest.fail(f"an upstream is called: {name}")


def promises(provider_class: type[Any]) -> Iterator[tuple[str, Any]]:
    """Yield the name of each member that the provider has, and what the contract says of it."""
    protocols: tuple[type[Any], ...] = (Provider, *WAYS_IN, *OPTIONAL)
    for protocol in protocols:
        for name in members(protocol):
            if hasattr(provider_class, name) and inspect.isfunction(vars(protocol)[name]):
                yield name, vars(protocol)[name]


@pytest.mark.django_db(transaction=True)
class ProviderContract:
    """Subclass it; the tests come along."""

    provider_class: ClassVar[type[Any]]

    @pytest.fixture
    def settings_values(self) -> dict[str, Any]:
        """Return settings with which the provider can be built."""
        return {}

    @pytest.fixture
    def provider(self, settings_values: dict[str, Any]) -> Any:
        settings = self.provider_class.Settings(**settings_values)
        source = SourceRef("contract", "Contract", CALLBACK)
        return self.provider_class(source, settings, Client("contract"), now)

    @pytest.fixture
    def flow(self) -> LoginFlow:
        return new_flow("contract", CALLBACK, "", now())

    @pytest.fixture
    def held(self) -> SessionRef:
        return SessionRef("0" * 32, self.provider_class.session_type, "contract", "somebody")

    @staticmethod
    def complete(provider: Any, flow: LoginFlow, response: dict[str, str]) -> Authentication:
        """Answer the provider as its upstream, or its form, would."""
        if isinstance(provider, Prompts):
            return provider.verify(response)
        outcome: Authentication = provider.complete_login(flow, response, {})
        return outcome

    def test_it_has_every_member(self) -> None:
        assert list(registry.shortcomings(self.provider_class)) == []

    def test_it_has_a_type_of_its_own(self) -> None:
        assert self.provider_class.session_type not in RESERVED_TYPES

    def test_its_secrets_are_not_in_the_repr_of_its_settings(self) -> None:
        for field in dataclasses.fields(self.provider_class.Settings):
            assert field.repr is not bool(field.metadata.get("secret")), field.name

    def test_its_places_are_trusted(self, settings_values: dict[str, Any]) -> None:
        """An editor of sources could send people's proofs elsewhere by one that is not."""
        for field in dataclasses.fields(self.provider_class.Settings):
            value = settings_values.get(field.name, registry.default_of(field))
            is_place = _PLACE.search(field.name) or str(value).startswith("/")
            assert not is_place or trusted.is_trusted(field, value), field.name

    def test_each_member_takes_what_the_contract_gives_it(self, provider: Any) -> None:
        for name, promised in promises(self.provider_class):
            given = list(inspect.signature(promised).parameters.values())[1:]
            named = {each.name: each for each in given if each.kind is each.KEYWORD_ONLY}
            positional = [each for each in given if each.name not in named]
            inspect.signature(getattr(provider, name)).bind(*positional, **named)

    def test_it_describes_itself_without_a_call_or_a_query(
        self, settings_values: dict[str, Any], django_assert_num_queries: Any
    ) -> None:
        settings = self.provider_class.Settings(**settings_values)
        source = SourceRef("contract", "Contract", CALLBACK)
        with django_assert_num_queries(0):
            description = self.provider_class(source, settings, NoCalls(), now).describe()
        assert isinstance(description, Description)
        assert description.label
        assert list(levels.problems(description.strengths)) == []

    def test_it_has_one_way_in(self, provider: Any) -> None:
        assert len([way for way in WAYS_IN if isinstance(provider, way)]) == 1

    def test_its_way_in_begins(self, provider: Any, flow: LoginFlow) -> None:
        if isinstance(provider, Prompts):
            prompt = provider.prompt()
            assert isinstance(prompt, Prompt)
            assert prompt.identifier in {field.name for field in prompt.fields}
        elif isinstance(provider, Redirects):
            step = provider.begin_login(flow)
            assert isinstance(step, Redirect)
            assert step.url.startswith(("https://", "http://"))
            assert flow.code_verifier not in step.url

    @pytest.mark.parametrize("response", NONSENSE)
    def test_nonsense_makes_no_identity(
        self, provider: Any, flow: LoginFlow, response: dict[str, str]
    ) -> None:
        with pytest.raises(ProtocolError) as caught:
            self.complete(provider, flow, response)
        for value in response.values():
            assert not value or value not in str(caught.value)

    def test_whom_its_upstream_remembers_has_proved_nothing(
        self, provider: Any, request: pytest.FixtureRequest
    ) -> None:
        """Whoever sits at an unlocked browser would else link, delete and export in its name."""
        if isinstance(provider, Prompts):
            return  # its form asks each time
        remembered = request.getfixturevalue("remembered")
        again = new_flow("contract", CALLBACK, "", now(), again=True)
        with pytest.raises(InvalidGrant):
            require_proof(remembered(again), again)

    def test_planning_to_leave_never_raises(self, provider: Any, held: SessionRef) -> None:
        for tokens in (None, TokenSet(), TokenSet(id_token="it", access_token="at")):
            plan = provider.plan_logout(held, tokens, {}, "http://localhost:8000/")
            assert isinstance(plan, LogoutPlan)

    def test_its_self_test_names_a_fix(self, provider: Any) -> None:
        findings = provider.check()
        assert findings
        for finding in findings:
            assert isinstance(finding, Finding)
            assert finding.message
            assert finding.ok or finding.fix

    def test_optional_members_are_whole(self, provider: Any) -> None:
        for protocol in OPTIONAL:
            begun = any(hasattr(provider, name) for name in members(protocol))
            assert isinstance(provider, protocol) is begun

    def test_a_login_that_it_completes_is_a_whole_identity(
        self, provider: Any, outcome: Authentication
    ) -> None:
        assert_whole(outcome)
        assert outcome.issuer == provider.describe().issuer, "describe() names another issuer"

    @pytest.fixture
    def outcome(self) -> Authentication:
        """Override: return what the provider makes of a real login."""
        pytest.fail("the fixture `outcome` must complete a login")

    @pytest.fixture
    def remembered(self) -> Callable[[LoginFlow], Authentication]:
        """Override where there is an upstream: complete a login with the flow that is given, which
        asks for a fresh proof, of somebody whom the upstream remembers and has asked nothing. What
        comes of it is refused, or does not say that the person has proved anything since.
        """
        pytest.fail("the fixture `remembered` must complete a login without a fresh proof")


def assert_whole(outcome: Any) -> None:
    """Hold an outcome to what a session is made of (OIDC Core, 2)."""
    assert isinstance(outcome, Authentication), "complete_login completes no login"
    assert isinstance(outcome.subject, str)
    assert outcome.subject.strip(), "nobody is named"
    assert outcome.tokens is None or isinstance(outcome.tokens, TokenSet)
    upstreams = outcome.tokens.expires_at if outcome.tokens else None
    for moment in (outcome.expires_at, upstreams):
        assert moment is None or moment.tzinfo, "a moment without a time zone"
