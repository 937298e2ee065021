"""What an application wishes of the sign-in reaches the provider that is chosen (OIDC Core,
3.1.2.1: `login_hint`, `acr_values`, `max_age`, `ui_locales`).
"""

from __future__ import annotations

import base64
import json
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
import time_machine
from django.test import Client as Site
from django.utils import timezone

from accounts.models import Source, User
from accounts.source import catalogue
from tests.http.conftest import PASSWORD
from tests.http.oauth.application import Application, register
from tests.http.oidc.browser import Browser
from tests.http.oidc.conftest import Make
from tests.peers import fresh
from tests.peers.certified import Certified

pytestmark = pytest.mark.django_db(transaction=True)
HIGH = "urn:test:loa:high"


@pytest.fixture
def app(browser: Browser) -> Application:
    return Application(register(skip_authorization=True), browser.site)


def way_upstream(app: Application, **wishes: Any) -> str:
    """Ask, choose the town's button when there is a choice, and return where that leads."""
    response = app.ask(**wishes)
    for _step in range(4):
        url = response["Location"] if response.has_header("Location") else ""
        if url and not url.startswith("/"):
            return str(url)
        if url:
            response = app.browser.get(url)
            continue
        (button,) = response.context["buttons"]
        response = app.browser.get(button["url"])
    raise AssertionError(response)


def asked(url: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}


def test_all_wishes_reach_the_provider(app: Application, source: Make, provider: Certified) -> None:
    source(provider)
    wishes = {
        "login_hint": "zoë@example.org", "acr_values": f"{HIGH} urn:test:loa:low",
        "max_age": "600", "ui_locales": "da-DK en",
    }  # fmt: skip
    url = way_upstream(app, **wishes)
    assert asked(url) | wishes == asked(url)
    page = requests.get(url, timeout=60)
    assert 'name="login" value="zoë@example.org"' in page.text, "the certified provider reads it"


def test_wishes_reach_the_provider_of_who_is_signed_in_already(
    app: Application, browser: Browser, source: Make, provider: Certified
) -> None:
    source(provider)
    browser.deliver(browser.go(way_upstream(app)))
    wishes = {"login_hint": "zoë@example.org", "ui_locales": "da-DK en"}
    found = asked(way_upstream(app, prompt="login", **wishes))
    assert found | wishes == found
    assert (found["prompt"], found["max_age"]) == ("login", "0")


def test_the_only_source_is_told_too(app: Application, source: Make, provider: Certified) -> None:
    source(provider)
    Source.objects.filter(slug="local").update(enabled=False)
    fresh.sources()
    assert asked(way_upstream(app, login_hint="bob"))["login_hint"] == "bob"


def test_nothing_is_sent_that_nobody_wished(
    app: Application, source: Make, provider: Certified
) -> None:
    source(provider)
    names = {"login_hint", "acr_values", "max_age", "ui_locales", "prompt"}
    assert not names & asked(way_upstream(app)).keys()


def test_what_the_operator_says_of_the_source_wins(
    app: Application, source: Make, provider: Certified
) -> None:
    source(provider, required_acr=[HIGH], authorize={"ui_locales": "en", "max_age": "60"})
    found = asked(way_upstream(app, acr_values="urn:low", ui_locales="da", max_age="600"))
    assert (found["acr_values"], found["ui_locales"], found["max_age"]) == (HIGH, "en", "60")
    assert asked(way_upstream(app, max_age="30"))["max_age"] == "30", "the stricter of the two"


@pytest.mark.wire
@pytest.mark.parametrize(
    "query",
    [
        "login_hint=" + "x" * 300, "login_hint=a%0d%0ab", "acr_values=%07",
        "acr_values=" + "y" * 999, "max_age=-1", "max_age=1.5", "max_age=%D9%A1",
        "ui_locales=%22%3E", "ui_locales=" + "d" * 300,
        "login_hint=a&login_hint=b", "prompt=none", "redirect_uri=https://evil.example",
    ],
)  # fmt: skip
def test_who_writes_the_address_by_hand_adds_nothing(
    client: Site, source: Make, provider: Certified, query: str
) -> None:
    source(provider)
    found = asked(client.get(f"/auth/login/town?{query}")["Location"])
    names = {"login_hint", "acr_values", "max_age", "ui_locales", "prompt"}
    assert not names & found.keys()
    assert found["redirect_uri"].startswith("http://localhost:8000/auth/callback/")


def test_an_acr_that_is_demanded_is_reached(
    app: Application, browser: Browser, source: Make, provider: Certified
) -> None:
    source(provider)
    browser.deliver(browser.go(way_upstream(app)))
    demanded = json.dumps({"id_token": {"acr": {"essential": True, "values": [HIGH]}}})
    with time_machine.travel(timezone.now() + timedelta(seconds=3), tick=True):
        url = way_upstream(app, claims=demanded)
        assert asked(url)["acr_values"] == HIGH
        done = browser.deliver(browser.go(url))
        code = app.answer(app.browser.get(app.landing(done)))["code"]
        assert app.redeem(code).status_code == 200
    raw = app.tokens["id_token"].split(".")[1]
    assert json.loads(base64.urlsafe_b64decode(raw + "=="))["acr"] == HIGH


@pytest.mark.parametrize("wish", [{"prompt": "login"}, {"max_age": "0"}], ids=str)
def test_who_is_not_here_signs_in_once(
    app: Application, browser: Browser, source: Make, provider: Certified, wish: dict[str, str]
) -> None:
    source(provider)
    url = way_upstream(app, **wish)
    assert asked(url)["max_age"] == "0"
    done = browser.deliver(browser.go(url))
    with time_machine.travel(timezone.now() + timedelta(seconds=4), tick=True):  # a slow way back
        assert "code" in app.answer(app.browser.get(app.landing(done)))


@pytest.mark.parametrize("wish", [{"prompt": "login"}, {"max_age": "0"}], ids=str)
def test_a_password_is_typed_once(house: None, person: User, wish: dict[str, str]) -> None:
    app = Application(register(skip_authorization=True))
    page = app.browser.get(app.ask(login_hint="alice", **wish)["Location"])
    assert 'value="alice"' in page.content.decode()
    form = page.context["forms"][0]
    posted = {"username": "alice", "password": PASSWORD, "next": form["next"]}
    done = app.browser.post(form["action"], posted)
    with time_machine.travel(timezone.now() + timedelta(seconds=4), tick=True):
        back = app.browser.get(app.landing(done))
        assert "code" in app.answer(back), back["Location"]
        later = app.ask(**wish)
        assert later["Location"].startswith("/auth/login/local?"), "each request asks anew"
        other = app.browser.get(app.ask(login_hint="carl", **wish)["Location"]).content.decode()
        assert 'value="carl"' in other, "the name that the application wishes"


def test_a_second_form_is_filled_in(app: Application, source: Make) -> None:
    row = Source(slug="staff", provider="ldap", label="Staff", order=2000)
    row.settings = {"servers": ["ldaps://127.0.0.1:1"], "base": "dc=example"}
    catalogue.save(row)
    fresh.sources()
    page = app.browser.get(app.ask(login_hint="carl")["Location"])
    (button,) = page.context["buttons"]
    assert 'value="carl"' in app.browser.get(button["url"]).content.decode()
