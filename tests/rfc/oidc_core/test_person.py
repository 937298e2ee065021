"""OIDC Core 5.1: what becomes of the claims, and who may come in."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from accounts.errors import AccessDenied
from accounts.provider import TokenSet
from tests.peers.tampering import REMOVED, SUBJECT, OpenIdProvider, page
from tests.rfc.oidc_core.portal import Portal

pytestmark = pytest.mark.wire


def test_an_outcome_is_filled(portal: Portal, op: OpenIdProvider) -> None:
    op.claims.update(acr="substantial", amr=["pwd", "otp"], auth_time=1_700_000_000)
    op.userinfo.update(email="user@example.com", email_verified=True, locale="da")
    outcome = portal.login(public=("locale", "missing"))
    assert (outcome.subject, outcome.issuer, outcome.sid) == (SUBJECT, op.issuer, "sid-1")
    assert (outcome.name, outcome.username) == ("Demo T. User", "")
    assert (outcome.email, outcome.email_verified) == ("user@example.com", True)
    assert (outcome.acr, outcome.amr) == ("substantial", ("pwd", "otp"))
    assert outcome.auth_time == datetime.fromtimestamp(1_700_000_000, UTC)
    assert outcome.groups is None
    assert outcome.public == {"locale": "da"}
    assert isinstance(outcome.tokens, TokenSet)
    assert "secret" not in repr(outcome)
    assert outcome.tokens.access_token not in repr(outcome)


def test_names_stand_where_the_settings_say(portal: Portal, op: OpenIdProvider) -> None:
    op.userinfo.update(
        profile={"display": "Åse Ø."},
        upn="ase@city.example",
        **{"https://city.example/roles": ["clerk", "clerk"], "realm_access": {"roles": ["boss"]}},
    )
    mapped = {
        "name": "profile.display",
        "email": "upn",
        "username": "upn",
        "groups": "https://city.example/roles",
        "roles": "realm_access.roles",
    }
    outcome = portal.login(claims=mapped)
    assert (outcome.name, outcome.username) == ("Åse Ø.", "ase@city.example")
    assert outcome.groups == ("boss", "clerk")
    assert not outcome.email_verified


def test_a_name_on_the_way_may_have_dots(portal: Portal, op: OpenIdProvider) -> None:
    held = {"https://zms.example/": {"roles": ["clerk"]}, "zms": {"roles": ["other"]}}
    op.userinfo.update(resource_access={**held, "zms.town": {"roles": ["boss"], "mail": False}})
    path = "resource_access.zms.town.roles"
    for where, found in (
        ("resource_access.https://zms.example/.roles", ("clerk",)),
        ("resource_access.zms.roles", ("other",)),
        (path, ("boss",)),
    ):
        assert portal.login(claims={"roles": where}).groups == found
    assert portal.login(required_role_claim=path, required_role="boss").subject == SUBJECT
    portal.refused(required_role_claim=path, required_role="other")


def test_whether_it_is_verified_may_stand_below_a_name_with_dots(
    portal: Portal, op: OpenIdProvider
) -> None:
    op.claims["zms.town"] = {"mail": "a@town.example", "sure": True}
    op.userinfo["zms.town"] = {"mail": "b@town.example", "sure": False}
    mapped = {"email": "zms.town.mail", "email_verified": "zms.town.sure"}
    outcome = portal.login(claims=mapped)
    assert (outcome.email, outcome.email_verified) == ("b@town.example", False)


@pytest.mark.parametrize("claim", ["groups", "resource_access.zms.roles"])
def test_a_claim_that_is_missing_at_a_sign_in_is_empty(
    portal: Portal, op: OpenIdProvider, claim: str
) -> None:
    """Keycloak, Cognito and Entra leave out what would be empty."""
    op.userinfo["resource_access"] = {"account": {"roles": ["view-profile"]}}
    assert portal.login(claims={"groups": claim}).groups == ()
    assert portal.login(claims={"roles": claim}).groups == ()


@pytest.mark.parametrize("said", [{"_claim_names": {"groups": "src1"}}, {"hasgroups": True}])
def test_groups_that_no_token_has_room_for_are_not_known(
    portal: Portal, op: OpenIdProvider, said: dict[str, Any]
) -> None:
    op.claims.update(said)
    assert portal.login(claims={"groups": "groups"}).groups is None


def test_email_verified_is_not_said_of_another_claim(portal: Portal, op: OpenIdProvider) -> None:
    op.userinfo.update(email="own@example.com", email_verified=True, upn="victim@example.com")
    assert not portal.login(claims={"email": "upn"}).email_verified
    assert portal.login(claims={"email": "upn", "email_verified": "email_verified"}).email_verified


def test_u11_groups_that_nobody_asked_for_are_not_taken_over(
    portal: Portal, op: OpenIdProvider
) -> None:
    op.userinfo.update(groups=["admin"], roles=["admin"], is_staff=True, isLoggedIn=False)
    outcome = portal.login()
    assert outcome.groups is None
    assert outcome.public == {}


@pytest.mark.parametrize(
    ("claims", "name"),
    [
        ({"name": REMOVED, "given_name": "Åse", "family_name": "Ø."}, "Åse Ø."),
        ({"name": "A\0B\r\nC\x7f\ud800"}, "ABC"),
        ({"name": "x" * 10_000}, "x" * 300),
        ({"name": ["a"]}, ""),
        ({"name": {"a": 1}}, ""),
        ({"name": None}, ""),
    ],
    ids=["parts", "control characters", "long", "list", "object", "null"],
)
def test_a_name_is_a_text(
    portal: Portal, op: OpenIdProvider, claims: dict[str, Any], name: str
) -> None:
    op.userinfo.update(claims)
    assert portal.login().name == name


@pytest.mark.parametrize("verified", [False, "false", 1, "yes", None, REMOVED, [True]])
def test_u08_only_a_verified_address_counts_as_one(
    portal: Portal, op: OpenIdProvider, verified: Any
) -> None:
    op.userinfo.update(email="victim@example.com", email_verified=verified)
    assert portal.login().email_verified is False


@pytest.mark.parametrize(
    "odd",
    [
        "bo\u00adss@city.example", "boss\0@city.example", "boss@city.example\ue000",
        "boss@ci\u200bty.example", "boss@city.example\n", "boss@city.example" + "\u200b" * 300,
        "boss@city.example" + " " * 300 + "@evil.example",
    ],
)  # fmt: skip
def test_whoever_has_what_cannot_be_seen_in_their_name_is_nobody_else(
    portal: Portal, op: OpenIdProvider, odd: str
) -> None:
    op.userinfo.update(email=odd, email_verified=True, preferred_username=odd)
    outcome = portal.login(claims={"username": "preferred_username"})
    assert (outcome.username, outcome.email, outcome.email_verified) == ("", "", False)


def test_cognito_writes_true_as_a_text(portal: Portal, op: OpenIdProvider) -> None:
    op.userinfo.update(email="user@example.com", email_verified="true")
    assert portal.login().email_verified


@pytest.mark.parametrize("sid", [1, ["a"], "s" * 256, "a\0b", None])
def test_a_sid_that_cannot_be_looked_up_is_none(
    portal: Portal, op: OpenIdProvider, sid: Any
) -> None:
    op.claims["sid"] = sid
    assert portal.login().sid == ""


def test_what_is_too_much_to_show_is_not_shown(portal: Portal, op: OpenIdProvider) -> None:
    op.userinfo["huge"] = "x" * 5000
    assert portal.login(public=("huge",)).public == {}


HALF = "\ud800"
# Each of them made an answer that repeats it a 500.
NOT_TO_BE_SHOWN: dict[str, Any] = {
    "half a character": HALF,
    "in a list": ["a", [HALF]],
    "in a name": {"a": {HALF: 1}},
    "no finite number": float("inf"),
    "no finite number in a list": [-float("inf")],
    "deep": json.loads("[" * 400 + "]" * 400),
}


@pytest.mark.parametrize("case", NOT_TO_BE_SHOWN)
def test_what_cannot_be_written_again_is_not_shown(
    portal: Portal, op: OpenIdProvider, case: str
) -> None:
    """8259, 8.2. JSON can hold more than can be written of it."""
    raw = json.dumps({"sub": SUBJECT, "locale": "da", "bad": NOT_TO_BE_SHOWN[case]})
    raw = raw.replace("Infinity", "1e999")
    op.answers["userinfo"] = page(200, raw.encode(), "application/json")
    assert portal.login(public=("bad", "locale")).public == {"locale": "da"}


def test_a_name_of_two_halves_is_whole(portal: Portal, op: OpenIdProvider) -> None:
    op.userinfo["nickname"] = "\U0001f600"
    assert portal.login(public=("nickname",)).public == {"nickname": "\U0001f600"}


RULES: dict[str, tuple[dict[str, Any], dict[str, Any], dict[str, Any]]] = {
    "role in a list": (
        {"required_role": "clerk", "required_role_claim": "realm_access.roles"},
        {"realm_access": {"roles": ["clerk"]}},
        {"realm_access": {"roles": ["clerk-trainee"]}},
    ),
    "role as a text": (
        {"required_role": "clerk", "required_role_claim": "role"},
        {"role": "clerk"},
        {"role": "clerks"},
    ),
    "role where there is nothing": (
        {"required_role": "clerk", "required_role_claim": "a.b.c"},
        {"a": {"b": {"c": ["clerk"]}}},
        {"a": ["b"]},
    ),
    "verified mail": (
        {"verified_mail_only": True},
        {"email": "user@example.com", "email_verified": True},
        {"email": "user@example.com", "email_verified": False},
    ),
    "verified without mail": (
        {"verified_mail_only": True},
        {"email": "user@example.com", "email_verified": True},
        {"email_verified": True},
    ),
    "verified what is no mail": (
        {"verified_mail_only": True},
        {"email": "user@example.com", "email_verified": True},
        {"email": "none", "email_verified": True},
    ),
    "groups": (
        {"allowed_groups": ("a", "b"), "claims": {"groups": "groups"}},
        {"groups": ["b", "c"]},
        {"groups": ["c"]},
    ),
    "no groups": (
        {"allowed_groups": ("a",), "claims": {"groups": "groups"}},
        {"groups": "a"},
        {},
    ),
    "a role with what cannot be seen": (
        {"required_role": "clerk", "required_role_claim": "role"},
        {"role": ["x\0", "clerk"]},
        {"role": ["cl\u00aderk", "clerk\0", "clerk\n"]},
    ),
    "a group with what cannot be seen": (
        {"allowed_groups": ("a",), "claims": {"groups": "groups"}},
        {"groups": [" a "]},
        {"groups": ["a\u200b", "\u200da", "a\n"]},
    ),
    "a name that is longer": (
        {"allowed_groups": ("a" * 300,), "claims": {"groups": "groups"}},
        {"groups": ["a" * 300]},
        {"groups": ["a" * 301]},
    ),
    "one of many groups": (
        {"allowed_groups": ("z",), "claims": {"groups": "groups"}},
        {"groups": [*(f"a{number}" for number in range(2000)), "z"]},
        {"groups": [f"a{number}" for number in range(2000)]},
    ),
}


@pytest.mark.parametrize("rule", RULES)
def test_a_rule_lets_in_and_keeps_out(portal: Portal, op: OpenIdProvider, rule: str) -> None:
    settings, allowed, refused = RULES[rule]
    op.userinfo.update(allowed)
    assert portal.login(**settings).subject == SUBJECT
    op.userinfo = dict(refused)
    found = portal.refused(**settings)
    assert isinstance(found, AccessDenied)
    assert found.reason == "not-authorized"
    assert found.tokens is not None
    assert found.tokens.id_token


def test_a_required_level_is_held_against_the_id_token(portal: Portal, op: OpenIdProvider) -> None:
    op.userinfo["acr"] = "high"
    assert isinstance(portal.refused(required_acr=("high",)), AccessDenied)
    op.claims["acr"] = "high"
    assert portal.login(required_acr=("high",)).acr == "high"
