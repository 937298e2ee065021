"""The relying party modules of the OpenID Foundation's conformance suite, by their names.

What the fake provider does was written anew from what the modules are known to test. Those that
need a browser's cookies, a POST to the callback or a session are judged over the whole site.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from accounts.errors import InvalidGrant, TemporarilyUnavailable
from tests.peers.tampering import CLIENT_ID, REMOVED, SUBJECT, OpenIdProvider, jwk
from tests.rfc.oidc_core.portal import Portal

pytestmark = pytest.mark.wire

Tampering = Callable[[OpenIdProvider], object]


def _xor_signature(token: str) -> str:
    from jwt.utils import base64url_decode, base64url_encode

    signed, _, signature = token.rpartition(".")
    spoilt = bytes(byte ^ 0x5A for byte in base64url_decode(signature))
    return f"{signed}.{base64url_encode(spoilt).decode()}"


def _signed_by(op: OpenIdProvider, algorithm: str, key: str) -> None:
    op.algorithm, op.key = algorithm, key


def _one_key_without_kid(op: OpenIdProvider) -> None:
    op.header["kid"] = REMOVED
    others = [each for each in op.jwks if each["kid"] not in {"rsa-1", "rsa-2"}]
    op.jwks = [jwk("rsa-1", kid=REMOVED), *others]


def _several_keys_without_kid(op: OpenIdProvider) -> None:
    op.header["kid"] = REMOVED
    op.jwks = [jwk(name, kid=REMOVED) for name in ("rsa-1", "rsa-2", "rsa-3")]


def _bad_es256(op: OpenIdProvider) -> None:
    _signed_by(op, "ES256", "p256-1")
    op.mangle = _xor_signature


ACCEPTED: dict[str, Tampering] = {
    "oidcc-client-test": lambda op: None,
    "oidcc-client-test-kid-absent-single-jwks": _one_key_without_kid,
    "oidcc-client-test-idtoken-sig-rs256": lambda op: op.document.update(
        id_token_signing_alg_values_supported=["RS256"]
    ),
    "oidcc-client-test-client-secret-basic": lambda op: setattr(op, "client_auth", "basic"),
    "oidcc-client-test-discovery-jwks-uri-keys": lambda op: None,
    "fapi2-security-profile-final-client-test-valid-aud-as-array": lambda op: op.claims.update(
        aud=[CLIENT_ID]
    ),
    "fapi2-security-profile-final-client-test-token-type-case-insensitivity": (
        lambda op: op.tokens.update(token_type="bEARER")
    ),
    "fapi2-security-profile-final-client-test-token-endpoint-response-without-expires_in": (
        lambda op: op.tokens.update(expires_in=REMOVED)
    ),
}
REFUSED_ID_TOKENS: dict[str, Tampering] = {
    "oidcc-client-test-invalid-iss": lambda op: op.claims.update(iss=op.issuer + "1"),
    "oidcc-client-test-missing-sub": lambda op: op.claims.update(sub=REMOVED),
    "oidcc-client-test-invalid-aud": lambda op: op.claims.update(aud=CLIENT_ID + "1"),
    "oidcc-client-test-missing-aud": lambda op: op.claims.update(aud=REMOVED),
    "oidcc-client-test-missing-iat": lambda op: op.claims.update(iat=REMOVED),
    "oidcc-client-test-kid-absent-multiple-jwks": _several_keys_without_kid,
    "oidcc-client-test-idtoken-sig-none": lambda op: op.header.update(alg="none"),
    "oidcc-client-test-invalid-sig-rs256": lambda op: setattr(op, "mangle", _xor_signature),
    "oidcc-client-test-invalid-sig-es256": _bad_es256,
    "oidcc-client-test-invalid-sig-hs256": lambda op: setattr(op, "algorithm", "HS256"),
    "oidcc-client-test-nonce-invalid": lambda op: op.claims.update(nonce="another1"),
    "oidcc-client-test-invalid-athash": lambda op: op.claims.update(at_hash="x" * 22),
    "fapi2-security-profile-final-client-test-invalid-secondary-aud": lambda op: op.claims.update(
        aud=[CLIENT_ID, "unknown-client"], azp=CLIENT_ID
    ),
    "fapi2-security-profile-final-client-test-invalid-missing-iss": lambda op: op.claims.update(
        iss=REMOVED
    ),
    "fapi2-security-profile-final-client-test-invalid-missing-exp": lambda op: op.claims.update(
        exp=REMOVED
    ),
    "fapi2-security-profile-final-client-test-invalid-expired-exp": lambda op: op.claims.update(
        exp=int(op.now()) - 301
    ),
    "fapi2-security-profile-final-client-test-invalid-missing-nonce": lambda op: op.claims.update(
        nonce=REMOVED
    ),
    "fapi2-security-profile-final-client-test-invalid-null-alg": lambda op: op.header.update(
        alg="none"
    ),
}


@pytest.mark.parametrize("module", ACCEPTED)
def test_accepted(portal: Portal, op: OpenIdProvider, module: str) -> None:
    ACCEPTED[module](op)
    outcome = portal.login()
    assert (outcome.subject, outcome.name) == (SUBJECT, "Demo T. User")
    assert op.calls["userinfo"] == 1


@pytest.mark.parametrize("module", REFUSED_ID_TOKENS)
def test_refused_before_userinfo_is_asked(portal: Portal, op: OpenIdProvider, module: str) -> None:
    REFUSED_ID_TOKENS[module](op)
    assert isinstance(portal.refused(), InvalidGrant)
    assert op.calls["token"] == 1
    assert op.calls["userinfo"] == 0


@pytest.mark.parametrize(
    "module", ["fapi2-security-profile-final-client-test-invalid-alternate-alg"]
)
def test_another_algorithm_than_agreed(portal: Portal, op: OpenIdProvider, module: str) -> None:
    _signed_by(op, "ES256", "p256-1")
    assert portal.login().subject == SUBJECT
    assert isinstance(portal.refused(algorithms=("RS256",)), InvalidGrant)


@pytest.mark.parametrize("module", ["oidcc-client-test-userinfo-invalid-sub"])
def test_userinfo_of_somebody_else(portal: Portal, op: OpenIdProvider, module: str) -> None:
    op.userinfo["sub"] = SUBJECT + "invalid"
    assert isinstance(portal.refused(), InvalidGrant)


@pytest.mark.parametrize("module", ["oidcc-client-test-scope-userinfo-claims"])
def test_claims_of_the_scopes(portal: Portal, op: OpenIdProvider, module: str) -> None:
    op.userinfo.update(email="user@example.com", email_verified=False)
    outcome = portal.login(scope="openid email profile phone address")
    assert (outcome.email, outcome.email_verified) == ("user@example.com", False)


@pytest.mark.parametrize("module", ["oidcc-client-test-discovery-openid-config"])
def test_discovery_comes_first(portal: Portal, op: OpenIdProvider, module: str) -> None:
    portal.source().begin_login(portal.flow())
    assert op.calls == {".well-known/openid-configuration": 1}


@pytest.mark.parametrize(
    "module",
    [
        "oidcc-client-test-discovery-issuer-mismatch",
        "fapi2-security-profile-final-client-test-discovery-issuer-mismatch",
    ],
)
def test_discovery_of_another_issuer_stops(portal: Portal, op: OpenIdProvider, module: str) -> None:
    op.document["issuer"] = op.issuer + "INVALID"
    with pytest.raises(TemporarilyUnavailable):
        portal.source().begin_login(portal.flow())
    assert op.calls["authorize"] == 0


@pytest.mark.parametrize("module", ["oidcc-client-test-signing-key-rotation-just-before-signing"])
def test_keys_change_before_signing(portal: Portal, op: OpenIdProvider, module: str) -> None:
    portal.login()
    op.key, op.jwks = "rsa-4", [jwk("rsa-4")]
    assert portal.login().subject == SUBJECT


@pytest.mark.parametrize("module", ["oidcc-client-test-signing-key-rotation"])
def test_keys_change_between_two_logins(portal: Portal, op: OpenIdProvider, module: str) -> None:
    portal.login()
    source, flow = portal.source(), portal.flow()
    op.key, op.jwks = "rsa-5", [jwk("rsa-5")]
    assert source.complete_login(flow, portal.answer(source, flow), {}).subject == SUBJECT
    assert (op.calls["jwks"], op.calls["userinfo"]) == (2, 2)


@pytest.mark.parametrize("module", ["oidcc-client-test-userinfo-bearer-header"])
def test_bearer_in_the_header(portal: Portal, op: OpenIdProvider, module: str) -> None:
    op.bearer_in = "header"
    assert portal.login(userinfo_bearer="header").subject == SUBJECT


@pytest.mark.parametrize("module", ["oidcc-client-test-userinfo-bearer-body"])
def test_bearer_in_the_body(portal: Portal, op: OpenIdProvider, module: str) -> None:
    op.bearer_in = "body"
    assert portal.login(userinfo_bearer="body").subject == SUBJECT


@pytest.mark.parametrize("module", ["oidcc-client-test-form-post-error"])
def test_an_error_by_form_post(portal: Portal, op: OpenIdProvider, module: str) -> None:
    op.response.update(code=REMOVED, error="login_required", error_description="<b>no</b>")
    error = portal.refused(response_mode="form_post", authorize={"max_age": "0", "prompt": "none"})
    assert error.reason == "login-failed"
    assert op.calls["token"] == 0


@pytest.mark.parametrize(
    "module", ["oidcc-client-test-aggregated-claims", "oidcc-client-test-distributed-claims"]
)
def test_claims_of_others_are_not_fetched(portal: Portal, op: OpenIdProvider, module: str) -> None:
    place = {
        "endpoint": op.url("elsewhere"),
        "access_token": "x",
        "JWT": "eyJhbGciOiJub25lIn0.e30.",
    }
    op.userinfo.update(_claim_names={"credit": "src1"}, _claim_sources={"src1": place})
    outcome = portal.login(public=("_claim_sources", "credit"))
    assert "_claim_sources" not in outcome.claims
    assert outcome.public == {}
    assert op.calls["elsewhere"] == 0


@pytest.mark.parametrize("module", ["oidcc-client-test-userinfo-signed"])
def test_signed_userinfo(portal: Portal, op: OpenIdProvider, module: str) -> None:
    claims = {"iss": op.issuer, "aud": CLIENT_ID, "sub": SUBJECT, "name": "Signed"}
    op.userinfo["signed"] = op.sign(claims)
    assert portal.login().name == "Signed"
    for wrong in ({"iss": "https://evil.example"}, {"aud": "another"}, {"sub": "another"}):
        op.userinfo["signed"] = op.sign({**claims, **wrong})
        assert isinstance(portal.refused(), InvalidGrant)
    op.userinfo["signed"] = op.sign(claims, alg="none")
    assert isinstance(portal.refused(), InvalidGrant)


@pytest.mark.parametrize("module", ["oidcc-client-test-refresh-token"])
def test_a_refresh(portal: Portal, op: OpenIdProvider, module: str) -> None:
    source, tokens = portal.signed_in()
    fresh = source.refresh(tokens)
    assert fresh.access_token != tokens.access_token
    assert op.forms["token"] == {"grant_type": "refresh_token", "refresh_token": "rt-1"}


@pytest.mark.parametrize(
    ("module", "claim"),
    [
        ("oidcc-client-test-refresh-token-invalid-issuer", "iss"),
        ("oidcc-client-test-refresh-token-invalid-sub", "sub"),
    ],
)
def test_a_refresh_that_brings_somebody_else(
    portal: Portal, op: OpenIdProvider, module: str, claim: str
) -> None:
    source, tokens = portal.signed_in()
    op.claims[claim] = "https://evil.example"
    with pytest.raises(InvalidGrant):
        source.refresh(replace(tokens))
    assert op.calls["userinfo"] == 1
