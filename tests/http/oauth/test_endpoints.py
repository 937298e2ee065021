"""Pushed requests, introspection, revocation, discovery: RFC 9126, 7662, 7009, 8414, 9728, 8707.
Attacks T08 and T09 of docs/threats.md.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import pytest
from django.core.management import call_command
from django.test import Client as Browser

from accounts.models import Event, StoredSession, User
from portal.authorization_server.models import AccessToken, Client, PushedRequest
from tests.http.conftest import at_most
from tests.http.oauth.application import SITE, Application, register

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.wire]


def push(app: Application, **changes: Any) -> Any:
    return app.post("/oauth/par", app.request(**changes))


# --- RFC 9126 -------------------------------------------------------------------------------------


def test_9126_a_pushed_request_is_answered_once(server: Application) -> None:
    answer = push(server)
    assert answer.status_code == 201
    assert answer["Cache-Control"] == "no-store"
    uri = answer.json()["request_uri"]
    asked = {"client_id": "server", "request_uri": uri}
    page = server.browser.get("/oauth/authorize", asked)
    code = server.answer(server.allow(page))["code"]
    assert server.redeem(code).status_code == 200
    again = server.browser.get("/oauth/authorize", asked)
    assert (again.status_code, "Location" in again) == (400, False)


def test_9126_what_is_pushed_is_checked_at_once(server: Application) -> None:
    assert push(server, code_challenge=None).json()["error"] == "invalid_request"
    assert push(server, scope="nothing").json()["error"] == "invalid_scope"
    assert push(server, redirect_uri="https://evil.example").json()["error"] == "invalid_request"
    assert push(server, request_uri="urn:x").json()["error"] == "invalid_request"
    assert not PushedRequest.objects.exists()


def test_9126_a_client_proves_who_it_is(server: Application) -> None:
    body = server.request()
    answer = server.back.post("/oauth/par", body)
    assert answer.status_code == 400  # multipart is no form
    own = Application(server.client)
    own.client.auth_method = Client.Method.NONE
    refused = push(own)
    assert (refused.status_code, refused.json()["error"]) == (401, "invalid_client")


def test_9126_another_client_cannot_use_it(server: Application) -> None:
    register("other")
    uri = push(server).json()["request_uri"]
    page = server.browser.get("/oauth/authorize", {"client_id": "other", "request_uri": uri})
    assert (page.status_code, "Location" in page) == (400, False)


def test_9126_no_secret_is_kept(browser: Browser) -> None:
    own = Application(register("by-post", auth_method=Client.Method.POST), browser)
    uri = push(own).json()["request_uri"]
    from accounts.keyring import digest, unseal

    row = PushedRequest.objects.get()
    assert row.digest == digest(uri.rpartition(":")[2])
    fields, _resource = unseal(row.sealed, "pushed-request", row.digest)
    assert "client_secret" not in fields


# --- RFC 7662 -------------------------------------------------------------------------------------


def test_7662_a_client_asks_about_its_own_token(server: Application, person: User) -> None:
    server.sign_in(scope="openid profile offline_access")
    with at_most(1):
        answer = server.post("/oauth/introspect", {"token": server.tokens["access_token"]})
    said = answer.json()
    assert said["active"] is True
    assert (said["sub"], said["iss"], said["client_id"]) == (person.uid, SITE, "server")
    assert (said["username"], said["token_type"]) == ("alice", "Bearer")
    assert said["exp"] - said["iat"] == 3600
    refresh = server.post("/oauth/introspect", {"token": server.tokens["refresh_token"]}).json()
    assert (refresh["active"], refresh["token_type"]) == (True, "refresh_token")


def test_7662_t09_others_are_told_nothing(server: Application, browser: Browser) -> None:
    server.sign_in()
    other = Application(register("other", auth_method=Client.Method.BASIC), browser)
    token = {"token": server.tokens["access_token"]}
    assert other.post("/oauth/introspect", token).json() == {"active": False}
    assert other.post("/oauth/introspect", {"token": "x"}).json() == {"active": False}
    assert server.back.post("/oauth/introspect", token).status_code == 400
    public = Application(register("public"), browser)
    assert public.post("/oauth/introspect", token).status_code == 401
    Client.objects.filter(client_id="other").update(introspects=True)
    assert other.post("/oauth/introspect", token).json()["active"] is True


def test_7662_what_has_ended_is_not_active(server: Application) -> None:
    server.sign_in()
    server.browser.post("/auth/logout")
    said = server.post("/oauth/introspect", {"token": server.tokens["access_token"]})
    assert said.json() == {"active": False}


def test_7662_t06_the_name_is_for_whom_the_scopes_let_it_out(server: Application) -> None:
    server.sign_in(scope="openid offline_access")
    for each in ("access_token", "refresh_token"):
        token = {"token": server.tokens[each]}
        Client.objects.update(introspects=False)
        assert "username" not in server.post("/oauth/introspect", token).json()
        Client.objects.update(introspects=True)
        assert server.post("/oauth/introspect", token).json()["username"] == "alice"


# --- RFC 7009 -------------------------------------------------------------------------------------


def test_7009_t08_a_refresh_token_takes_all_with_it(app: Application) -> None:
    app.sign_in(scope="openid offline_access")
    answer = app.post("/oauth/revoke", {"token": app.tokens["refresh_token"]})
    assert (answer.status_code, answer.content) == (200, b"")
    assert app.userinfo().status_code == 401
    assert app.refresh().json()["error"] == "invalid_grant"
    assert not StoredSession.objects.filter(kind="client").exists()


def test_7009_t08_an_access_token_alone(app: Application) -> None:
    app.sign_in()
    app.post("/oauth/revoke", {"token": app.tokens["access_token"], "token_type_hint": "x"})
    assert app.userinfo().status_code == 401


def test_7009_a_refresh_token_outlives_its_access_token_that_was_revoked(app: Application) -> None:
    app.sign_in(scope="openid offline_access")
    app.post("/oauth/revoke", {"token": app.tokens["access_token"]})
    assert app.userinfo().status_code == 401
    call_command("clear_expired")
    assert app.refresh().status_code == 200
    assert app.userinfo().status_code == 200
    assert not Event.objects.filter(name="token.reused").exists()


def test_7009_a_token_that_was_revoked_on_purpose_is_not_called_stolen(app: Application) -> None:
    app.sign_in(scope="openid offline_access")
    app.post("/oauth/revoke", {"token": app.tokens["refresh_token"]})
    assert app.refresh().json()["error"] == "invalid_grant"
    assert not Event.objects.filter(name="token.reused").exists()
    assert Event.objects.get(name="session.ended").detail == "left by the application"


def test_7009_t08_an_unknown_token_and_another_clients(app: Application) -> None:
    app.sign_in()
    other = Application(register("other"), app.browser)
    for token in ("unknown", app.tokens["access_token"]):
        assert other.post("/oauth/revoke", {"token": token}).status_code == 200
    assert app.userinfo().status_code == 200


# --- RFC 8414, 9728 and what discovery says -------------------------------------------------------


def test_x15_discovery_tells_the_truth(client: Browser, house: None) -> None:
    document = client.get("/.well-known/openid-configuration").json()
    assert client.get("/.well-known/oauth-authorization-server").json() == document
    named = {name: url for name, url in document.items() if name.endswith(("_endpoint", "_uri"))}
    served = {"GET": (200, 303, 400), "POST": (200, 400, 401)}
    for name, url in named.items():
        path = urlsplit(url).path
        assert url == SITE + path
        got, posted = client.get(path), client.post(path, {"x": "y"})
        only_post = name in {
            "token_endpoint", "introspection_endpoint", "revocation_endpoint",
            "device_authorization_endpoint", "pushed_authorization_request_endpoint",
        }  # fmt: skip
        if only_post:
            assert (got.status_code, got["Allow"]) == (405, "POST"), name
            assert posted.status_code in served["POST"], name
        else:
            assert got.status_code in {*served["GET"], 401}, name
    resource = client.get("/.well-known/oauth-protected-resource").json()
    assert resource["authorization_servers"] == [document["issuer"]]
    assert resource["resource"] == SITE


def test_x15_each_word_of_discovery_is_kept(server: Application) -> None:
    document = server.back.get("/.well-known/openid-configuration").json()
    for scope in document["scopes_supported"]:
        Client.objects.update(allowed_scopes=" ".join(document["scopes_supported"]))
        assert (
            server.ask(scope=f"openid {scope}" if scope != "openid" else scope).status_code == 200
        )
    for grant in document["grant_types_supported"]:
        answer = server.post("/oauth/token", {"grant_type": grant})
        assert answer.json()["error"] != "unsupported_grant_type"
    for mode in document["response_modes_supported"]:
        assert server.ask(response_mode=mode).status_code == 200
    for prompt in document["prompt_values_supported"]:
        landed = server.ask(prompt=prompt)
        assert b"invalid_request" not in landed.get("Location", "").encode()
    assert server.answer(server.ask(response_mode="fragment"))["error"] == "invalid_request"


def test_nothing_else_answers(client: Browser, house: None) -> None:
    for path in ("applications", "register", "device-authorization", "token/", "authorize/x"):
        assert client.get(f"/oauth/{path}").status_code == 404
    for path in ("webfinger/", "jwks.json", "oauth-authorization-server/x"):
        assert client.get(f"/.well-known/{path}").status_code == 404


# --- RFC 8707 -------------------------------------------------------------------------------------


def test_8707_t06_a_token_for_another_service_opens_nothing_here(server: Application) -> None:
    api = "https://api.example/v1"
    server.sign_in(resource=api)
    assert AccessToken.objects.get().resource == [api]
    assert server.userinfo().status_code == 401
    said = server.post("/oauth/introspect", {"token": server.tokens["access_token"]}).json()
    assert said["aud"] == [api]


def test_8707_a_token_is_for_no_more_than_was_asked(server: Application) -> None:
    one, two = "https://one.example", "https://two.example"
    code = server.code(resource=one)
    refused = server.redeem(code, resource=two)
    assert refused.json()["error"] == "invalid_target"
    assert server.redeem(code, resource=[one]).status_code == 200


@pytest.mark.parametrize(
    "resource",
    ["x", "https://u@a.example", "https://a.example/#x", "urn:x", "https://a.example:99999/",
     "https://a.example:x/"],
)  # fmt: skip
def test_8707_a_resource_is_an_absolute_url(app: Application, resource: str) -> None:
    assert app.answer(app.ask(resource=resource))["error"] == "invalid_target"


# --- CORS -----------------------------------------------------------------------------------------


def test_x14_only_registered_origins_read_tokens(app: Application) -> None:
    mine, evil = {"Origin": "https://app.example"}, {"Origin": "https://evil.example"}
    for path in ("/oauth/token", "/oauth/userinfo", "/oauth/revoke"):
        ready = app.back.options(path, headers=mine)
        assert ready["Access-Control-Allow-Origin"] == "https://app.example"
        assert "Access-Control-Allow-Credentials" not in ready
        for origin in (evil, {"Origin": "null"}, {"Origin": "https://app.example.evil.example"}):
            assert "Access-Control-Allow-Origin" not in app.back.options(path, headers=origin)
    answer = app.post("/oauth/token", {"grant_type": "x"}, mine)
    assert answer["Access-Control-Allow-Origin"] == "https://app.example"
    assert "Access-Control-Allow-Origin" not in app.back.options("/oauth/introspect", headers=mine)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "[::1]"])
@pytest.mark.parametrize("field", ["redirect_uris", "allowed_origins"])
def test_8252_a_script_on_loopback_reads_tokens_at_any_port(
    browser: Browser, host: str, field: str
) -> None:
    """A redirect URI on loopback may choose its port, and so may the page that redeems the code."""
    known = {"redirect_uris": "https://app.example/cb", field: f"http://{host}"}
    own = Application(register(**known), browser)
    for origin in (f"http://{host}", f"http://{host}:5173"):
        ready = own.back.options("/oauth/token", headers={"Origin": origin})
        assert ready["Access-Control-Allow-Origin"] == origin
    for name in (f"{host}.evil.example", f"{host}@evil.example", f"u@{host}", f"{host}:0"):
        ready = own.back.options("/oauth/token", headers={"Origin": f"http://{name}"})
        assert "Access-Control-Allow-Origin" not in ready
    tls = own.back.options("/oauth/token", headers={"Origin": f"https://{host}:5173"})
    assert "Access-Control-Allow-Origin" not in tls


def test_an_origin_is_known_however_its_redirect_uri_is_written(browser: Browser) -> None:
    own = Application(register(redirect_uris="https://APP.example:443/cb"), browser)
    ready = own.back.options("/oauth/token", headers={"Origin": "https://app.example"})
    assert ready["Access-Control-Allow-Origin"] == "https://app.example"
