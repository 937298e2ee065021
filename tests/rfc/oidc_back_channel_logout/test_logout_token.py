"""OpenID Connect Back-Channel Logout 1.0, 2.4 to 2.6: which logout tokens are believed.

That a `jti` counts once, and what ends, is judged over the whole site.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from accounts.errors import InvalidRequest, TemporarilyUnavailable
from tests.peers.tampering import (
    CLIENT_ID,
    EVENT,
    REMOVED,
    SUBJECT,
    OpenIdProvider,
    jwk,
    page,
)
from tests.rfc.oidc_core.portal import Portal

pytestmark = pytest.mark.wire

MODULE = "oidcc-client-test-rp-backchannel-rpinitlogout"
Forgery = Callable[[OpenIdProvider], str]


def _es256(op: OpenIdProvider) -> str:
    op.algorithm, op.key = "ES256", "p256-1"
    return op.logout_token()


def _by_attacker(op: OpenIdProvider) -> str:
    op.key = "rsa-66"
    return op.logout_token({"kid": "rsa-1", "jwk": jwk("rsa-66")})


def _now(op: OpenIdProvider) -> int:
    return int(op.now())


REFUSED: dict[str, Forgery] = {
    f"{MODULE}-alg-none": lambda op: op.logout_token({"alg": "none"}),
    f"{MODULE}-wrong-alg": _es256,
    f"{MODULE}-no-event": lambda op: op.logout_token(events=REMOVED),
    f"{MODULE}-wrong-event": lambda op: op.logout_token(
        events={"http://schemas.openid.net/event/foobar": {}}
    ),
    f"{MODULE}-with-nonce": lambda op: op.logout_token(nonce="x"),
    f"{MODULE}-wrong-aud": lambda op: op.logout_token(aud=CLIENT_ID + "INVALID"),
    f"{MODULE}-wrong-iss": lambda op: op.logout_token(iss=op.issuer + "INVALID"),
    "B10 expired": lambda op: op.logout_token(exp=_now(op) - 31),
    "B10 iat old": lambda op: op.logout_token(iat=_now(op) - 86_400),
    "B10 iat in the future": lambda op: op.logout_token(iat=_now(op) + 600),
    "B10 iat missing": lambda op: op.logout_token(iat=REMOVED),
    "B10 exp missing": lambda op: op.logout_token(exp=REMOVED),
    "B10 jti missing": lambda op: op.logout_token(jti=REMOVED),
    "B10 jti a number": lambda op: op.logout_token(jti=1),
    "B10 jti empty": lambda op: op.logout_token(jti=""),
    "B11 neither sub nor sid": lambda op: op.logout_token(sub=REMOVED, sid=REMOVED),
    "B11 sid a list": lambda op: op.logout_token(sid=["sid-1"]),
    "B11 sid empty": lambda op: op.logout_token(sid="", sub=REMOVED),
    "B11 sub a number": lambda op: op.logout_token(sub=1),
    "B13 typ of an access token": lambda op: op.logout_token({"typ": "at+jwt"}),
    "B13 typ null": lambda op: op.logout_token({"typ": None}),
    "B14 a megabyte": lambda op: op.logout_token(padding="x" * 1_000_000),
    "aud missing": lambda op: op.logout_token(aud=REMOVED),
    "aud of others as well": lambda op: op.logout_token(aud=[CLIENT_ID, "friend"]),
    "events a list": lambda op: op.logout_token(events=[EVENT]),
    "event a text": lambda op: op.logout_token(events={EVENT: "yes"}),
    "nonce null": lambda op: op.logout_token(nonce=None),
    "crit": lambda op: op.logout_token({"crit": ["exp"]}),
    "HS256 by the public key": lambda op: op.logout_token({"alg": "HS256"}),
    "an attacker's key": _by_attacker,
    "no token": lambda op: "hello",
    "nothing": lambda op: "",
    "not ASCII": lambda op: "\ud800",
}


@pytest.mark.parametrize("case", [MODULE])
def test_2_6_a_good_token_names_what_ended(portal: Portal, op: OpenIdProvider, case: str) -> None:
    ended = portal.source().verify_logout_token(op.logout_token())
    assert (ended.issuer, ended.jti) == (op.issuer, "jti-1")
    assert (ended.sid, ended.subject) == ("sid-1", SUBJECT)


@pytest.mark.parametrize("case", REFUSED)
def test_2_6_refused(portal: Portal, op: OpenIdProvider, case: str) -> None:
    source = portal.source(algorithms=("RS256",))
    with pytest.raises(InvalidRequest) as caught:
        source.verify_logout_token(REFUSED[case](op))
    assert caught.value.status == 400


def test_2_4_without_exp_it_counts_for_two_minutes_where_that_is_set(
    portal: Portal, op: OpenIdProvider
) -> None:
    """Keycloak up to 23.0.3 leaves `exp` out, which the final text requires."""
    source = portal.source(logout_without_exp=True)
    for age in (0, 120):
        given = op.logout_token(exp=REMOVED, iat=_now(op) - age)
        assert source.verify_logout_token(given).sid == "sid-1"
    for wrong in (_now(op) - 151, _now(op) + 31, REMOVED, "now"):
        with pytest.raises(InvalidRequest):
            source.verify_logout_token(op.logout_token(exp=REMOVED, iat=wrong))
    with pytest.raises(InvalidRequest):  # one that has it is held to it
        source.verify_logout_token(op.logout_token(exp=_now(op) - 31))


@pytest.mark.parametrize("typ", [REMOVED, "JWT", "logout+jwt", "application/logout+JWT"])
def test_2_4_the_types_that_it_may_have(portal: Portal, op: OpenIdProvider, typ: str) -> None:
    assert portal.source().verify_logout_token(op.logout_token({"typ": typ})).sid == "sid-1"


def test_2_4_by_session_or_by_subject(portal: Portal, op: OpenIdProvider) -> None:
    source = portal.source()
    by_sid = source.verify_logout_token(op.logout_token(sub=REMOVED))
    assert (by_sid.sid, by_sid.subject) == ("sid-1", "")
    by_subject = source.verify_logout_token(op.logout_token(sid=REMOVED))
    assert (by_subject.sid, by_subject.subject) == ("", SUBJECT)


def test_b13_an_id_token_is_no_logout_token(portal: Portal) -> None:
    source, tokens = portal.signed_in()
    with pytest.raises(InvalidRequest):
        source.verify_logout_token(tokens.id_token)


def test_b13_a_logout_token_is_no_id_token(portal: Portal, op: OpenIdProvider) -> None:
    op.mangle = lambda _: op.logout_token()
    portal.refused()


def test_keys_that_cannot_be_had_are_not_the_tokens_fault(
    portal: Portal, op: OpenIdProvider
) -> None:
    op.answers["jwks"] = page(500)
    with pytest.raises(TemporarilyUnavailable):
        portal.source().verify_logout_token(op.logout_token())


def test_new_keys_are_found(portal: Portal, op: OpenIdProvider) -> None:
    source, _ = portal.signed_in()
    op.key, op.jwks = "rsa-7", [jwk("rsa-7")]
    assert source.verify_logout_token(op.logout_token()).sid == "sid-1"
