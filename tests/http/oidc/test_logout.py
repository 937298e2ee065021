"""Leaving by the provider (OpenID Connect RP-Initiated Logout 1.0)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.test import Client
from django.utils import timezone
from time_machine import travel

from accounts.models import Event, Source, StoredSession, StoredTokens
from accounts.session.vault import tokens_of
from accounts.source import outage
from providers.oidc import discovery
from providers.oidc.settings import ENDPOINTS
from tests.http.conftest import stored
from tests.http.oidc.browser import Browser
from tests.http.oidc.conftest import CALLBACKS, SITE, Make, failure
from tests.http.oidc.test_refresh import OFFLINE
from tests.http.onward import onward
from tests.peers import fresh, network
from tests.peers.certified import Certified, certified

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def mortal() -> Iterator[Certified]:
    """Give a provider of the test's own, which it may end."""
    done = f"{SITE}/auth/logout/done"
    with certified(
        OP_REDIRECT_URIS=CALLBACKS, OP_AUTO_CONSENT="1", OP_POST_LOGOUT_URIS=done
    ) as running:
        yield running


WANTED = "/account/sessions"


def asked(url: str) -> dict[str, str]:
    """Return the parameters of an address."""
    return {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}


def test_a_person_leaves_by_the_provider_and_comes_back(
    browser: Browser, source: Make, provider: Certified
) -> None:
    source(provider)
    browser.sign_in("town")
    tokens = tokens_of(stored(browser.site).uid)
    assert tokens is not None
    assert provider.signed_in() == ["alice"]
    response = browser.leave()
    assert response.status_code == 303
    assert response["Location"].startswith(f"{provider.issuer}/session/end?")
    sent = asked(response["Location"])
    assert sent["id_token_hint"] == tokens.id_token
    assert sent["post_logout_redirect_uri"] == f"{SITE}/auth/logout/done"
    assert not StoredSession.objects.exists()  # before the visit
    assert not StoredTokens.objects.exists()
    back = browser.go(response["Location"])
    assert back.path == "/auth/logout/done"
    assert back.values == {"state": sent["state"]}
    landed = browser.deliver(back)
    assert (landed.status_code, landed["Location"]) == (303, "/")
    assert browser.session() == {"isLoggedIn": False, "type": "anonymous"}
    assert provider.signed_in() == []
    page = browser.site.get("/").content.decode()
    assert "Town" in page


def test_whoever_left_is_asked_for_the_password_again(
    browser: Browser, source: Make, provider: Certified
) -> None:
    source(provider)
    browser.sign_in("town")
    browser.deliver(browser.go(browser.leave()["Location"]))
    provider.forget_requests()
    browser.sign_in("town")
    assert [r for r in provider.requests("/interaction/") if r["method"] == "POST"]


def test_the_way_out_over_https(client: Client, source: Make, provider_over_tls: Certified) -> None:
    source(provider_over_tls)
    browser = Browser(client, ca=provider_over_tls.ca)
    browser.sign_in("town")
    assert browser.deliver(browser.go(browser.leave()["Location"]))["Location"] == "/"
    assert provider_over_tls.signed_in() == []


@pytest.mark.parametrize(
    "module",
    [
        "oidcc-client-test-rp-init-logout",
        "oidcc-client-test-rp-init-logout-other-state",
        "oidcc-client-test-rp-init-logout-no-state",
    ],
)
def test_the_state_of_the_answer_decides_nothing(
    browser: Browser, source: Make, provider: Certified, module: str
) -> None:
    source(provider)
    browser.sign_in("town")
    back = browser.go(browser.leave()["Location"])
    values = dict(back.values)
    if module.endswith("other-state"):
        values["state"] += "_INVALID"
    elif module.endswith("no-state"):
        del values["state"]
    landed = browser.site.get(back.path, values)
    assert (landed.status_code, landed["Location"]) == (303, "/")
    assert browser.session()["isLoggedIn"] is False
    assert not StoredSession.objects.exists()


def test_where_one_wanted_to_go_is_kept_over_the_visit(
    browser: Browser, source: Make, provider: Certified
) -> None:
    source(provider)
    browser.sign_in("town")
    response = onward(browser.site, browser.site.post("/auth/logout", {"return_to": "/?left=1"}))
    landed = browser.deliver(browser.go(response["Location"]))
    assert landed["Location"] == "/?left=1"


def test_parameters_of_the_way_out_are_added_and_renamed(
    browser: Browser, source: Make, provider: Certified
) -> None:
    source(
        provider,
        logout={"ui_locales": "da", "response_type": "code"},
        logout_names={"post_logout_redirect_uri": "logout_uri", "id_token_hint": ""},
    )
    browser.sign_in("town")
    sent = asked(browser.leave()["Location"])
    assert sent["logout_uri"] == f"{SITE}/auth/logout/done"
    assert sent["client_id"] == "portal"
    assert (sent["ui_locales"], sent["response_type"]) == ("da", "code")
    assert not {"id_token_hint", "post_logout_redirect_uri"} & set(sent)


def test_the_provider_is_down_when_somebody_leaves(
    client: Client, source: Make, mortal: Certified
) -> None:
    source(mortal)
    Browser(client).sign_in("town")
    mortal.stop()
    response = client.post("/auth/logout")
    assert response.status_code == 303
    assert not StoredSession.objects.exists()
    assert client.get("/auth/session").json()["isLoggedIn"] is False
    assert Event.objects.filter(name="logout").count() == 1


def test_the_provider_is_down_and_nothing_is_known_of_it(
    client: Client, source: Make, mortal: Certified
) -> None:
    source(mortal)
    Browser(client).sign_in("town")
    mortal.stop()
    discovery.kept.clear()
    fresh.caches()
    response = client.post("/auth/logout")
    assert (response.status_code, response["Location"]) == (303, "/")
    assert not StoredSession.objects.exists()
    assert client.get("/").context["receipt"]["upstream"] == "unanswered"


def test_a_source_that_cannot_be_built_is_visited_once_it_is_back(
    browser: Browser, source: Make, provider: Certified
) -> None:
    source(provider)
    browser.sign_in("town")
    rows = Source.objects.filter(slug="town")
    settings = rows.get().settings
    rows.update(settings={**settings, "nobody knows": "this"})
    fresh.sources()
    browser.site.post("/auth/logout")
    assert browser.site.get("/").context["receipt"]["upstream"] == "unanswered"
    rows.update(settings=settings)
    fresh.sources()
    again = onward(browser.site, browser.site.post("/auth/logout/again"))
    assert asked(again["Location"])["id_token_hint"]
    assert browser.deliver(browser.go(again["Location"])).status_code == 303
    assert provider.signed_in() == []


@pytest.mark.parametrize("kind", ["500", "hang", "drip", "garbage", "drop", "html"])
@pytest.mark.remembers
def test_a_provider_in_known_trouble_is_not_visited_and_the_person_is_told(
    browser: Browser, source: Make, provider: Certified, kind: str
) -> None:
    source(provider)
    browser.sign_in("town")
    other = Browser(Client(), "bob")
    answer = other.go(other.start("town"))
    provider.trouble("/", kind)
    failure(other.deliver(answer))
    assert browser.site.post("/auth/logout", {"return_to": WANTED})["Location"] == "/"
    assert not StoredSession.objects.exists()
    told = browser.site.get("/")
    assert told.context["receipt"]["upstream"] == "unanswered"
    page = told.content.decode()
    assert "You may still be signed in there: Town" in page
    assert f'href="{WANTED}"' in page
    assert browser.site.post("/auth/logout/again")["Location"] == "/"  # it is down still
    assert provider.requests("/session/end") == []
    provider.heal()
    network.forget_trouble()
    again = onward(browser.site, browser.site.post("/auth/logout/again"))
    assert asked(again["Location"])["id_token_hint"]
    assert browser.deliver(browser.go(again["Location"]))["Location"] == WANTED
    assert provider.signed_in() == ["bob"]


def test_a_provider_that_is_back_is_visited_at_once(
    browser: Browser, source: Make, provider: Certified
) -> None:
    source(provider)
    browser.sign_in("town")
    other = Browser(Client(), "bob")
    answer = other.go(other.start("town"))
    provider.trouble("/token", "500", times=1)
    failure(other.deliver(answer))
    assert browser.leave()["Location"].startswith(f"{provider.issuer}/session/end?")


@pytest.mark.remembers
def test_a_provider_that_does_not_renew_is_known_to_be_in_trouble(
    browser: Browser, source: Make, provider: Certified
) -> None:
    source(provider, **OFFLINE)
    browser.sign_in("town")
    provider.trouble("/", "500")
    with travel(timezone.now() + timedelta(seconds=275), tick=True):
        browser.session()
        assert browser.site.post("/auth/logout")["Location"] == "/"
    assert browser.site.get("/").context["receipt"]["upstream"] == "unanswered"


@pytest.mark.remembers
def test_without_discovery_the_keys_show_whether_somebody_is_there(
    browser: Browser, source: Make, provider: Certified
) -> None:
    known = provider.ask("GET", "/.well-known/openid-configuration")
    source(provider, discover=False, endpoints={n: known[n] for n in ENDPOINTS if n in known})
    browser.sign_in("town")
    outage.note("town")
    provider.trouble("/jwks", "html")
    assert browser.site.post("/auth/logout")["Location"] == "/"
    provider.heal()
    assert onward(browser.site, browser.site.post("/auth/logout/again"))


def test_leaving_calls_nobody(browser: Browser, source: Make, provider: Certified) -> None:
    source(provider)
    browser.sign_in("town")
    provider.forget_requests()
    browser.leave()
    assert provider.requests() == []


def test_one_of_two_sources_ends_the_other_stays(
    client: Client, source: Make, provider: Certified
) -> None:
    source(provider)
    source(provider, "school", client_id="portal-post", client_auth="post")
    one, two = Browser(client), Browser(Client())
    one.sign_in("town")
    two.sign_in("school")
    one.leave()
    assert one.session()["isLoggedIn"] is False
    assert two.session()["source"] == "school"
    assert StoredSession.objects.count() == StoredTokens.objects.count() == 1


def test_a_front_end_elsewhere_is_reached_from_a_provider_that_asks_by_a_form(
    browser: Browser, source: Make, provider: Certified, settings: Any
) -> None:
    """A provider that asks whether to leave allows its form this site alone (CSP 3)."""
    settings.VESTIBULE_FRONTEND_ORIGINS = ["https://go.example"]
    source(provider)
    browser.sign_in("town")
    leave = browser.site.post("/auth/logout", {"return_to": "https://go.example/bye"})
    back = browser.deliver(browser.go(onward(browser.site, leave)["Location"]))
    assert back.status_code == 303
    assert onward(browser.site, back)["Location"] == "https://go.example/bye"
    assert browser.site.get("/auth/logout/done")["Location"] == "/"


def test_another_source_is_entered_after_leaving_the_first(
    browser: Browser, source: Make, provider: Certified
) -> None:
    source(provider)
    source(provider, "school", client_id="portal-post", client_auth="post")
    browser.sign_in("town")
    asking = browser.site.get("/auth/login/school")
    assert asking.status_code == 200
    left = onward(browser.site, browser.site.post("/auth/login/school", {"switch": "1"}))
    back = browser.deliver(browser.go(left["Location"]))
    assert onward(browser.site, back)["Location"] == "/auth/login/school"
    browser.sign_in("school")
    assert browser.session()["source"] == "school"
    assert StoredSession.objects.count() == 1
