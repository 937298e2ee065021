"""OIDC Core 3.1.2: the authorization request, and which answers to it are taken.

The names S.. and X.. are codes of docs/threats.md. What needs a browser's cookies (flows that
expire, states used twice) is judged over the whole site.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from accounts.errors import (
    NO_PROOF,
    AccessDenied,
    InvalidGrant,
    InvalidRequest,
    ProtocolError,
    TemporarilyUnavailable,
)
from tests.peers.tampering import CLIENT_ID, REMOVED, SUBJECT, OpenIdProvider, tampering_provider
from tests.rfc.oidc_core.portal import CALLBACK, Portal

pytestmark = pytest.mark.wire


def request_of(portal: Portal, **settings: Any) -> dict[str, list[str]]:
    url = portal.source(**settings).begin_login(portal.flow()).url
    return parse_qs(urlsplit(url).query)


def test_3_1_2_1_the_request(portal: Portal) -> None:
    flow = portal.flow()
    query = parse_qs(urlsplit(portal.source().begin_login(flow).url).query)
    assert query.pop("code_challenge")
    assert query == {
        "response_type": ["code"],
        "client_id": [CLIENT_ID],
        "redirect_uri": [CALLBACK],
        "scope": ["openid profile email"],
        "state": [flow.state],
        "nonce": [flow.nonce],
        "code_challenge_method": ["S256"],
    }


def test_3_1_2_1_extra_parameters_stand_beside_ours(portal: Portal, op: OpenIdProvider) -> None:
    op.document["authorization_endpoint"] = op.url("authorize") + "?tenant=city"
    query = request_of(
        portal, authorize={"prompt": "login", "ui_locales": "da"}, required_acr=("high", "mid")
    )
    assert query["tenant"] == ["city"]
    assert (query["prompt"], query["ui_locales"]) == (["login"], ["da"])
    assert query["acr_values"] == ["high mid"]


def test_form_post_is_asked_for_and_declared(portal: Portal) -> None:
    assert request_of(portal, response_mode="form_post")["response_mode"] == ["form_post"]
    assert portal.source(response_mode="form_post").describe().form_post
    assert not portal.source().describe().form_post


@pytest.mark.parametrize("state", [REMOVED, "", "forged", "\ud800"])
def test_s02_a_forged_state_ends_it(portal: Portal, op: OpenIdProvider, state: Any) -> None:
    source, flow = portal.source(), portal.flow()
    answer = portal.answer(source, flow)
    if state is REMOVED:
        del answer["state"]
    else:
        answer["state"] = state
    with pytest.raises(InvalidRequest):
        source.complete_login(flow, answer, {})
    assert op.calls["token"] == 0


def test_s02_the_answer_to_another_tab_is_not_taken(portal: Portal, op: OpenIdProvider) -> None:
    source, mine, other = portal.source(), portal.flow(), portal.flow()
    with pytest.raises(InvalidRequest):
        source.complete_login(mine, portal.answer(source, other), {})
    assert op.calls["token"] == 0


def test_s04_nobody_is_signed_in_without_a_flow(portal: Portal) -> None:
    source, flow = portal.source(), portal.flow()
    with pytest.raises(InvalidRequest):
        source.complete_login(None, portal.answer(source, flow), {})


def test_c05_a_code_of_somebody_else_is_worth_nothing(portal: Portal, op: OpenIdProvider) -> None:
    source, mine, other = portal.source(), portal.flow(), portal.flow()
    stolen = {**portal.answer(source, mine), "code": portal.answer(source, other)["code"]}
    with pytest.raises(InvalidGrant):
        source.complete_login(mine, stolen, {})


def test_x01_a_code_counts_once(portal: Portal) -> None:
    source, flow = portal.source(), portal.flow()
    answer = portal.answer(source, flow)
    source.complete_login(flow, answer, {})
    with pytest.raises(InvalidGrant):
        source.complete_login(flow, answer, {})


def test_x05_of_several_at_once_one_comes_in(portal: Portal) -> None:
    source, flow = portal.source(), portal.flow()
    answer = portal.answer(source, flow)

    def attempt(_: int) -> str:
        try:
            return source.complete_login(flow, answer, {}).subject
        except ProtocolError:
            return ""

    with ThreadPoolExecutor(4) as pool:  # as many as may call one upstream at once
        found = [subject for subject in pool.map(attempt, range(4)) if subject]
    assert found == [SUBJECT]


def test_s06_a_code_never_goes_to_another_providers_token_endpoint(
    portal: Portal, op: OpenIdProvider
) -> None:
    with tampering_provider() as evil:
        other = Portal(evil)
        source, flow = other.source(), other.flow()
        with pytest.raises(InvalidRequest):
            source.complete_login(flow, {**portal.answer(portal.source(), portal.flow())}, {})
        mixed = {**portal.answer(portal.source(), flow), "iss": op.issuer}
        with pytest.raises(InvalidRequest):
            source.complete_login(flow, mixed, {})
        assert evil.calls["token"] == 0


def test_s09_two_tabs_get_each_its_own(portal: Portal, op: OpenIdProvider) -> None:
    source, first, second = portal.source(), portal.flow(), portal.flow()
    answers = portal.answer(source, first), portal.answer(source, second)
    for flow, answer in ((second, answers[1]), (first, answers[0])):
        assert source.complete_login(flow, answer, {}).subject == SUBJECT


@pytest.mark.parametrize(
    ("error", "expected", "reason"),
    [
        ("access_denied", AccessDenied, "cancelled"),
        ("login_required", InvalidGrant, "login-failed"),
        ("interaction_required", InvalidGrant, "login-failed"),
        ("consent_required", InvalidGrant, "login-failed"),
        ("account_selection_required", InvalidGrant, "login-failed"),
        ("invalid_request", InvalidGrant, "login-failed"),
        ("unauthorized_client", InvalidGrant, "login-failed"),
        ("temporarily_unavailable", TemporarilyUnavailable, "temporarily-unavailable"),
        ("server_error", TemporarilyUnavailable, "temporarily-unavailable"),
        ("<script>alert(1)</script>", InvalidGrant, "login-failed"),
        ("", InvalidGrant, "login-failed"),
    ],
)
def test_s14_an_error_becomes_a_reason_and_its_words_are_dropped(
    portal: Portal, op: OpenIdProvider, error: str, expected: type[ProtocolError], reason: str
) -> None:
    source, flow = portal.source(), portal.flow()
    words = "<script>secret-of-the-body</script>"
    answer = {"error": error, "error_description": words, "error_uri": words, "state": flow.state}
    with pytest.raises(expected) as caught:
        source.complete_login(flow, answer, {})
    assert caught.value.reason == reason
    assert "script" not in str(caught.value)
    assert op.calls["token"] == 0


def test_s14_an_error_needs_the_state_as_well(portal: Portal) -> None:
    with pytest.raises(InvalidRequest):
        portal.source().complete_login(portal.flow(), {"error": "access_denied"}, {})


def test_x01_a_success_that_is_an_error_is_neither(portal: Portal, op: OpenIdProvider) -> None:
    op.response["error"] = "access_denied"
    assert isinstance(portal.refused(), InvalidRequest)
    assert op.calls["token"] == 0


@pytest.mark.parametrize("code", ["", "\0", "a b\r\nc", "ø", "c" * 10_000])
def test_a_code_that_is_none_is_not_sent(portal: Portal, op: OpenIdProvider, code: str) -> None:
    source, flow = portal.source(), portal.flow()
    with pytest.raises(InvalidRequest):
        source.complete_login(flow, {"code": code, "state": flow.state}, {})
    assert op.calls["token"] == 0


def test_tokens_in_the_answer_are_not_looked_at(portal: Portal, op: OpenIdProvider) -> None:
    op.response.update(id_token="forged", access_token="forged", unknown="x" * 1000)
    outcome = portal.login()
    assert outcome.tokens is not None
    assert outcome.tokens.id_token != "forged"


def test_a_fresh_proof_prompts_for_a_login(portal: Portal) -> None:
    source = portal.source(authorize={"prompt": "consent"})
    usual = source.begin_login(portal.flow())
    anew = source.begin_login(replace(portal.flow(), again=True))
    assert "prompt=consent" in usual.url
    assert "prompt=login+consent" in anew.url
    assert "max_age=0" in anew.url
    assert "max_age" not in usual.url


def test_a_fresh_proof_is_held_against_auth_time(portal: Portal, op: OpenIdProvider) -> None:
    source, flow = portal.source(), replace(portal.flow(), again=True)
    op.claims["auth_time"] = int(op.now()) - 3600
    with pytest.raises(InvalidGrant):
        source.complete_login(flow, portal.answer(source, flow), {})
    op.claims["auth_time"] = int(op.now())
    assert source.complete_login(flow, portal.answer(source, flow), {}).subject == SUBJECT


@pytest.mark.parametrize("said", [REMOVED, 0, None])
def test_who_does_not_say_when_proves_nothing(
    portal: Portal, op: OpenIdProvider, said: object
) -> None:
    source, flow = portal.source(), replace(portal.flow(), again=True)
    op.claims["auth_time"] = said
    with pytest.raises(InvalidGrant) as refused:
        source.complete_login(flow, portal.answer(source, flow), {})
    assert refused.value.reason == NO_PROOF
    usual = portal.flow()
    assert source.complete_login(usual, portal.answer(source, usual), {}).subject == SUBJECT
