"""The authorization code flow: RFC 6749, 4.1; RFC 7636; OIDC Core, 3.1."""

from __future__ import annotations

import time

import pytest
from django.test import Client as Browser

from accounts.keyring import digest
from accounts.models import Event, StoredSession, User
from accounts.session import people
from portal.authorization_server.models import AccessToken, Client, Consent, Grant
from tests.http.conftest import at_most, sign_in, stored
from tests.http.oauth.application import SECRET, SITE, Application, register
from tests.peers import dump, fresh

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_person_is_asked_once_and_signed_in(app: Application, person: User) -> None:
    asked = app.ask()
    assert asked.status_code == 200
    for word in ("The App", "See your name", "See your e-mail address"):
        assert word in asked.content.decode()
    answer = app.answer(app.allow(asked))
    assert answer["state"] == app.state
    assert answer["iss"] == SITE
    tokens = app.redeem(answer["code"]).json()
    assert tokens["token_type"] == "Bearer"
    assert tokens["scope"] == "openid profile email"
    assert "refresh_token" not in tokens
    claims = app.id_token()
    assert claims["sub"] == person.uid
    assert claims["nonce"] == app.nonce
    assert claims["amr"] == ["pwd"]
    assert claims["sid"] == stored(app.browser).uid
    assert abs(claims["auth_time"] - time.time()) < 60
    assert {"at_hash", "iat", "exp"} <= claims.keys()
    assert app.userinfo().json() == {
        "sub": person.uid,
        "name": "Alice Åberg",
        "preferred_username": "alice",
        "email": "alice@example.org",
        "email_verified": True,
    }
    assert app.ask().status_code == 302, "what was allowed is remembered"


def test_6749_5_1_no_answer_with_a_token_is_cached(app: Application) -> None:
    answer = app.redeem(app.code(scope="openid offline_access"))
    for each in (answer, app.refresh(), app.redeem("x"), app.userinfo()):
        assert (each["Cache-Control"], each["Pragma"]) == ("no-store", "no-cache")
    assert "Pragma" not in app.back.get("/oauth/jwks")


def test_who_says_no_is_not_signed_in(app: Application) -> None:
    answer = app.answer(app.allow(app.ask(), "deny"))
    assert (answer["error"], answer["state"], answer["iss"]) == ("access_denied", app.state, SITE)
    assert not Consent.objects.exists()


def test_first_party_applications_are_not_asked_about(browser: Browser) -> None:
    own = Application(register(skip_authorization=True), browser)
    assert own.ask().status_code == 302


def test_a_stranger_signs_in_and_comes_back(house: None, person: User) -> None:
    app = Application(register(skip_authorization=True))
    start = app.ask(login_hint="alice")
    assert start["Location"].startswith("/login?next=%2Foauth%2Fauthorize")
    page = app.browser.get(start["Location"])
    assert 'value="alice"' in page.content.decode()
    posted = {"username": "alice", "password": "correct horse battery staple"}
    form = page.context["forms"][0]
    done = app.browser.post(form["action"], {**posted, "next": form["next"]})
    back = app.browser.get(app.landing(done))
    assert app.redeem(app.answer(back)["code"]).status_code == 200


def test_a_long_request_survives_the_sign_in(house: None, person: User) -> None:
    app = Application(register(skip_authorization=True))
    app.state = "s" * 3000
    start = app.ask()
    sign_in(app.browser)
    back = app.browser.get(start["Location"])
    assert app.answer(app.browser.get(back["Location"]))["state"] == app.state


def test_c06_a_code_counts_once_and_its_second_use_ends_what_the_first_gave(
    app: Application,
) -> None:
    code = app.code()
    assert app.redeem(code).status_code == 200
    assert app.userinfo().status_code == 200
    again = app.redeem(code)
    assert (again.status_code, again.json()["error"]) == (400, "invalid_grant")
    assert app.userinfo().status_code == 401
    assert Event.objects.filter(name="code.reused").count() == 1


def test_the_second_use_of_a_code_ends_the_child_session_too(app: Application) -> None:
    code = app.code(scope="openid offline_access")
    assert app.redeem(code).status_code == 200
    app.refresh()
    app.redeem(code)
    assert app.refresh().json()["error"] == "invalid_grant"
    assert not StoredSession.objects.filter(kind="client").exists()


def test_offline_access_lives_on_when_the_person_leaves(app: Application) -> None:
    app.sign_in(scope="openid offline_access")
    child = StoredSession.objects.get(kind="client")
    assert (child.label, child.parent_uid) == ("The App", stored(app.browser).uid)
    assert app.id_token()["sid"] == child.parent_uid, "what a page knows is the browser's session"
    app.browser.post("/auth/logout")
    assert app.userinfo().status_code == 200
    first = app.tokens["refresh_token"]
    assert app.refresh().status_code == 200
    assert app.tokens["refresh_token"] != first
    assert app.id_token()["sub"] == child.user.uid


def test_without_offline_access_nothing_lives_on(app: Application) -> None:
    app.sign_in()
    app.browser.post("/auth/logout")
    assert app.userinfo().status_code == 401
    assert not AccessToken.objects.exists()


def test_ending_all_ends_it(app: Application, person: User) -> None:
    app.sign_in(scope="openid offline_access")
    people.end_all(person.pk, "by an administrator")
    assert app.userinfo().status_code == 401
    assert app.refresh().json()["error"] == "invalid_grant"


def test_t01_a_spent_refresh_token_ends_its_family(app: Application) -> None:
    app.sign_in(scope="openid offline_access")
    spent = app.tokens["refresh_token"]
    assert app.refresh().status_code == 200
    live = dict(app.tokens)
    assert app.refresh(spent).json()["error"] == "invalid_grant"
    assert app.refresh(live["refresh_token"]).json()["error"] == "invalid_grant"
    assert app.userinfo(live["access_token"]).status_code == 401


def test_t03_a_refresh_token_is_its_clients_and_never_for_more(app: Application) -> None:
    app.sign_in(scope="openid profile offline_access")
    other = Application(register("other"), app.browser)
    refused = other.refresh(app.tokens["refresh_token"])
    assert refused.json()["error"] == "invalid_grant"
    wider = app.refresh(scope="openid email")
    assert (wider.status_code, wider.json()["error"]) == (400, "invalid_scope")
    assert app.refresh(scope="openid").json()["scope"] == "openid"
    assert app.refresh().json()["scope"] == "openid profile offline_access"


def test_c01_c02_pkce_by_s256_is_not_optional(app: Application) -> None:
    for changes in (
        {"code_challenge": None},
        {"code_challenge_method": None},
        {"code_challenge_method": "plain"},
        {"code_challenge": "short"},
    ):
        assert app.answer(app.ask(**changes))["error"] == "invalid_request"


@pytest.mark.parametrize(
    ("verifier", "error"),
    [
        ("x" * 43, "invalid_grant"), ("x" * 42, "invalid_request"), ("x" * 129, "invalid_request"),
        ("x" * 42 + "!", "invalid_request"), (None, "invalid_request"),
    ],
)  # fmt: skip
def test_c04_the_verifier_must_be_the_right_one(
    app: Application, verifier: str | None, error: str
) -> None:
    code = app.code()
    assert app.redeem(code, code_verifier=verifier).json()["error"] == error
    assert app.redeem(code).status_code == 200


def test_c08_a_code_is_its_clients(app: Application) -> None:
    code = app.code()
    other = Application(register("other"), app.browser)
    other.verifier = app.verifier
    assert other.redeem(code).json()["error"] == "invalid_grant"
    assert app.redeem(code).status_code == 200


def test_c09_a_code_lives_for_a_minute(app: Application) -> None:
    code = app.code()
    Grant.objects.update(expires="2020-01-01T00:00:00Z")
    assert app.redeem(code).json()["error"] == "invalid_grant"


def test_r11_the_redirect_uri_must_be_the_same(app: Application) -> None:
    code = app.code()
    for uri in (f"{app.redirect_uri}/", None):
        assert app.redeem(code, redirect_uri=uri).json()["error"] == "invalid_grant"


def test_6749_4_1_3_a_redirect_uri_that_was_never_named_need_not_be_repeated(
    app: Application,
) -> None:
    for uri in (None, app.redirect_uri):
        assert app.redeem(app.code(redirect_uri=None), redirect_uri=uri).status_code == 200
    code = app.code(redirect_uri=None)
    refused = app.redeem(code, redirect_uri="https://evil.example/")
    assert refused.json()["error"] == "invalid_grant"


def test_6749_4_1_3_nor_when_the_request_was_pushed(app: Application) -> None:
    pushed = app.post("/oauth/par", app.request(redirect_uri=None)).json()
    asked = {"client_id": "app", "request_uri": pushed["request_uri"]}
    page = app.browser.get("/oauth/authorize", asked)
    code = app.answer(app.allow(page))["code"]
    assert app.redeem(code, redirect_uri=None).status_code == 200


@pytest.mark.parametrize("kind", ["token", "id_token", "code token", "code id_token", "none", "x"])
def test_c11_only_a_code_is_served(app: Application, kind: str) -> None:
    assert app.answer(app.ask(response_type=kind))["error"] == "unsupported_response_type"


def test_c14_no_other_grant_is_served(app: Application) -> None:
    for grant in ("password", "client_credentials", "implicit", "x" * 3000):
        answer = app.post("/oauth/token", {"grant_type": grant, "username": "a", "password": "b"})
        assert answer.json()["error"] == "unsupported_grant_type"
    device = app.post("/oauth/device_authorization", {"scope": "openid"})
    assert device.json()["error"] == "unauthorized_client"


def test_t13_nothing_rests_in_the_clear(server: Application) -> None:
    code = server.code(scope="openid offline_access")
    waiting = dict(dump.tables())
    assert server.redeem(code).status_code == 200
    given = [server.tokens[name] for name in ("access_token", "refresh_token", "id_token")]
    for secret in (code, server.verifier, SECRET, *given):
        for said in (waiting, dict(dump.tables())):
            assert not [table for table, rows in said.items() if secret in rows]
    # What is looked up stands there as its digest.
    for secret, table in ((code, "grant"), (SECRET, "client")):
        assert digest(secret) in waiting[f"authorization_server_{table}"]


def test_a_token_request_for_a_code_costs_ten_statements(app: Application) -> None:
    app.sign_in(scope="openid offline_access")
    code = app.code(scope="openid profile email offline_access")
    with at_most(10):
        assert app.redeem(code).status_code == 200


def test_whoever_awaits_access_gets_no_token(app: Application, person: User) -> None:
    code = app.code()
    User.objects.update(status=User.Status.AWAITING_ACCESS)
    fresh.caches()
    answer = app.redeem(code)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")
    assert "administrator" in answer.json()["error_description"]
    assert app.answer(app.ask())["error"] == "access_denied"


def test_a_confidential_client_needs_its_secret(server: Application) -> None:
    code = server.code()
    own = Application(server.client)
    own.client.auth_method = Client.Method.NONE
    own.verifier = server.verifier
    refused = own.redeem(code)
    assert (refused.status_code, refused.json()["error"]) == (401, "invalid_client")
    server.client.refresh_from_db()
    assert server.redeem(code).status_code == 200
