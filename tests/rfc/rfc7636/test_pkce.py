"""RFC 7636: the code is worth nothing without the verifier of this browser's request."""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import replace
from urllib.parse import parse_qs, urlsplit

import pytest

from accounts.errors import InvalidGrant
from tests.peers.tampering import SUBJECT, OpenIdProvider
from tests.rfc.oidc_core.portal import Portal

pytestmark = pytest.mark.wire


def test_4_3_the_request_carries_the_s256_challenge(portal: Portal) -> None:
    flow = portal.flow()
    query = parse_qs(urlsplit(portal.source().begin_login(flow).url).query)
    digest = hashlib.sha256(flow.code_verifier.encode("ascii")).digest()
    assert query["code_challenge"] == [base64.urlsafe_b64encode(digest).decode().rstrip("=")]
    assert query["code_challenge_method"] == ["S256"]


def test_4_1_the_verifier_is_well_formed_and_never_travels_with_the_browser(
    portal: Portal,
) -> None:
    flow = portal.flow()
    assert re.fullmatch(r"[A-Za-z0-9._~-]{43,128}", flow.code_verifier)
    assert flow.code_verifier not in portal.source().begin_login(flow).url


def test_4_5_the_verifier_is_sent_with_the_code(portal: Portal, op: OpenIdProvider) -> None:
    source, flow = portal.source(), portal.flow()
    assert source.complete_login(flow, portal.answer(source, flow), {}).subject == SUBJECT
    assert op.forms["token"]["code_verifier"] == flow.code_verifier


@pytest.mark.parametrize("verifier", ["", "x" * 43, "another-verifier" * 4])
def test_4_6_another_verifier_gets_nothing(portal: Portal, verifier: str) -> None:
    source, flow = portal.source(), portal.flow()
    answer = portal.answer(source, flow)
    with pytest.raises(InvalidGrant):
        source.complete_login(replace(flow, code_verifier=verifier), answer, {})


def test_c13_each_attempt_has_its_own(portal: Portal) -> None:
    flows = [portal.flow() for _ in range(1000)]
    for name in ("state", "nonce", "code_verifier"):
        assert len({getattr(flow, name) for flow in flows}) == 1000
