"""Attacks on the authorization server that belong to no one endpoint (docs/threats.md 1)."""

from __future__ import annotations

import base64
import json
import logging
import re
from collections.abc import Callable
from html import unescape

import pytest
from django.test import Client as Browser

from accounts.keyring import seal
from accounts.models import StoredSession, User
from accounts.session import people
from portal.authorization_server.models import Client, Consent, Grant, RefreshToken
from portal.configuration.logs import redact
from tests.http.conftest import PASSWORD, sign_in, stored
from tests.http.oauth.application import CALLBACK, Application, register
from tests.http.oauth.at_once import at_once
from tests.http.passwords import change

pytestmark = pytest.mark.django_db(transaction=True)


# --- The code -------------------------------------------------------------------------------------


def test_c05_somebody_elses_code_is_worth_nothing_in_ones_own_login(
    app: Application, person: User
) -> None:
    stolen = app.code()
    thief = Application(app.client)
    assert thief.redeem(stolen).json()["error"] == "invalid_grant"
    assert app.redeem(stolen).status_code == 200


def test_c10_neither_code_nor_state_is_logged(
    app: Application, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        landed = app.allow(app.ask(login_hint="alice@secret.example"))
        answer = app.answer(landed)
        app.redeem(answer["code"])
        app.refresh("x" * 43)
        Application(app.client).ask(login_hint="alice@secret.example")
    lines = [dict(each.msg) for each in caplog.records if isinstance(each.msg, dict)]
    said = str([redact(None, "", each) for each in lines])
    assert "/oauth/authorize?" in said
    tokens = [app.tokens[each] for each in ("access_token", "id_token")]
    for secret in (answer["code"], app.state, app.nonce, app.verifier, "secret.example", *tokens):
        assert secret not in said
    assert landed["Referrer-Policy"] == "same-origin"


def test_c15_a_code_is_found_whole_and_by_its_case(app: Application) -> None:
    code = app.code()
    for guess in (code[:-1], code.swapcase(), f"{code} ", code[:8] + "%", "%", code + "a"):
        assert app.redeem(guess).json()["error"] == "invalid_grant"
    assert len(base64.urlsafe_b64decode(code + "=")) == 32
    assert app.redeem(code).status_code == 200


def test_c15_who_guesses_at_codes_is_not_listened_to(app: Application) -> None:
    answers = [app.redeem(f"guess-{number}") for number in range(80)]
    assert answers[-1].status_code == 429
    assert int(answers[-1]["Retry-After"]) > 0
    assert {each.status_code for each in answers} == {400, 429}
    assert app.redeem(app.code()).status_code == 200  # 256 random bits are no guess


# --- Tokens ---------------------------------------------------------------------------------------


def test_t02_twenty_refreshes_at_once_leave_one_family_or_none(app: Application) -> None:
    app.sign_in(scope="openid offline_access")
    spent = app.tokens["refresh_token"]
    answers = at_once([lambda: app.post("/oauth/token", refreshing(spent))] * 20)
    won = [each for each in answers if each.status_code == 200]
    assert len(won) <= 1
    assert {each.json()["error"] for each in answers if each not in won} == {"invalid_grant"}
    assert RefreshToken.objects.filter(revoked=None).count() <= 1


def refreshing(token: str) -> dict[str, str]:
    return {"grant_type": "refresh_token", "refresh_token": token}


def changes_the_password(app: Application, person: User) -> None:
    assert change(app.browser).status_code == 303


def withdraws(app: Application, person: User) -> None:
    app.browser.post("/account/apps", {"withdraw": app.client.client_id})


def is_disabled(app: Application, person: User) -> None:
    people.disable(person)


def is_deleted(app: Application, person: User) -> None:
    person.delete()


def awaits_access_again(app: Application, person: User) -> None:
    User.objects.update(status=User.Status.AWAITING_ACCESS)


def ends_all_others(app: Application, person: User) -> None:
    app.browser.post("/account/sessions", {"end": "others"})


@pytest.mark.parametrize(
    "what",
    [changes_the_password, withdraws, is_disabled, is_deleted, ends_all_others],
    ids=lambda each: each.__name__,
)
def test_t04_no_refresh_token_outlives_its_persons_word(
    app: Application, person: User, what: Callable[[Application, User], None]
) -> None:
    app.sign_in(scope="openid offline_access")
    what(app, person)
    assert app.refresh().json()["error"] == "invalid_grant"
    assert app.userinfo().status_code == 401


def test_t07_nothing_else_is_an_access_token(app: Application) -> None:
    app.sign_in(scope="openid offline_access")
    device = Application(register("tv", kind=Client.Kind.DEVICE, redirect_uris=""))
    codes = device.post("/oauth/device_authorization", {"scope": "openid"}).json()
    for shown in (
        app.tokens["id_token"], app.tokens["refresh_token"], codes["device_code"],
        codes["user_code"], app.code(), app.browser.cookies["vestibule"].value,
    ):  # fmt: skip
        assert app.userinfo(shown).status_code == 401
        details = app.back.get("/users/user/details", headers={"Authorization": f"Bearer {shown}"})
        assert details.status_code == 401
        if shown != app.tokens["refresh_token"]:
            assert app.refresh(shown).json()["error"] == "invalid_grant"


@pytest.mark.parametrize(
    "scope",
    ["openid admin", "openid\tprofile", "openid  profile", " openid", "openid ", "OPENID",
     "openid " * 500, "openid,profile", "gateway gateway2", "op\u0435nid"],
)  # fmt: skip
def test_t14_no_scope_is_given_that_is_none(app: Application, scope: str) -> None:
    answer = app.answer(app.ask(scope=scope))
    assert answer["error"] in {"invalid_scope", "invalid_request"}
    assert not Grant.objects.exists()


def test_t14_a_scope_that_stands_twice_is_given_once(app: Application) -> None:
    assert app.sign_in(scope="openid openid profile")["scope"] == "openid profile"


# --- The pages ------------------------------------------------------------------------------------


def test_x09_no_page_of_ours_stands_in_a_frame(app: Application) -> None:
    shown = app.ask()
    pages = [
        shown, app.allow(shown), app.allow(shown), app.ask(response_mode="form_post"),
        app.ask(client_id="nobody"), app.browser.get("/device"), app.browser.get("/oauth/logout"),
        app.browser.get("/account/apps"),
    ]  # fmt: skip
    for page in pages:
        assert page["X-Frame-Options"] == "DENY"
        assert "frame-ancestors 'none'" in page["Content-Security-Policy"]
        assert page["Cross-Origin-Opener-Policy"] == "same-origin"
        assert "no-store" in page["Cache-Control"]


def test_x10_the_page_that_asks_cannot_be_rewritten(app: Application) -> None:
    found = re.search(r'name="request" value="([^"]+)"', app.ask().content.decode())
    assert found
    sealed = unescape(found[1])
    uid = stored(app.browser).uid
    wide = ["k", {**app.request(), "scope": "openid groups"}, [], 4e9]
    middle = len(sealed) // 2
    other = "A" if sealed[middle] != "A" else "B"
    forged = [
        sealed[:middle] + other + sealed[middle + 1 :], sealed + "A", sealed.upper(), "", "x",
        seal(wide, "consent-once", "other"), seal(wide, "login", uid),
        seal(wide[1:], "consent", uid), base64.b64encode(json.dumps(wide).encode()).decode(),
    ]  # fmt: skip
    for each in forged:
        page = app.browser.post("/oauth/consent", {"request": each, "decision": "allow"})
        assert (page.status_code, "Location" in page) == (400, False)
    more = {"scope": "openid groups", "redirect_uri": "https://evil.example/", "client_id": "x"}
    done = app.browser.post("/oauth/consent", {"request": sealed, "decision": "allow", **more})
    assert app.redeem(app.answer(done)["code"]).json()["scope"] == "openid profile email"


@pytest.mark.parametrize("decision", ["", "ALLOW", "yes", "allow\0", "deny"])
def test_x10_only_allow_allows(app: Application, decision: str) -> None:
    done = app.allow(app.ask(), decision)
    assert done.status_code == 400 or app.answer(done)["error"] == "access_denied"
    assert not Consent.objects.exists()


def test_x10_a_page_elsewhere_cannot_allow(person: User) -> None:
    own = Browser(enforce_csrf_checks=True)
    page = own.get("/login")
    token = str(page.context["csrf_token"])
    posted = {"username": "alice", "password": PASSWORD, "csrfmiddlewaretoken": token}
    own.post("/auth/login/local", posted)
    app = Application(register(), own)
    found = re.search(r'name="request" value="([^"]+)"', app.ask().content.decode())
    assert found
    fields = {"request": unescape(found[1]), "decision": "allow"}
    assert own.post("/oauth/consent", fields).status_code == 403
    assert not Grant.objects.exists()


def test_x10_what_changes_at_the_client_meanwhile_counts(app: Application) -> None:
    shown = app.ask()
    Client.objects.update(redirect_uris="https://elsewhere.example/")
    page = app.allow(shown)
    assert (page.status_code, "Location" in page) == (400, False)
    app.client.redirect_uris = CALLBACK
    Client.objects.update(redirect_uris=CALLBACK, allowed_scopes="openid")
    assert app.answer(app.allow(app.ask(scope="openid")))["code"]


def test_x10_a_client_that_is_deleted_meanwhile(app: Application) -> None:
    shown = app.ask()
    Client.objects.filter(client_id="app").delete()
    assert app.allow(shown).status_code == 400


def test_r24_a_form_is_never_sent_on(app: Application, native: Application) -> None:
    for each in (app, native):
        for decision in ("allow", "deny"):
            assert each.allow(each.ask(prompt="consent"), decision).status_code in {200, 303}
    stranger = Browser()
    assert stranger.post("/oauth/authorize", app.request()).status_code == 303
    assert stranger.post("/oauth/logout", {}).status_code == 303


# --- JAR (RFC 9101): what is not served is said so ------------------------------------------------


def unsigned(**claims: str) -> str:
    parts = ({"alg": "none"}, claims)
    made = [base64.urlsafe_b64encode(json.dumps(each).encode()).decode() for each in parts]
    return ".".join(each.rstrip("=") for each in made) + "."


def test_ensure_request_object_with_redirect_uri(app: Application) -> None:
    evil = unsigned(redirect_uri="https://evil.example/", client_id="app")
    assert app.answer(app.ask(request=evil))["error"] == "request_not_supported"
    page = app.ask(request=evil, redirect_uri=None, client_id=None)
    assert (page.status_code, "Location" in page) == (400, False)


def test_request_objects_are_refused_at_each_door_and_not_announced(app: Application) -> None:
    for name, value in (("request", unsigned()), ("request_uri", "https://app.example/r.jwt")):
        refused = f"{name}_not_supported"
        assert app.answer(app.ask(**{name: value}))["error"] == refused
    pushed = app.post("/oauth/par", app.request(request=unsigned()))
    assert (pushed.status_code, pushed.json()["error"]) == (400, "request_not_supported")
    pushed = app.post("/oauth/par", app.request(request_uri="https://app.example/r.jwt"))
    assert (pushed.status_code, pushed.json()["error"]) == (400, "invalid_request")
    document = app.back.get("/.well-known/openid-configuration").json()
    assert document["request_parameter_supported"] is False
    assert document["request_uri_parameter_supported"] is False
    assert "require_request_uri_registration" not in document
    assert not {name for name in document if name.startswith("request_object_")}


def test_who_signs_in_for_another_application_meanwhile(app: Application) -> None:
    """What somebody was asked is theirs, whoever is signed in when the answer comes."""
    shown = app.ask()
    bob = User.objects.create_user("bob", PASSWORD, name="Bob")
    bob.give_local_identity()
    app.browser.post("/auth/logout")
    sign_in(app.browser, "bob")
    assert app.allow(shown).status_code == 400
    assert not StoredSession.objects.filter(user__username="bob", kind="client").exists()
