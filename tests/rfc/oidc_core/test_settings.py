"""What an operator may say of a provider is checked when it is saved, naming the field."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from accounts.models import Source
from accounts.provider import Redirects
from providers.oidc import selftest
from providers.oidc.provider import OidcProvider
from providers.oidc.settings import OidcSettings
from tests.peers.tampering import CLIENT_SECRET, REMOVED, OpenIdProvider, page
from tests.rfc.oidc_core.portal import Portal

pytestmark = pytest.mark.wire

GOOD = {"issuer": "https://city.example/", "client_id": "portal", "client_secret": "s"}


@pytest.mark.parametrize(
    ("field", "values"),
    [
        ("issuer", {"issuer": ""}),
        ("issuer", {"issuer": "city.example"}),
        ("issuer", {"issuer": "ftp://city.example"}),
        ("issuer", {"issuer": "https://city.example/?tenant=1"}),
        ("issuer", {"issuer": "https://city.example/#x"}),
        ("issuer", {"issuer": "https://user@city.example/"}),
        ("issuer", {"issuer": "https://city.example/\n"}),
        ("issuer", {"issuer": "https://city.example/" + "x" * 500}),
        ("client_id", {"client_id": ""}),
        ("client_id", {"client_id": "a\0b"}),
        ("client_auth", {"client_auth": "private_key_jwt"}),
        ("client_secret", {"client_secret": "", "client_auth": "basic"}),
        ("client_secret", {"client_auth": "none"}),
        ("scope", {"scope": "profile"}),
        ("response_mode", {"response_mode": "fragment"}),
        ("authorize", {"authorize": {"state": "x"}}),
        ("authorize", {"authorize": {"redirect_uri": "https://evil.example"}}),
        ("authorize", {"authorize": {"max_age": "-1"}}),
        ("authorize", {"authorize": {"max_age": ""}}),
        ("authorize", {"authorize": {"max_age": "9" * 10}}),
        pytest.param("authorize", {"authorize": {"max_age": "9" * 5000}}, id="5000 digits"),
        ("authorize", {"authorize": {"max_age": "\u0663\u0660"}}),
        ("authorize", {"authorize": {"prompt": 1}}),
        ("endpoints", {"endpoints": {"token": "https://city.example/token"}}),
        ("endpoints.token_endpoint", {"endpoints": {"token_endpoint": "token"}}),
        ("endpoints", {"discover": False}),
        ("algorithms", {"algorithms": ()}),
        ("algorithms", {"algorithms": ("none",)}),
        ("algorithms", {"algorithms": ("RS256", "HS256")}),
        ("leeway", {"leeway": -1}),
        ("leeway", {"leeway": 3600}),
        ("claims", {"claims": {"is_staff": "admin"}}),
        ("claims", {"claims": {"name": ["a"]}}),
        ("required_role", {"required_role": "clerk"}),
        ("required_role_claim", {"required_role_claim": "roles"}),
        ("allowed_groups", {"allowed_groups": ("clerks",)}),
        ("userinfo", {"userinfo": "maybe"}),
        ("bearer_validation", {"bearer_validation": "trust"}),
        ("audience_claim", {"audience_claim": "azp"}),
    ],
    ids=str,
)
def test_a_wrong_value_names_its_field(field: str, values: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=rf"\b{field}\b"):
        OidcSettings(**{**GOOD, **values})


def test_the_longest_max_age_is_one(portal: Portal, op: OpenIdProvider) -> None:
    source = portal.source(authorize={"max_age": "9" * 9})
    asked = source.begin_login(replace(portal.flow(), wishes={"max_age": "60"})).url
    assert parse_qs(urlsplit(asked).query)["max_age"] == ["60"]


def test_plain_http_needs_the_sandbox(settings: Any) -> None:
    assert OidcSettings(**{**GOOD, "issuer": "http://127.0.0.1:1/"})
    settings.VESTIBULE_HTTP_PLAIN = False
    with pytest.raises(ValueError, match="issuer"):
        OidcSettings(**{**GOOD, "issuer": "http://127.0.0.1:1/"})


@pytest.mark.parametrize(
    ("values", "method"),
    [({}, "basic"), ({"client_auth": "post"}, "post"), ({"client_secret": ""}, "none")],
)
def test_how_the_client_proves_itself(values: dict[str, str], method: str) -> None:
    assert OidcSettings(**{**GOOD, **values}).authenticates_by == method


def test_the_house_accepts_the_settings_as_json_has_them() -> None:
    from accounts.source.catalogue import typed_settings

    found = typed_settings(
        OidcProvider,
        {**GOOD, "algorithms": ["ES256"], "authorize": {"prompt": "login"}, "leeway": 5},
    )
    assert (found.algorithms, found.leeway) == (("ES256",), 5)
    assert isinstance(Source(provider="oidc"), Source)


def test_a_healthy_source_passes_its_self_test(portal: Portal, op: OpenIdProvider) -> None:
    found = portal.source().check()
    assert not [finding for finding in found if not finding.ok]
    # The tests' provider speaks plain http.
    assert "The token endpoint is on this machine." in {finding.message for finding in found}


@pytest.mark.parametrize(
    ("endpoint", "ok"),
    [
        ("https://id.example/token", True), ("http://127.0.0.1:8001/token", True),
        ("http://id.example/token", False), ("http://127.0.0.1.evil.example/token", False),
    ],
)  # fmt: skip
def test_our_secret_leaves_this_machine_by_https_only(endpoint: str, ok: bool) -> None:
    found = selftest._protected(urlsplit(endpoint))
    assert (found.ok, bool(found.fix)) == (ok, not ok)


def _down(name: str) -> Any:
    return lambda op: op.answers.update({name: page(500, b"secret-of-the-body")})


@pytest.mark.parametrize(
    ("words", "tamper"),
    [
        ("cannot be read", _down(".well-known/openid-configuration")),
        ("another issuer", lambda op: op.document.update(issuer="https://evil.example")),
        ("cannot be used", lambda op: op.document.update(token_endpoint=REMOVED)),
        ("keys cannot be read", _down("jwks")),
        ("None of the provider's keys", lambda op: setattr(op, "jwks", op.jwks[-2:])),
        (
            "none of the algorithms",
            lambda op: op.document.update(id_token_signing_alg_values_supported=["HS256"]),
        ),
        ("PKCE", lambda op: op.document.update(code_challenge_methods_supported=["plain"])),
        (
            "client_secret_basic",
            lambda op: op.document.update(
                token_endpoint_auth_methods_supported=["tls_client_auth"]
            ),
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_sick_source_says_what_to_do(
    portal: Portal, op: OpenIdProvider, words: str, tamper: Any
) -> None:
    tamper(op)
    bad = [finding for finding in portal.source().check() if not finding.ok]
    assert any(words in finding.message for finding in bad)
    for finding in bad:
        assert finding.fix
        assert "secret-of-the-body" not in finding.message
        assert CLIENT_SECRET not in finding.message


def test_what_the_pages_show(portal: Portal, op: OpenIdProvider) -> None:
    op.document["end_session_endpoint"] = "https://logout.example/end"
    source = portal.source(label="City", help="For everybody", icon="city")
    portal.login(source)
    description = source.describe()
    assert (description.label, description.help, description.icon) == (
        *("City", "For everybody", "city"),
    )
    assert isinstance(source, Redirects)


def test_a_login_costs_two_calls_when_all_is_warm(portal: Portal, op: OpenIdProvider) -> None:
    source = portal.source()
    portal.login(source)
    op.calls.clear()
    portal.login(source)
    portal.login()  # another instance of the same source
    assert op.calls == {"authorize": 2, "token": 2, "userinfo": 2}
    source.describe()
    assert sum(op.calls.values()) == 6
