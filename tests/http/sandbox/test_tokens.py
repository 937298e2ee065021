"""What the stand-in answers to servers: tokens, what they say, how they are spent and ended."""

from __future__ import annotations

import base64
import hashlib
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import jwt
import pytest
import requests

from tests.http.sandbox.running import (
    CASEWORKER,
    CITIZEN,
    LIBRARIAN,
    NAMELESS,
    SITE,
    UNVERIFIED,
    Browser,
    Sandbox,
)
from tests.sandbox.clients import CLIENT_ID, CLIENT_SECRET, PUBLIC_CLIENT_ID


def refresh(sandbox: Sandbox, token: str, **more: Any) -> requests.Response:
    return sandbox.post("token", grant_type="refresh_token", refresh_token=token, **more)


def userinfo(sandbox: Sandbox, token: str) -> requests.Response:
    bearer = {"Authorization": f"Bearer {token}"}
    return requests.get(f"{sandbox.issuer}/userinfo", headers=bearer, timeout=60)


def is_active(sandbox: Sandbox, token: str) -> bool:
    return bool(sandbox.post("introspect", token=token).json()["active"])


def test_the_id_token_verifies_and_says_what_was_asked(sandbox: Sandbox, browser: Browser) -> None:
    tokens = browser.tokens()
    claims = sandbox.verified(tokens["id_token"])
    assert claims["sub"] == CITIZEN
    assert claims["nonce"] == "the-nonce"
    half = hashlib.sha256(tokens["access_token"].encode()).digest()[:16]
    assert claims["at_hash"] == base64.urlsafe_b64encode(half).rstrip(b"=").decode()
    assert claims["sid"]
    assert claims["auth_time"] <= claims["iat"] < claims["exp"]
    assert "name" not in claims


def test_without_a_nonce_none_is_in_the_id_token(sandbox: Sandbox, browser: Browser) -> None:
    assert "nonce" not in sandbox.verified(browser.tokens(nonce=None)["id_token"])


def test_the_access_token_verifies_and_is_for_the_site(sandbox: Sandbox, browser: Browser) -> None:
    token = browser.tokens()["access_token"]
    claims = sandbox.verified(token, audience=SITE)
    assert claims["client_id"] == CLIENT_ID
    assert jwt.get_unverified_header(token)["typ"] == "at+jwt"


@pytest.mark.parametrize(
    ("persona", "said"),
    [
        (CITIZEN, {"name": "Clara Clausen", "email_verified": True}),
        (CASEWORKER, {"realm_access": {"roles": ["caseworker", "approver"]}}),
        (LIBRARIAN, {"groups": ["library", "staff"], "name": "Liv Sørensen"}),
        (UNVERIFIED, {"email": "uwe@example.org", "email_verified": False}),
        (NAMELESS, {"sub": NAMELESS}),
    ],
)
def test_userinfo_says_what_the_persona_shows(
    sandbox: Sandbox, browser: Browser, persona: str, said: dict[str, Any]
) -> None:
    claims = userinfo(sandbox, browser.tokens(persona)["access_token"]).json()
    assert claims["sub"] == persona
    assert {name: claims.get(name) for name in said} == said
    assert persona != NAMELESS or claims == said


def test_userinfo_says_no_more_than_the_scope_opens(sandbox: Sandbox, browser: Browser) -> None:
    token = browser.tokens(LIBRARIAN, scope="openid email unheard-of")["access_token"]
    assert set(userinfo(sandbox, token).json()) == {"sub", "email", "email_verified"}


def test_userinfo_challenges_strangers(sandbox: Sandbox, browser: Browser) -> None:
    tokens = browser.tokens()
    for token in ("", "nonsense", tokens["refresh_token"], tokens["id_token"]):
        answer = userinfo(sandbox, token)
        assert answer.status_code == 401
        assert answer.headers["WWW-Authenticate"].startswith("Bearer ")


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"code_verifier": "x" * 43}, "invalid_grant"),
        ({"code_verifier": ""}, "invalid_request"),
        ({"redirect_uri": f"{SITE}/auth/callback/test"}, "invalid_grant"),
        ({"code": "made-up"}, "invalid_grant"),
    ],
    ids=str,
)
def test_a_code_is_bound_to_its_verifier_and_address(
    browser: Browser, changed: dict[str, str], error: str
) -> None:
    form = {"code": browser.enter()["code"], **changed}
    answer = browser.redeem(**form)
    assert answer.status_code == 400
    assert answer.json()["error"] == error
    assert answer.headers["Cache-Control"] == "no-store"


def test_a_wrong_verifier_spends_the_code(browser: Browser) -> None:
    code = browser.enter()["code"]
    assert browser.redeem(code, code_verifier="x" * 43).status_code == 400
    assert browser.redeem(code).json()["error"] == "invalid_grant"


def test_of_twenty_uses_of_a_code_one_wins(sandbox: Sandbox, browser: Browser) -> None:
    code = browser.enter()["code"]
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: browser.redeem(code), range(20)))
    won = [answer for answer in answers if answer.status_code == 200]
    assert len(won) == 1
    assert {a.json()["error"] for a in answers if a not in won} == {"invalid_grant"}
    assert not is_active(sandbox, won[0].json()["access_token"])  # reuse ends what was issued


def test_of_twenty_uses_of_a_refresh_token_one_wins(sandbox: Sandbox, browser: Browser) -> None:
    token = browser.tokens()["refresh_token"]
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: refresh(sandbox, token), range(20)))
    assert sorted(answer.status_code for answer in answers) == [200] + [400] * 19


def test_another_client_spends_no_code(sandbox: Sandbox, browser: Browser) -> None:
    code = browser.enter()["code"]
    stolen = browser.redeem(code, auth=None, client_id=PUBLIC_CLIENT_ID)
    assert stolen.json()["error"] == "invalid_grant"
    assert browser.redeem(code).status_code == 200


def test_a_public_client_gets_tokens_by_pkce_alone(sandbox: Sandbox, browser: Browser) -> None:
    code = browser.enter(client_id=PUBLIC_CLIENT_ID)["code"]
    tokens = browser.redeem(code, auth=None, client_id=PUBLIC_CLIENT_ID).json()
    assert sandbox.verified(tokens["id_token"], audience=PUBLIC_CLIENT_ID)["sub"] == CITIZEN


def test_a_client_proves_itself_in_one_way(sandbox: Sandbox, browser: Browser) -> None:
    posted = {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}
    assert browser.redeem(browser.enter()["code"], auth=None, **posted).status_code == 200
    both = browser.redeem("any", **posted)
    assert both.json()["error"] == "invalid_request"
    for auth in [(CLIENT_ID, "wrong"), (CLIENT_ID, ""), ("stranger", ""), (PUBLIC_CLIENT_ID, "x")]:
        answer = browser.redeem("any", auth=auth)
        assert answer.status_code == 401
        assert answer.json()["error"] == "invalid_client"
        assert answer.headers["WWW-Authenticate"].startswith("Basic ")


def test_an_unknown_grant_type_is_refused(sandbox: Sandbox) -> None:
    answer = sandbox.post("token", grant_type="password", username="a", password="b")
    assert answer.json()["error"] == "unsupported_grant_type"


def test_a_refresh_token_rotates_and_its_reuse_ends_the_family(
    sandbox: Sandbox, browser: Browser
) -> None:
    first = browser.tokens()
    second = refresh(sandbox, first["refresh_token"]).json()
    assert second["refresh_token"] != first["refresh_token"]
    old, new = (sandbox.verified(each["id_token"]) for each in (first, second))
    assert (new["sid"], new["auth_time"], new["sub"]) == (old["sid"], old["auth_time"], old["sub"])
    assert is_active(sandbox, second["access_token"])
    assert refresh(sandbox, first["refresh_token"]).json()["error"] == "invalid_grant"
    assert refresh(sandbox, second["refresh_token"]).json()["error"] == "invalid_grant"
    assert not is_active(sandbox, second["access_token"])
    assert userinfo(sandbox, second["access_token"]).status_code == 401


def test_introspection_tells_confidential_clients(sandbox: Sandbox, browser: Browser) -> None:
    tokens = browser.tokens(LIBRARIAN)
    said = sandbox.post("introspect", token=tokens["access_token"]).json()
    assert said["active"] is True
    assert (said["sub"], said["username"]) == (LIBRARIAN, "liv")
    assert (said["client_id"], said["token_type"]) == (CLIENT_ID, "Bearer")
    assert said["exp"] > said["iat"]
    assert is_active(sandbox, tokens["refresh_token"])
    assert sandbox.post("introspect", token="nonsense").json() == {"active": False}
    public = sandbox.post("introspect", None, token="any", client_id=PUBLIC_CLIENT_ID)
    assert public.status_code == 401


def test_revoking_an_access_token_ends_it_alone(sandbox: Sandbox, browser: Browser) -> None:
    tokens = browser.tokens()
    assert sandbox.post("revoke", token=tokens["access_token"]).status_code == 200
    assert not is_active(sandbox, tokens["access_token"])
    assert is_active(sandbox, tokens["refresh_token"])


def test_revoking_a_refresh_token_ends_its_family(sandbox: Sandbox, browser: Browser) -> None:
    tokens = browser.tokens()
    assert sandbox.post("revoke", token=tokens["refresh_token"]).status_code == 200
    assert not is_active(sandbox, tokens["access_token"])
    assert refresh(sandbox, tokens["refresh_token"]).json()["error"] == "invalid_grant"


def test_revoking_is_for_the_tokens_own_client(sandbox: Sandbox, browser: Browser) -> None:
    token = browser.tokens()["access_token"]
    assert sandbox.post("revoke", token="nonsense").status_code == 200
    assert sandbox.post("revoke", None, token=token, client_id=PUBLIC_CLIENT_ID).status_code == 400
    assert sandbox.post("revoke", (CLIENT_ID, "wrong"), token=token).status_code == 401
    assert is_active(sandbox, token)
