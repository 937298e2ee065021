"""docs/strength.md 3 and 5: a rule that wants more than a session has leads to a stronger sign-in
and back, at the certified provider (U33, U34).
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import time_machine
from django.http import HttpRequest, HttpResponse
from django.test import Client
from django.urls import path
from django.utils import timezone
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.models import StoredSession, User
from accounts.strength import Strength
from portal import urls
from portal.api.callers import SignedIn
from portal.api.json_view import JsonView
from portal.door import incoming
from portal.door.required import require_session
from tests.http.conftest import PASSWORD, sign_in
from tests.http.factors.conftest import Factor
from tests.http.factors.test_second_step import offered
from tests.http.oidc.browser import Browser
from tests.http.oidc.conftest import Make, failure
from tests.peers.certified import Certified

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.wire]
LOW, HIGH = "urn:test:loa:low", "urn:test:loa:high"
WORDS = {LOW: "low", HIGH: "substantial"}
PAGE = {"HTTP_ACCEPT": "text/html", "HTTP_SEC_FETCH_MODE": "navigate"}


@require_session(acr="substantial", max_age=600)
def vault(request: HttpRequest) -> HttpResponse:
    return HttpResponse(incoming.session_of(request).acr)


class OnlyStrong(SignedIn):
    acr = Strength.SUBSTANTIAL
    max_age = 600


class VaultApi(JsonView):
    permission_classes = (OnlyStrong,)

    def get(self, request: Request) -> Response:
        return Response({"open": True})


urlpatterns = [path("vault", vault), path("vault.json", VaultApi.as_view()), *urls.urlpatterns]
handler400, handler403, handler404 = urls.handler400, urls.handler403, urls.handler404


@pytest.fixture(autouse=True)
def a_site_with_a_vault(settings: Any) -> None:
    settings.ROOT_URLCONF = __name__


def asked(url: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}


def step_up(browser: Browser, at: str = "/vault") -> str:
    """Go to a page that wants more, and through what is said of it. Returns the way upstream."""
    refused = browser.site.get(at, **PAGE)
    assert refused.status_code == 302, refused.content
    door = browser.site.get(refused["Location"])
    why = browser.site.get(door["Location"])
    assert "stronger sign-in than a password" in why.content.decode()
    return str(browser.site.get(why.context["onward"])["Location"])


@pytest.fixture
def alice(browser: Browser, source: Make, provider: Certified) -> Browser:
    source(provider, strengths=WORDS)
    browser.sign_in("town")
    return browser


def row_of(browser: Browser) -> StoredSession:
    from tests.http.conftest import stored

    return stored(browser.site)


def test_who_is_too_weak_signs_in_once_more_and_comes_back(alice: Browser) -> None:
    before = row_of(alice).uid
    url = step_up(alice)
    assert (asked(url)["acr_values"], asked(url)["prompt"]) == (HIGH, "login")
    done = alice.deliver(alice.go(url))
    assert done["Location"] == "/vault"
    assert alice.site.get("/vault", **PAGE).content.decode() == HIGH
    assert row_of(alice).uid != before
    assert StoredSession.objects.count() == 1, "the stronger session took the place of the former"


def test_what_is_old_is_made_anew_as_strongly(alice: Browser) -> None:
    alice.deliver(alice.go(step_up(alice)))
    with time_machine.travel(timezone.now() + timedelta(minutes=11)):
        refused = alice.site.get("/vault", **PAGE)
        assert asked(refused["Location"]) == {
            "next": "/vault", "again": "1", "strength": "substantial",
        }  # fmt: skip
        program = alice.site.get("/vault.json")
        assert "A more recent sign-in is needed." in program["WWW-Authenticate"]


@pytest.mark.parametrize("said", [LOW, "urn:unknown", "Level9", "SUBSTANTIAL", "high low"])
def test_an_answer_that_is_weaker_is_a_page_and_no_loop(alice: Browser, said: str) -> None:
    before = row_of(alice).uid
    url = step_up(alice)
    alice.acr = said
    done = alice.deliver(alice.go(url))
    event = failure(done)
    assert event.reason == "too-weak"
    page = alice.site.get(done["Location"])
    assert page.status_code == 403
    assert "Town did not confirm that you signed in with more than a password." in (
        page.content.decode()
    )
    assert row_of(alice).uid == before, "who is signed in stays so"
    again = page.context["retry"]
    assert asked(again) == {"next": "/vault", "strength": "substantial", "again": "1"}
    assert asked(alice.site.get(again)["Location"])["acr_values"] == HIGH
    others = alice.site.get(page.context["choose"])
    assert others.status_code == 200, "another way can be chosen"


def test_a_demand_reaches_the_first_sign_in_too(
    browser: Browser, source: Make, provider: Certified
) -> None:
    source(provider, strengths=WORDS)
    url = browser.start("town", "/vault", strength="substantial", max_age="600")
    assert asked(url)["acr_values"] == HIGH
    assert "prompt" not in asked(url), "who is not here need not prove it twice"
    assert browser.deliver(browser.go(url))["Location"] == "/vault"
    assert browser.site.get("/vault", **PAGE).status_code == 200


TAMPERED = [
    ({"strength": "substantial", "acr_values": LOW}, HIGH),
    ({"strength": "substantial", "acr_values": "low"}, HIGH),
    ({"strength": "substantial", "acr_values": f"{LOW} low"}, HIGH),
    ({"strength": "low", "acr_values": "substantial"}, HIGH),
    ({"strength": "low"}, f"{LOW} {HIGH}"),
]


@pytest.mark.parametrize(("query", "words"), TAMPERED, ids=str)
def test_a_wish_in_the_address_raises_a_demand_and_never_lowers_it(
    browser: Browser, source: Make, provider: Certified, query: dict[str, str], words: str
) -> None:
    source(provider, strengths=WORDS)
    assert asked(browser.start("town", "/vault", **query))["acr_values"] == words


@pytest.mark.parametrize(
    "query", [{}, {"strength": "low"}, {"strength": "none"}, {"acr_values": LOW}]
)
def test_who_takes_the_demand_out_meets_the_rule_again(
    alice: Browser, query: dict[str, str]
) -> None:
    url = alice.start("town", "/vault", again="1", **query)
    alice.acr = LOW
    assert alice.deliver(alice.go(url))["Location"] == "/vault"
    refused = alice.site.get("/vault", **PAGE)
    assert asked(refused["Location"])["strength"] == "substantial"


def test_a_program_gets_the_challenge(alice: Browser) -> None:
    for at in ("/vault", "/vault.json"):
        refused = alice.site.get(at, HTTP_ACCEPT="application/json")
        assert refused.status_code == 401
        said = refused["WWW-Authenticate"]
        assert said.startswith("Bearer ")
        assert 'error="insufficient_user_authentication"' in said
        assert 'acr_values="substantial"' in said
        assert 'max_age="600"' in said
        assert refused.json()["error"] == "insufficient_user_authentication"
    assert alice.site.get("/vault.json").status_code == 401, "a JSON route never redirects"
    alice.deliver(alice.go(step_up(alice)))
    assert alice.site.get("/vault.json").json() == {"open": True}


def test_who_is_a_stranger_is_asked_to_sign_in(client: Client, house: None) -> None:
    there = client.get("/vault", **PAGE)["Location"]
    assert asked(there) == {"next": "/vault", "strength": "substantial"}, "one sign-in is enough"
    page = client.get(there).content.decode()
    assert 'name="strength" value="substantial"' in page
    assert client.get("/vault.json").status_code == 401


FORM = {"username": "alice", "password": PASSWORD, "next": "/vault"}


def at_the_form(client: Client) -> dict[str, str]:
    """Sign in weakly, and be led to the form again. Returns what it posts."""
    sign_in(client)
    door = client.get(client.get("/vault", **PAGE)["Location"])
    page = client.get(door["Location"])
    assert "stronger sign-in than a password" in page.content.decode()
    assert 'name="strength" value="substantial"' in page.content.decode()
    return {**FORM, "strength": "substantial"}


def test_who_has_no_second_factor_is_led_to_set_one_up(client: Client, person: User) -> None:
    posted = at_the_form(client)
    assert client.post("/auth/login/local", posted)["Location"] == "/login/second"
    page = client.get("/login/second").content.decode()
    assert 'name="strength" value="substantial"' in page, "the demand goes along"
    assert 'name="later"' not in page, "it cannot be put off"
    sealed, code = offered(client.get("/login/second"))
    sent = {"offer": sealed, "code": code, "strength": "substantial"}
    codes = client.post("/login/second", sent)
    assert codes.status_code == 303, codes.content
    assert client.get("/vault", **PAGE).status_code == 200


def test_who_has_one_types_the_code_and_is_back(client: Client, person: User) -> None:
    posted = at_the_form(client)
    factor = Factor(person)
    assert client.post("/auth/login/local", posted)["Location"] == "/login/second"
    done = client.post("/login/second", {"code": factor.code(), "strength": "substantial"})
    assert done["Location"] == "/vault"
    assert client.get("/vault", **PAGE).content == b"substantial"


def test_a_password_is_never_high(client: Client, person: User) -> None:
    sign_in(client)
    refused = client.post("/auth/login/local", {**FORM, "strength": "high"})
    assert refused.status_code == 403
    assert "did not confirm" in refused.content.decode()
    assert client.get("/auth/session").json()["isLoggedIn"], "who is signed in stays so"


def test_a_wish_for_too_much_skips_no_second_step(
    client: Client, person: User, settings: Any
) -> None:
    settings.VESTIBULE_STRENGTHS = ["low=high"]
    factor, asked = Factor(person), {"acr_values": "high"}
    assert client.post("/auth/login/local", {**FORM, **asked})["Location"] == "/login/second"
    assert not client.get("/auth/session").json()["isLoggedIn"]
    done = client.post("/login/second", {"code": factor.code(), **asked})
    assert done["Location"] == "/vault", "a wish is no demand"


def test_a_demand_for_too_much_skips_no_second_step(
    client: Client, person: User, settings: Any
) -> None:
    settings.VESTIBULE_STRENGTHS = ["low=high"]
    Factor(person)
    refused = client.post("/auth/login/local", {**FORM, "strength": "high"})
    assert refused.status_code == 403
    assert not client.get("/auth/session").json()["isLoggedIn"]


def test_a_form_without_its_demand_opens_nothing(client: Client, person: User) -> None:
    at_the_form(client)
    assert client.post("/auth/login/local", FORM)["Location"] == "/vault"
    assert client.get("/vault", **PAGE).status_code == 302


@pytest.mark.parametrize("wrong", [{"acr": "medium"}, {"max_age": 30}], ids=str)
def test_a_rule_that_nobody_could_keep_is_refused_when_it_is_written(wrong: Any) -> None:
    with pytest.raises(ValueError, match=r"strength|60"):
        require_session(**wrong)
