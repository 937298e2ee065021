"""RFC 9470 and OIDC Core, 3.1.2.1: a client asks how strongly its person signs in."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client as Browser

from accounts.models import Source, User
from tests.http.conftest import PASSWORD, sign_in
from tests.http.factors.conftest import Factor
from tests.http.oauth.application import Application, register
from tests.peers import fresh

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.wire]


@pytest.fixture
def app(person: User) -> Application:
    """Give an application of somebody who has signed in by a password alone."""
    browser = Browser()
    sign_in(browser)
    return Application(register(skip_authorization=True, introspects=True), browser)


def essential(*words: str) -> str:
    return json.dumps({"id_token": {"acr": {"essential": True, "values": list(words)}}})


def test_it_is_announced(client: Browser, db: None) -> None:
    document = client.get("/.well-known/openid-configuration").json()
    assert document["acr_values_supported"] == ["low", "substantial", "high"]


@pytest.mark.parametrize(
    "asked",
    [{}, {"acr_values": "low"}, {"acr_values": "urn:x low"}, {"acr_values": "1 2"}],
    ids=str,
)
def test_what_is_true_is_answered_at_once(app: Application, asked: dict[str, str]) -> None:
    app.sign_in(**asked)
    told = app.id_token()
    assert (told["acr"], told["amr"]) == ("low", ["pwd"])
    assert told["auth_time"] > 0


@pytest.mark.parametrize(
    "asked",
    [
        {"acr_values": "substantial"},
        {"acr_values": "high substantial"},
        {"acr_values": "urn:x substantial"},
        {"claims": essential("substantial")},
    ],
    ids=str,
)
def test_a_stronger_sign_in_is_asked_for_and_told(
    app: Application, person: User, asked: dict[str, str]
) -> None:
    factor = Factor(person)
    there = app.ask(**asked)["Location"]
    assert there.startswith("/auth/login/local?")
    page = app.browser.get(there)
    form = {"username": "alice", "password": PASSWORD, "next": page.context["next"]}
    form["acr_values"] = page.context["acr_values"]
    assert app.browser.post(page.context["action"], form)["Location"] == "/login/second"
    done = app.browser.post("/login/second", {"code": factor.code()})
    back = app.browser.get(app.landing(done))
    assert app.redeem(app.answer(back)["code"]).status_code == 200
    told = app.id_token()
    assert (told["acr"], told["amr"]) == ("substantial", ["pwd", "otp", "mfa"])
    assert app.answer(app.ask(acr_values="low"))["code"], "what is stronger is enough"
    for wish in ({"acr_values": "low"}, {"acr_values": "substantial", "claims": essential("low")}):
        app.sign_in(scope="openid offline_access", **wish)
        assert app.id_token()["acr"] == "low", "the word that was asked for, as it is true"
        for _round in range(2):
            app.refresh()
            assert app.id_token()["acr"] == "low", "and so it stays (OIDC Core, 12.2)"


@pytest.mark.parametrize(
    "asked", [{"acr_values": "substantial"}, {"claims": essential("high")}], ids=str
)
def test_without_a_page_the_client_is_told(app: Application, asked: dict[str, str]) -> None:
    said = app.answer(app.ask(prompt="none", **asked))
    assert said["error"] == "unmet_authentication_requirements"


@pytest.mark.parametrize("word", ["\ud800", "\0", "x\udfff"], ids=ascii)
def test_a_word_that_is_no_text_is_refused(app: Application, word: str) -> None:
    for browser in (app.browser, Browser()):
        app.browser = browser
        said = app.answer(app.ask(claims=essential(word)))
        assert said["error"] == "invalid_request"


def test_what_nobody_can_give_is_told_after_one_try(app: Application) -> None:
    page = app.browser.get(app.ask(acr_values="high")["Location"])
    form = {"username": "alice", "password": PASSWORD, "next": page.context["next"]}
    form["acr_values"] = page.context["acr_values"]
    done = app.browser.post(page.context["action"], form)
    said = app.answer(app.browser.get(app.landing(done)))
    assert said["error"] == "unmet_authentication_requirements", "and nobody goes round in circles"


def test_6_2_an_api_finds_it_by_introspection(person: User, settings: Any) -> None:
    browser = Browser()
    sign_in(browser)
    server = Application(register(auth_method="client_secret_basic"), browser)
    server.sign_in()
    token = {"token": server.tokens["access_token"]}
    said: dict[str, Any] = server.post("/oauth/introspect", token).json()
    assert said["acr"] == "low"
    assert said["auth_time"] == server.id_token()["auth_time"]
    settings.VESTIBULE_STRENGTHS = ["low=none"]
    assert "acr" not in server.post("/oauth/introspect", token).json()


def test_whose_source_is_gone_chooses_another_way(app: Application) -> None:
    Source.objects.filter(slug="local").update(enabled=False)
    fresh.sources()
    there = app.ask(acr_values="substantial")["Location"]
    assert there.startswith("/login?choose=1&next=")
    assert "&acr_values=substantial" in there
    assert app.browser.get(there).status_code == 200
