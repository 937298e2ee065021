"""OpenID Connect RP-Initiated Logout 1.0, and RFC 7009: the way out.

What comes back with the browser is judged over the whole site.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from accounts.errors import TemporarilyUnavailable
from accounts.provider import LogoutPlan, TokenSet
from tests.peers.tampering import CLIENT_ID, REMOVED, OpenIdProvider, error, page
from tests.rfc.oidc_core.portal import DONE, HELD, Portal

pytestmark = pytest.mark.wire

TOKENS = TokenSet(access_token="at-1", refresh_token="rt-1", id_token="it-1")


def visit_of(portal: Portal, tokens: TokenSet | None = TOKENS, **settings: Any) -> Any:
    source, _ = portal.signed_in(**settings)
    visit = source.plan_logout(HELD, tokens, {}, DONE).visit
    place, _, query = visit.partition("?")
    return place, {name: values[0] for name, values in parse_qs(query).items()}


@pytest.mark.parametrize(
    "module",
    [
        "oidcc-client-test-rp-init-logout",
        "oidcc-client-test-rp-init-logout-other-state",
        "oidcc-client-test-rp-init-logout-no-state",
    ],
)
def test_2_the_visit(portal: Portal, op: OpenIdProvider, module: str) -> None:
    place, query = visit_of(portal)
    assert place == op.url("end_session")
    assert len(query.pop("state")) >= 16
    assert query == {
        "id_token_hint": "it-1",
        "post_logout_redirect_uri": DONE,
        "client_id": CLIENT_ID,
    }


def test_2_the_hint_is_the_id_token_of_the_session(portal: Portal, op: OpenIdProvider) -> None:
    source, tokens = portal.signed_in()
    visit = source.plan_logout(HELD, tokens, {}, DONE).visit
    assert parse_qs(urlsplit(visit).query)["id_token_hint"] == [tokens.id_token]


@pytest.mark.parametrize("settings", [{}, {"logout_names": {"id_token_hint": "hint"}}], ids=str)
def test_2_a_hint_that_is_too_long_for_an_address_is_left_out(
    portal: Portal, op: OpenIdProvider, settings: dict[str, Any]
) -> None:
    _, usual = visit_of(portal, **settings)
    place, query = visit_of(portal, replace(TOKENS, id_token=8000 * "x"), **settings)
    assert place == op.url("end_session")
    assert set(usual) - set(query) == {
        settings.get("logout_names", {}).get("id_token_hint", "id_token_hint")
    }
    _, query = visit_of(portal, replace(TOKENS, id_token=7000 * "x"), **settings)
    assert set(query) == set(usual)


def test_the_plan_is_a_visit_and_a_call_for_those_without_a_browser(portal: Portal) -> None:
    source, _ = portal.signed_in()
    plan = source.plan_logout(HELD, TOKENS, {}, DONE)
    assert plan.call is None
    assert plan.api_call == TokenSet(refresh_token="rt-1")
    without = source.plan_logout(HELD, TokenSet(access_token="at-1"), {}, DONE)
    assert without.api_call == TokenSet(access_token="at-1")


def test_without_tokens_the_client_still_names_itself(portal: Portal) -> None:
    _place, query = visit_of(portal, None)
    assert set(query) == {"post_logout_redirect_uri", "client_id", "state"}


def test_cognito_has_words_of_its_own(portal: Portal) -> None:
    names = {"post_logout_redirect_uri": "logout_uri", "id_token_hint": "", "state": ""}
    _place, query = visit_of(portal, logout_names=names, logout={"lang": "da"})
    assert query == {"logout_uri": DONE, "client_id": CLIENT_ID, "lang": "da"}


def test_an_address_with_a_query_keeps_it(portal: Portal, op: OpenIdProvider) -> None:
    op.document["end_session_endpoint"] = op.url("end_session") + "?tenant=city"
    _place, query = visit_of(portal)
    assert query["tenant"] == "city"
    assert query["client_id"] == CLIENT_ID


def test_planning_asks_a_provider_of_which_nothing_is_known_once(
    portal: Portal, op: OpenIdProvider
) -> None:
    for _ in range(2):
        assert portal.source().plan_logout(HELD, TOKENS, {}, DONE).visit
    assert op.calls == {".well-known/openid-configuration": 1}


@pytest.mark.parametrize("answer", [page(500), page(200, b"<html>"), page(200, b"{}", after=5)])
def test_a_provider_of_which_nothing_can_be_known_does_not_answer(
    portal: Portal, op: OpenIdProvider, answer: Any
) -> None:
    op.answers[".well-known/openid-configuration"] = answer
    plan = portal.source().plan_logout(HELD, TOKENS, {}, DONE)
    assert plan == LogoutPlan(unanswered=TokenSet(id_token="it-1"))


def test_planning_asks_nobody_who_is_known(portal: Portal, op: OpenIdProvider) -> None:
    source, _ = portal.signed_in()
    op.calls.clear()
    portal.clock.skip(3600)
    assert source.plan_logout(HELD, TOKENS, {}, DONE).visit
    assert not op.calls


def test_a_provider_without_a_way_out_has_none(portal: Portal, op: OpenIdProvider) -> None:
    op.document.update(end_session_endpoint=REMOVED, revocation_endpoint=REMOVED)
    source, tokens = portal.signed_in()
    assert source.plan_logout(HELD, tokens, {}, DONE) == LogoutPlan()


def test_revocation_can_be_switched_off(portal: Portal) -> None:
    source, tokens = portal.signed_in(revoke=False)
    assert source.plan_logout(HELD, tokens, {}, DONE).api_call is None


def test_7009_2_1_the_refresh_token_is_revoked_twice_without_harm(
    portal: Portal, op: OpenIdProvider
) -> None:
    source, _ = portal.signed_in()
    for _ in range(2):
        source.call_logout(TOKENS)
    assert op.forms["revoke"] == {"token": "rt-1", "token_type_hint": "refresh_token"}
    source.call_logout(TokenSet(access_token="at-1"))
    assert op.forms["revoke"] == {"token": "at-1", "token_type_hint": "access_token"}
    source.call_logout(TokenSet())
    assert op.calls["revoke"] == 3


@pytest.mark.parametrize(
    "answer", [page(500), page(503), error("invalid_client", 401), page(200, b"", after=5)]
)
def test_7009_a_revocation_that_failed_is_told(
    portal: Portal, op: OpenIdProvider, answer: Any
) -> None:
    source, _ = portal.signed_in()
    op.answers["revoke"] = answer
    with pytest.raises(TemporarilyUnavailable):
        source.call_logout(TOKENS)
