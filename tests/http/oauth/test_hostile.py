"""What a hostile client, or somebody behind one, tries beyond the attacks that have a name."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib import admin
from django.http import HttpRequest
from django.test import Client as Browser
from django.utils import timezone
from limits import RateLimitItemPerMinute

from accounts.models import User
from portal.authorization_server.backchannel import logout_token
from portal.authorization_server.models import AccessToken, Client
from portal.operations.admin.people import PersonAdmin
from tests.http.oauth.application import Application, register
from tests.http.oauth.listener import Listener
from tests.http.oauth.test_device import Device

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.wire]
ONE, TWO = "https://one.example", "https://two.example"


def test_bad_codes_that_a_site_is_sent_lock_nobody_out_of_it(server: Application) -> None:
    """Whoever brings made-up codes to a site's callback makes the site ask with them."""
    for number in range(80):
        answer = server.redeem(f"guess-{number}")
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")
    assert server.sign_in()


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let one place push three requests."""
    limit = RateLimitItemPerMinute(3, 5, namespace="pushed-few")
    monkeypatch.setattr("portal.authorization_server.pushed._PLACE", limit)


def test_many_sign_ins_that_a_site_begins_lock_nobody_out_of_it(
    server: Application, few: None
) -> None:
    for _number in range(9):
        assert server.post("/oauth/par", server.request()).status_code == 201


def test_whoever_proves_nothing_pushes_so_much_and_no_more(app: Application, few: None) -> None:
    answers = [app.post("/oauth/par", app.request()).status_code for _number in range(5)]
    assert answers == [201, 201, 201, 429, 429]


def test_8707_a_narrow_token_leaves_the_grant_as_wide_as_it_was(server: Application) -> None:
    code = server.code(scope="openid offline_access", resource=[ONE, TWO])
    assert server.redeem(code, resource=ONE).status_code == 200
    assert AccessToken.objects.latest("pk").resource == [ONE]
    for wanted in (TWO, ONE):
        assert server.refresh(resource=wanted).status_code == 200
        assert AccessToken.objects.latest("pk").resource == [wanted]
    assert server.refresh(resource="https://three.example").json()["error"] == "invalid_target"
    assert server.refresh().status_code == 200
    assert AccessToken.objects.latest("pk").resource == [ONE, TWO]


def active(app: Application, tokens: list[str]) -> list[bool]:
    told = [app.post("/oauth/introspect", {"token": each}).json() for each in tokens]
    return [each["active"] for each in told]


def test_8707_a_client_holds_a_token_for_each_resource(server: Application) -> None:
    server.redeem(server.code(scope="openid offline_access", resource=[ONE, TWO]), resource=ONE)
    tokens, spent = [server.tokens["access_token"]], server.tokens["refresh_token"]
    server.refresh(resource=TWO)
    tokens.append(server.tokens["access_token"])
    assert active(server, tokens) == [True, True]
    assert server.refresh(spent).json()["error"] == "invalid_grant"
    assert active(server, tokens) == [False, False], "its family was revoked"


def test_the_access_tokens_of_a_family_are_bounded_and_end_with_it(
    server: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("portal.authorization_server.token._FORMER", 2)
    tokens = [server.sign_in(scope="openid offline_access")["access_token"]]
    for _ in range(4):
        assert server.refresh().status_code == 200
        tokens.append(server.tokens["access_token"])
    assert active(server, tokens) == [False] * 2 + [True] * 3
    past = timezone.now() - timedelta(seconds=1)
    AccessToken.objects.exclude(pk=AccessToken.objects.latest("pk").pk).update(expires=past)
    server.refresh()
    assert AccessToken.objects.count() == 2, "those that have expired are gone"
    server.post("/oauth/revoke", {"token": server.tokens["refresh_token"]})
    assert not AccessToken.objects.exists()


def test_j06_a_logout_token_is_no_hint(server: Application) -> None:
    server.sign_in()
    claims = server.id_token()
    hint = logout_token(server.client, claims["sid"], claims["sub"])
    assert server.answer(server.ask(id_token_hint=hint))["error"] == "invalid_request"
    page = server.browser.get("/oauth/logout", {"id_token_hint": hint})
    assert page.status_code == 400
    assert server.browser.get("/auth/session").json()["isLoggedIn"] is True


def test_what_a_client_may_no_more_is_given_no_more(app: Application) -> None:
    app.sign_in(scope="openid profile email offline_access")
    Client.objects.update(allowed_scopes="openid profile offline_access")
    assert app.refresh().json()["scope"] == "openid profile offline_access"
    assert "email" not in app.userinfo().json()
    assert app.refresh(scope="openid email").json()["error"] == "invalid_scope"
    Client.objects.update(allowed_scopes="groups")
    assert app.refresh().json()["error"] == "invalid_grant"


def test_who_may_not_stay_signed_in_any_more_does_not(server: Application) -> None:
    server.sign_in(scope="openid offline_access")
    Client.objects.update(allowed_scopes="openid")
    assert server.refresh().json()["error"] == "invalid_grant"
    told = server.post("/oauth/introspect", {"token": server.tokens["refresh_token"]})
    assert told.json() == {"active": False}
    Client.objects.update(allowed_scopes="openid offline_access")
    assert server.refresh().status_code == 200, "nothing was spent"


def test_so_does_a_desktop_but_its_device_stays(browser: Browser) -> None:
    own = {"kind": Client.Kind.NATIVE, "auth_method": Client.Method.BASIC, "legacy_desktop": True}
    row = register("desktop", redirect_uris="http://127.0.0.1", **own)
    desktop, tv = Application(row, browser), Device(row)
    desktop.sign_in(scope="openid")
    tv.start("openid")
    tv.decide(browser)
    assert tv.poll().status_code == 200
    Client.objects.update(legacy_desktop=False)
    assert desktop.refresh().json()["error"] == "invalid_grant"
    for _again in range(2):
        assert tv.app.refresh().status_code == 200


def test_t06_no_name_without_the_scope_at_any_route(app: Application) -> None:
    app.sign_in(scope="openid")
    bearer = {"Authorization": f"Bearer {app.tokens['access_token']}"}
    for path in ("/auth/session", "/users/user/details", "/oauth/userinfo"):
        said = app.back.get(path, headers=bearer).content.decode()
        assert "alice" not in said.lower(), path
    body = app.back.get("/auth/session", headers=bearer).json()
    assert (body["isLoggedIn"], body["type"]) == (True, "local")
    app.sign_in(scope="openid profile")
    bearer = {"Authorization": f"Bearer {app.tokens['access_token']}"}
    assert app.back.get("/auth/session", headers=bearer).json()["user"]["username"] == "alice"


def test_an_application_ends_its_own_session_and_no_other(app: Application) -> None:
    app.sign_in(scope="openid offline_access")
    bearer = {"Authorization": f"Bearer {app.tokens['access_token']}"}
    assert app.back.post("/session/logout", headers=bearer).json()["ended"] is True
    assert app.browser.get("/auth/session").json()["isLoggedIn"] is True
    assert app.userinfo().status_code == 401


def test_what_it_holds_of_a_browsers_session_does_not_end_that(app: Application) -> None:
    app.sign_in(scope="openid")
    bearer = {"Authorization": f"Bearer {app.tokens['access_token']}"}
    for method in ("POST", "DELETE"):
        answer = app.back.generic(method, "/session/logout", headers=bearer)
        assert (answer.status_code, answer.json()["error"]) == (403, "access_denied")
    assert app.browser.get("/auth/session").json()["isLoggedIn"] is True
    assert app.userinfo().status_code == 200


def test_clients_hear_of_a_person_who_is_deleted(
    told: Application, listener: Listener, person: User
) -> None:
    rows = User.objects.filter(pk=person.pk)
    PersonAdmin(User, admin.site).delete_queryset(HttpRequest(), rows)
    assert len(listener.wait()) == 1


@pytest.mark.parametrize(
    ("left", "error"),
    [
        ({"kind": Client.Kind.BROWSER}, "unauthorized_client"),
        ({"allowed_scopes": "gateway"}, "invalid_grant"),
        ({"allowed_scopes": "openid email"}, None),
    ],
)
def test_d09_a_client_is_given_what_it_may_still_have(
    house: None, browser: Browser, left: dict[str, str], error: str | None
) -> None:
    tv = Device(register("tv", kind=Client.Kind.DEVICE, redirect_uris=""))
    tv.start()
    tv.decide(browser)
    Client.objects.update(**left)
    answer = tv.poll()
    assert (answer.status_code, answer.json().get("error")) == (400 if error else 200, error)
    assert error or answer.json()["scope"] == "openid email"
