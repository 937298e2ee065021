"""RFC 9207: the answer says which provider it comes from (S07)."""

from __future__ import annotations

from typing import Any

import pytest

from accounts.errors import InvalidRequest
from tests.peers.tampering import REMOVED, SUBJECT, OpenIdProvider
from tests.rfc.oidc_core.portal import Portal

pytestmark = pytest.mark.wire

ANNOUNCED = {"authorization_response_iss_parameter_supported": True}
FAPI = "fapi2-security-profile-final-client-test-"


def test_2_4_the_right_issuer_is_taken(portal: Portal, op: OpenIdProvider) -> None:
    op.document.update(ANNOUNCED)
    op.response["iss"] = op.issuer
    assert portal.login().subject == SUBJECT


@pytest.mark.parametrize("announced", [True, False])
@pytest.mark.parametrize("module", [f"{FAPI}invalid-authorization-response-iss"])
def test_2_4_the_issuer_of_another_stops_it(
    portal: Portal, op: OpenIdProvider, module: str, announced: bool
) -> None:
    op.document.update(ANNOUNCED if announced else {})
    for wrong in ("https://evil.example/", op.issuer.rstrip("/"), op.issuer.upper(), " "):
        op.response["iss"] = wrong
        assert isinstance(portal.refused(), InvalidRequest)
    assert op.calls["token"] == 0


@pytest.mark.parametrize("module", [f"{FAPI}remove-authorization-response-iss"])
def test_2_4_an_issuer_that_was_announced_must_be_there(
    portal: Portal, op: OpenIdProvider, module: str
) -> None:
    op.document.update(ANNOUNCED)
    assert isinstance(portal.refused(), InvalidRequest)
    assert op.calls["token"] == 0


@pytest.mark.parametrize("said", [REMOVED, False, "true", 1, None])
def test_3_only_true_announces_it(portal: Portal, op: OpenIdProvider, said: Any) -> None:
    op.document["authorization_response_iss_parameter_supported"] = said
    assert portal.login().subject == SUBJECT


def test_2_an_error_of_another_provider_is_not_taken_either(
    portal: Portal, op: OpenIdProvider
) -> None:
    op.response.update(code=REMOVED, error="access_denied", iss="https://evil.example/")
    assert isinstance(portal.refused(), InvalidRequest)
