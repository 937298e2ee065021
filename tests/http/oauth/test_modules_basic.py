"""The modules of the OpenID Foundation's basic, config and form_post plans for providers, under
their own names (without `oidcc-`); what is behind them is OIDC Core, 3.1.
"""

from __future__ import annotations

import json
import re
import time
from datetime import timedelta
from html import unescape
from typing import Any

import jwt
import pytest
import time_machine
from django.test import Client as Browser
from django.utils import timezone

from accounts.models import User
from portal.authorization_server.models import Client
from tests.http.conftest import PASSWORD, sign_in, stored
from tests.http.oauth.application import SITE, Application, register

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.wire]


@pytest.fixture
def op(server: Application) -> Application:
    """Give an application on a server whose person has allowed it before."""
    server.allow(server.ask(scope="openid profile email groups offline_access"))
    return server


def sign_in_again(op: Application, response: Any) -> Any:
    """Do what the site asks for, and come back to the authorization endpoint."""
    assert response.status_code == 303, response.content
    assert response["Location"].startswith("/auth/login/local?"), response["Location"]
    page = op.browser.get(response["Location"])
    posted = {"username": "alice", "password": PASSWORD, "next": page.context["next"]}
    return op.browser.get(op.landing(op.browser.post("/auth/login/local", posted)))


def test_server(op: Application) -> None:
    assert op.sign_in()["id_token"]


def test_response_type_missing(op: Application) -> None:
    assert op.answer(op.ask(response_type=None))["error"] == "invalid_request"


def test_idtoken_signature(op: Application) -> None:
    op.sign_in()
    header = jwt.get_unverified_header(op.tokens["id_token"])
    assert (header["alg"], bool(header["kid"])) == ("RS256", True)
    assert op.id_token()["iss"] == SITE


def test_idtoken_unsigned_is_not_to_be_had(op: Application) -> None:
    offered = op.back.get("/.well-known/openid-configuration").json()
    assert offered["id_token_signing_alg_values_supported"] == ["RS256"]


def test_userinfo_get(op: Application) -> None:
    op.sign_in()
    assert op.userinfo().json()["sub"] == op.id_token()["sub"]


def test_userinfo_post_header(op: Application) -> None:
    op.sign_in()
    shown = {"Authorization": f"Bearer {op.tokens['access_token']}"}
    assert op.back.post("/oauth/userinfo", headers=shown).json()["name"] == "Alice Åberg"


def test_userinfo_post_body(op: Application) -> None:
    op.sign_in()
    body = f"access_token={op.tokens['access_token']}"
    form = "application/x-www-form-urlencoded"
    answer = op.back.post("/oauth/userinfo", body, content_type=form)
    assert answer.json()["name"] == "Alice Åberg"


def test_ensure_request_without_nonce_succeeds_for_code_flow(op: Application) -> None:
    op.sign_in(nonce=None)
    assert "nonce" not in op.id_token()


@pytest.mark.parametrize(
    ("scope", "claims"),
    [
        ("profile", {"name", "preferred_username"}), ("email", {"email", "email_verified"}),
        ("groups", {"groups"}),
        ("profile email groups",
         {"name", "preferred_username", "email", "email_verified", "groups"}),
    ],
)  # fmt: skip
def test_scope(op: Application, scope: str, claims: set[str]) -> None:
    op.sign_in(scope=f"openid {scope}")
    assert set(op.userinfo().json()) == {"sub", *claims}


def test_alternate_happy_flow(op: Application) -> None:
    fields = dict(reversed(op.request(scope="email openid profile").items()))
    answer = op.answer(op.browser.get("/oauth/authorize", fields))
    assert op.redeem(answer["code"]).status_code == 200


@pytest.mark.parametrize("display", ["page", "popup", "touch"])
def test_display(op: Application, display: str) -> None:
    assert "code" in op.answer(op.ask(display=display))


def test_prompt_login(op: Application) -> None:
    op.sign_in()
    before = op.id_token()
    with time_machine.travel(timezone.now() + timedelta(seconds=5)):
        again = sign_in_again(op, op.ask(prompt="login"))
        assert op.redeem(op.answer(again)["code"]).status_code == 200
    keys = jwt.PyJWKSet.from_dict(op.back.get("/oauth/jwks").json())
    raw = op.tokens["id_token"]
    options: Any = {"verify_iat": False}
    after = jwt.decode(
        raw, keys[jwt.get_unverified_header(raw)["kid"]], ["RS256"], options, audience="server"
    )
    assert after["sub"] == before["sub"]
    assert after["auth_time"] > before["auth_time"]


def test_prompt_login_is_asked_for_each_request(op: Application) -> None:
    sign_in_again(op, op.ask(prompt="login"))
    assert op.ask(prompt="login")["Location"].startswith("/auth/login/local?")
    forged = op.ask(prompt="login", vestibule_asked="x.y")
    assert forged["Location"].startswith("/auth/login/local?")


def test_prompt_none_not_logged_in(op: Application) -> None:
    stranger = Application(op.client)
    answer = stranger.answer(stranger.ask(prompt="none"))
    assert (answer["error"], answer["state"]) == ("login_required", stranger.state)
    assert answer["iss"] == SITE


def test_prompt_none_logged_in(op: Application) -> None:
    op.sign_in()
    first = op.id_token()
    op.sign_in(prompt="none")
    assert op.id_token()["sub"] == first["sub"]
    assert op.id_token()["auth_time"] == first["auth_time"]


def test_prompt_none_without_consent(app: Application) -> None:
    assert app.answer(app.ask(prompt="none"))["error"] == "consent_required"


@pytest.mark.parametrize("prompt", ["none login", "create", "Login", "none none consent"])
def test_prompt_must_make_sense(op: Application, prompt: str) -> None:
    assert op.answer(op.ask(prompt=prompt))["error"] == "invalid_request"


@pytest.mark.parametrize("prompt", ["consent", "select_account", "consent select_account"])
def test_prompt_asks_although_all_is_allowed(op: Application, prompt: str) -> None:
    page = op.ask(prompt=prompt)
    assert page.status_code == 200
    assert "Sign in as somebody else" in page.content.decode()
    assert "code" in op.answer(op.allow(page))


def test_select_account_lets_somebody_else_in(op: Application, person: User) -> None:
    bob = User.objects.create_user("bob", PASSWORD, name="Bob")
    bob.give_local_identity()
    page = op.ask(prompt="select_account").content.decode()
    again = unescape(re.findall(r'name="return_to" value="([^"]+)"', page)[-1])
    left = op.browser.post("/auth/logout", {"return_to": again})
    back = op.browser.get(op.landing(left))
    assert back["Location"].startswith("/login?")
    sign_in(op.browser, "bob")
    assert "Bob" in op.browser.get(again).content.decode()


# E13: the person is really asked.
def test_max_age_1(op: Application) -> None:
    op.sign_in()
    with time_machine.travel(timezone.now() + timedelta(seconds=5)):
        again = sign_in_again(op, op.ask(max_age="1"))
        assert "code" in op.answer(again)


def test_max_age_10000(op: Application) -> None:
    op.sign_in()
    before = op.id_token()["auth_time"]
    op.sign_in(max_age="10000")
    assert op.id_token()["auth_time"] == before


def test_max_age_0_with_prompt_none(op: Application) -> None:
    with time_machine.travel(timezone.now() + timedelta(seconds=5)):
        assert op.answer(op.ask(max_age="0", prompt="none"))["error"] == "login_required"


@pytest.mark.parametrize("age", ["-1", "x", "1.5", "१", "9" * 50])
def test_max_age_must_be_a_number(op: Application, age: str) -> None:
    assert op.answer(op.ask(max_age=age))["error"] == "invalid_request"


def test_ensure_request_with_unknown_parameter_succeeds(op: Application) -> None:
    assert "code" in op.answer(op.ask(extra="foobar"))


def test_id_token_hint(op: Application) -> None:
    op.sign_in()
    hint = op.tokens["id_token"]
    assert "code" in op.answer(op.ask(prompt="none", id_token_hint=hint))
    bob = User.objects.create_user("bob", PASSWORD, name="Bob")
    bob.give_local_identity()
    other = Application(op.client)
    sign_in(other.browser, "bob")
    refused = other.answer(other.ask(prompt="none", id_token_hint=hint))
    assert refused["error"] == "login_required"
    forged = op.answer(op.ask(prompt="none", id_token_hint=hint[:-4] + "AAAA"))
    assert forged["error"] == "invalid_request"


def test_login_hint(op: Application) -> None:
    stranger = Application(op.client)
    assert (
        "login_hint=buffy%40sunnydale.us"
        in (stranger.ask(login_hint="buffy@sunnydale.us")["Location"])
    )


def test_ui_locales(op: Application) -> None:
    page = op.ask(prompt="consent", ui_locales="fr-CA da en")
    assert '<html lang="da">' in page.content.decode()
    stranger = Application(op.client)
    start = stranger.ask(ui_locales="da-DK")
    assert '<html lang="da">' in stranger.browser.get(start["Location"]).content.decode()


def test_claims_locales(op: Application) -> None:
    assert "code" in op.answer(op.ask(claims_locales="se"))


def test_ensure_request_with_acr_values_succeeds(op: Application) -> None:
    assert "code" in op.answer(op.ask(acr_values="1 2"))


def test_codereuse(op: Application) -> None:
    code = op.code()
    op.redeem(code)
    assert op.redeem(code).json()["error"] == "invalid_grant"


def test_codereuse_30seconds(op: Application) -> None:
    code = op.code()
    op.redeem(code)
    with time_machine.travel(timezone.now() + timedelta(seconds=30)):
        assert op.redeem(code).json()["error"] == "invalid_grant"
        assert op.userinfo().status_code == 401


def test_ensure_registered_redirect_uri(op: Application) -> None:
    page = op.ask(redirect_uri="https://evil.example/cb")
    assert page.status_code == 400
    assert "Location" not in page
    assert "address that is not registered" in page.content.decode()


def test_ensure_post_request_succeeds(op: Application) -> None:
    answer = op.browser.post("/oauth/authorize", op.request())
    back = op.browser.get(op.landing(answer))
    assert op.redeem(op.answer(back)["code"]).status_code == 200


def test_server_client_secret_post(browser: Browser) -> None:
    own = Application(register("by-post", auth_method=Client.Method.POST), browser)
    assert own.sign_in()


@pytest.mark.parametrize("uri", ["https://app.example/request.jwt", "urn:ietf:params:oauth:x"])
def test_request_uri_unsigned_supported_correctly_or_rejected_as_unsupported(
    op: Application, uri: str
) -> None:
    assert op.answer(op.ask(request_uri=uri))["error"] == "request_uri_not_supported"


def test_unsigned_request_object_supported_correctly_or_rejected_as_unsupported(
    op: Application,
) -> None:
    assert op.answer(op.ask(request="eyJhbGciOiJub25lIn0.e30."))["error"] == "request_not_supported"


def test_claims_essential(op: Application) -> None:
    wanted = {"userinfo": {"name": {"essential": True}}, "id_token": {"email": None, "acr": None}}
    op.sign_in(claims=json.dumps(wanted))
    assert op.userinfo().json()["name"] == "Alice Åberg"
    assert op.id_token()["email"] == "alice@example.org"


def test_claims_let_out_nothing_that_was_not_allowed(op: Application) -> None:
    op.sign_in(scope="openid", claims=json.dumps({"id_token": {"email": {"essential": True}}}))
    assert "email" not in op.id_token()


def test_claims_an_acr_that_is_demanded_is_asked_for_once(op: Application) -> None:
    wanted = json.dumps({"id_token": {"acr": {"essential": True, "values": ["urn:high"]}}})
    assert op.answer(op.ask(claims=wanted, prompt="none"))["error"] == (
        "unmet_authentication_requirements"
    )
    again = sign_in_again(op, op.ask(claims=wanted))
    assert op.answer(again)["error"] == "unmet_authentication_requirements"


def test_claims_a_subject_that_is_demanded(op: Application, person: User) -> None:
    def asked(sub: str) -> str:
        return json.dumps({"id_token": {"sub": {"value": sub}}})

    assert "code" in op.answer(op.ask(claims=asked(person.uid), prompt="none"))
    refused = op.answer(op.ask(claims=asked("x" * 32), prompt="none"))
    assert refused["error"] == "login_required"


@pytest.mark.parametrize(
    "claims",
    ["{", "[]", "1", '{"id_token": []}', '{"id_token": {"acr": 1}}', '{"a":1,"a":2}', "[" * 3000],
)
def test_claims_must_make_sense(op: Application, claims: str) -> None:
    assert op.answer(op.ask(claims=claims))["error"] == "invalid_request"


def test_refresh_token(op: Application) -> None:
    op.sign_in(scope="openid offline_access")
    before = op.id_token()
    assert op.refresh().status_code == 200
    after = op.id_token()
    assert (after["sub"], after["auth_time"]) == (before["sub"], before["auth_time"])
    assert "nonce" not in after


def test_ensure_request_with_valid_pkce_succeeds(op: Application) -> None:
    assert op.sign_in()


def test_discovery_endpoint_verification(op: Application) -> None:
    found = op.back.get("/.well-known/openid-configuration")
    assert found["Access-Control-Allow-Origin"] == "*"
    document = found.json()
    assert document["issuer"] == SITE
    for name in ("authorization", "token", "userinfo", "end_session", "revocation"):
        assert document[f"{name}_endpoint"].startswith(f"{SITE}/oauth/")
    assert document["response_types_supported"] == ["code"]
    assert document["subject_types_supported"] == ["public"]
    assert "openid" in document["scopes_supported"]
    assert document["authorization_response_iss_parameter_supported"] is True


def test_form_post(op: Application) -> None:
    page = op.ask(response_mode="form_post")
    assert page.status_code == 200
    assert "form-action 'self' *" in page["Content-Security-Policy"]
    text = page.content.decode()
    fields = dict(re.findall(r'name="(\w+)" value="([^"]*)"', text))
    assert f'action="{op.redirect_uri}"' in text
    assert (fields["state"], fields["iss"]) == (op.state, SITE)
    assert op.redeem(fields["code"]).status_code == 200


def test_form_post_of_an_error(op: Application) -> None:
    page = op.ask(response_mode="form_post", scope="openid nothing", state='"><script>').content
    assert b'name="error" value="invalid_scope"' in page
    assert b"<script>" not in page.replace(b"<script src", b"")


def test_the_session_is_told_by_its_public_id(op: Application) -> None:
    op.sign_in()
    assert op.id_token()["sid"] == stored(op.browser).uid
    assert time.time() - op.id_token()["iat"] < 60
