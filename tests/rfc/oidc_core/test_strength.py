"""OIDC Core 2 and 3.1.2.1, `acr` and `acr_values`: how strong a sign-in was, and is asked for."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from accounts.errors import AccessDenied
from tests.peers.tampering import OpenIdProvider
from tests.rfc.oidc_core.portal import Portal

pytestmark = pytest.mark.wire

SAID: list[tuple[dict[str, Any], dict[str, Any], str]] = [
    ({}, {"acr": "gold"}, "gold"),
    ({}, {"acr": ["a", "b"]}, "a"),
    ({}, {"acr": 2}, ""),
    ({}, {"acr": "gold", "acrs": ["c1"]}, "gold"),
    ({"strength_claim": "acrs"}, {"acr": "1", "acrs": ["c1", "c3"]}, "c1"),
    ({"strength_claim": "acrs", "strengths": {"c3": "high"}}, {"acrs": ["c1", "c3"]}, "c3"),
    ({"strength_claim": "acrs"}, {"acr": "1"}, ""),
    # A word of the table that the house has itself, beside one that nobody has explained.
    ({"strength_claim": "acrs"}, {"acrs": ["c1", "substantial"]}, "substantial"),
    ({"strength_claim": "acrs", "strengths": {"c1": "low"}}, {"acrs": ["c1", "High"]}, "High"),
    ({"strength_claim": "acrs", "strengths": {"c1": "high"}}, {"acrs": ["low", "c1"]}, "c1"),
    # What the source says itself goes before that table.
    ({"strength_claim": "acrs", "strengths": {"c1": "low", "high": "none"}},
     {"acrs": ["high", "c1"]}, "c1"),
    ({"strength_claim": "acrs", "strengths": {"c1": "substantial", "*": "low"}},
     {"acrs": ["high", "c1"]}, "c1"),
    ({"strength_claim": "idp.loa"}, {"idp": {"loa": "3"}}, "3"),
]  # fmt: skip


# `required_acr`, what the token says, and the word that is kept of it; none if it is refused.
DEMANDED: list[tuple[tuple[str, ...], list[str], dict[str, str], str]] = [
    (("c2",), ["c1", "c2"], {}, "c2"),
    (("c2",), ["c1", "c2"], {"c1": "high"}, "c1"),
    (("c2", "c3"), ["c1", "c3"], {}, "c3"),
    (("c2",), ["c1", "c3"], {}, ""),
    (("c2",), ["c1"], {"c1": "high"}, ""),
    (("c2",), [], {}, ""),
]  # fmt: skip


@pytest.mark.parametrize(("required", "said", "strengths", "kept"), DEMANDED, ids=str)
def test_any_of_several_words_may_be_the_one_that_is_required(
    portal: Portal,
    op: OpenIdProvider,
    required: tuple[str, ...],
    said: list[str],
    strengths: dict[str, str],
    kept: str,
) -> None:
    op.claims["acrs"] = said
    known = {"strength_claim": "acrs", "required_acr": required, "strengths": strengths}
    if kept:
        assert portal.login(**known).acr == kept
    else:
        assert isinstance(portal.refused(**known), AccessDenied)


@pytest.mark.parametrize(("settings", "claims", "acr"), SAID, ids=str)
def test_the_word_stands_where_the_settings_say(
    portal: Portal, op: OpenIdProvider, settings: dict[str, Any], claims: dict[str, Any], acr: str
) -> None:
    op.claims.update(claims)
    assert portal.login(**settings).acr == acr


def test_an_unsigned_answer_makes_nothing_stronger(portal: Portal, op: OpenIdProvider) -> None:
    op.claims["acrs"] = ["c1"]
    op.userinfo["acrs"] = ["c9"]
    assert portal.login(strength_claim="acrs", strengths={"c9": "high"}).acr == "c1"


def asked(
    portal: Portal, op: OpenIdProvider, wishes: dict[str, str], **settings: Any
) -> dict[str, str]:
    flow = replace(portal.flow(), wishes=wishes)
    query = parse_qs(urlsplit(portal.source(**settings).begin_login(flow).url).query)
    return {name: values[0] for name, values in query.items()}


DEMAND = {"strength": "substantial", "acr_values": "gold substantial high"}
ASKED: list[tuple[dict[str, str], dict[str, Any], list[str], str]] = [
    (DEMAND, {}, [], "gold substantial high"),
    (DEMAND, {}, ["bronze", "substantial", "high"], "substantial high"),
    (DEMAND, {}, ["bronze"], "gold substantial high"),
    # What the settings demand is narrowed by a rule of ours, never widened by a wish.
    (DEMAND, {"required_acr": ("bronze", "gold")}, [], "gold"),
    (DEMAND, {"required_acr": ("bronze",)}, [], "bronze"),
    ({"acr_values": "gold"}, {"required_acr": ("bronze", "gold")}, [], "bronze gold"),
    # So is what they fix for all.
    (DEMAND, {"authorize": {"acr_values": "bronze"}}, [], "gold substantial high"),
    ({"acr_values": "gold"}, {"authorize": {"acr_values": "bronze"}}, [], "bronze"),
]


@pytest.mark.parametrize(("wishes", "settings", "announced", "words"), ASKED, ids=str)
def test_the_provider_is_asked_in_the_words_that_it_knows(
    portal: Portal,
    op: OpenIdProvider,
    wishes: dict[str, str],
    settings: dict[str, Any],
    announced: list[str],
    words: str,
) -> None:
    if announced:
        op.document["acr_values_supported"] = announced
    found = asked(portal, op, wishes, **settings)
    assert found["acr_values"] == words
    assert "strength" not in found


def test_entra_is_asked_for_one_context_by_its_claim(portal: Portal, op: OpenIdProvider) -> None:
    found = asked(portal, op, {"acr_values": "c1 c3"}, strength_claim="acrs")
    wanted = {"id_token": {"acrs": {"essential": True, "value": "c1"}}}
    assert json.loads(found["claims"]) == wanted
    assert "acr_values" not in found
    assert "claims" not in asked(portal, op, {}, strength_claim="acrs")


@pytest.mark.parametrize(
    ("settings", "wrong"),
    [
        ({"strengths": {"gold": "medium"}}, "gold=medium"),
        ({"strengths": {"gold": 3}}, "strengths"),
        ({"strength_claim": ""}, "strength_claim"),
    ],
    ids=str,
)
def test_what_means_nothing_is_refused_by_name(
    portal: Portal, settings: dict[str, Any], wrong: str
) -> None:
    with pytest.raises(ValueError, match=wrong):
        portal.source(**settings)


def test_the_house_is_told_what_the_words_mean(portal: Portal) -> None:
    told = portal.source(strengths={"gold": "high", "*": "low"}).describe()
    assert told.strengths == {"gold": "high", "*": "low"}
