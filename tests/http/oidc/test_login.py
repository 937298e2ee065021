"""A complete login by the certified provider, in each way that a source can be configured."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.test import Client

from accounts.models import Event, Identity, StoredSession, User
from accounts.session.vault import tokens_of
from tests.http.conftest import stored, was_over
from tests.http.oidc.browser import Browser
from tests.http.oidc.conftest import CALLBACKS, Make, failure
from tests.http.onward import onward
from tests.peers.certificates import Certificates
from tests.peers.certified import AWKWARD_SECRET, SECRET, Certified, certified

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.wire]

CLIENTS = {
    "client_secret_basic": {"client_id": "portal", "client_secret": SECRET},
    "client_secret_basic-in-need-of-encoding": {
        "client_id": "portal:awkward",
        "client_secret": AWKWARD_SECRET,
    },
    "client_secret_post": {
        "client_id": "portal-post",
        "client_secret": SECRET,
        "client_auth": "post",
    },
    "public": {"client_id": "portal-public", "client_secret": None},
}


@pytest.fixture(scope="module")
def _talkative() -> Iterator[Certified]:
    with certified(OP_REDIRECT_URIS=CALLBACKS, OP_ID_TOKEN_CLAIMS="1") as running:
        yield running


@pytest.fixture
def talkative(_talkative: Certified) -> Certified:
    """Give a provider whose id_tokens hold the claims of the scopes as well."""
    _talkative.clean()
    return _talkative


def test_a_person_signs_in(browser: Browser, source: Make, provider: Certified) -> None:
    source(provider)
    response = browser.sign_in("town", "/account/sessions")
    assert (response.status_code, response["Location"]) == (303, "/account/sessions")
    assert response["Cache-Control"] == "no-store"
    body = browser.session()
    assert (body["isLoggedIn"], body["type"], body["source"]) == (True, "oidc", "town")
    assert body["user"]["name"] == "Alice Ærø"
    assert body["user"]["username"].startswith(
        "town-"
    )  # not the preferred_username, which is alice
    identity = Identity.objects.get()
    assert (identity.subject, identity.issuer) == ("alice", provider.issuer)
    user = User.objects.get()
    assert (user.name, user.email) == ("Alice Ærø", "alice@example.org")
    assert not user.has_usable_password()


@pytest.mark.parametrize("registered", CLIENTS.values(), ids=CLIENTS)
def test_each_kind_of_client_signs_in(
    browser: Browser, source: Make, provider: Certified, registered: dict[str, Any]
) -> None:
    source(provider, **registered)
    assert browser.sign_in("town")["Location"] == "/account/"
    assert browser.session()["isLoggedIn"] is True
    [asked] = provider.requests("/token")
    basic = registered["client_secret"] and "client_auth" not in registered
    assert asked["scheme"] == ("Basic" if basic else "")


@pytest.mark.parametrize("registered", CLIENTS.values(), ids=CLIENTS)
def test_each_kind_of_client_signs_in_over_https(
    client: Client, source: Make, provider_over_tls: Certified, registered: dict[str, Any]
) -> None:
    source(provider_over_tls, **registered)
    browser = Browser(client, ca=provider_over_tls.ca)
    assert browser.sign_in("town")["Location"] == "/account/"
    assert browser.session()["type"] == "oidc"


def test_a_provider_with_an_unknown_authority_is_not_believed(
    client: Client, source: Make, provider_over_tls: Certified, settings: Any
) -> None:
    settings.VESTIBULE_HTTP_CA = ""
    source(provider_over_tls)
    event = failure(client.get("/auth/login/town"))
    assert event.reason == "temporarily-unavailable"
    assert provider_over_tls.requests() == []


@pytest.mark.parametrize("algorithm", ["RS256", "ES256", "EdDSA"])
def test_each_algorithm_of_the_provider_is_verified(
    client: Client, source: Make, algorithm: str, certificates: Certificates
) -> None:
    callback = "http://localhost:8000/auth/callback/town"
    with certified(OP_REDIRECT_URIS=callback, OP_ID_TOKEN_ALG=algorithm) as provider:
        source(provider)
        assert Browser(client).sign_in("town")["Location"] == "/account/"


@pytest.mark.parametrize("mode", ["query", "form_post"])
def test_the_answer_comes_by_query_or_by_form_post(
    browser: Browser, source: Make, provider: Certified, mode: str
) -> None:
    source(provider, response_mode=mode)
    answer = browser.go(browser.start("town", "/account/sign-ins"))
    assert answer.method == {"query": "GET", "form_post": "POST"}[mode]
    assert answer.values["code"]
    assert answer.values["iss"] == provider.issuer
    assert browser.deliver(answer)["Location"] == "/account/sign-ins"
    assert browser.session()["isLoggedIn"] is True


def test_a_cross_site_post_decides_nothing_and_comes_back_by_get(
    browser: Browser, source: Make, provider: Certified
) -> None:
    source(provider, response_mode="form_post")
    answer = browser.go(browser.start("town"))
    stranger = Client()  # what a browser sends with a cross-site POST: no Lax cookie
    posted = stranger.post(answer.path, answer.values)
    back = posted["Location"]
    assert (posted.status_code, urlsplit(back).path) == (303, "/auth/callback/town")
    assert answer.values["code"] not in "".join(c.value for c in stranger.cookies.values())
    assert provider.requests("/token") == []
    assert not StoredSession.objects.exists()
    assert failure(stranger.get(back)).reason == "login-failed"


def test_a_post_is_refused_where_no_form_post_is_configured(
    browser: Browser, source: Make, provider: Certified
) -> None:
    source(provider)
    answer = browser.go(browser.start("town"))
    assert Client().post(answer.path, answer.values).status_code == 405


def test_the_session_keeps_what_the_way_out_needs(
    browser: Browser, source: Make, provider: Certified
) -> None:
    source(provider, scope="openid profile email offline_access", authorize={"prompt": "consent"})
    browser.sign_in("town")
    row = stored(browser.site)
    assert row.issuer == provider.issuer
    assert row.sid
    assert row.subject == "alice"
    tokens = tokens_of(row.uid)
    assert tokens is not None
    assert tokens.access_token
    assert tokens.refresh_token
    assert tokens.id_token.count(".") == 2
    assert tokens.expires_at is not None


def test_nothing_secret_is_told(browser: Browser, source: Make, provider: Certified) -> None:
    source(provider)
    answer = browser.go(browser.start("town"))
    browser.deliver(answer)
    tokens = tokens_of(stored(browser.site).uid)
    assert tokens is not None
    said = browser.site.get("/auth/session").content.decode()
    trail = " ".join(f"{e.detail} {e.reason}" for e in Event.objects.all())
    for secret in (tokens.access_token, tokens.id_token, answer.values["code"], SECRET):
        assert secret not in said + trail
    assert "aud" not in said


def test_only_the_claims_that_the_source_names_are_told(
    browser: Browser, source: Make, provider: Certified
) -> None:
    source(provider, scope="openid profile email groups", public=["locale", "groups"])
    browser.sign_in("town")
    body = browser.session()
    assert (body["locale"], body["groups"]) == ("da-DK", ["staff", "admins"])
    assert "email" not in body
    assert "nonce" not in body


def test_a_person_of_whom_nothing_is_known_but_the_subject_signs_in(
    client: Client, source: Make, provider: Certified
) -> None:
    source(provider)
    browser = Browser(client, "eve")
    assert browser.sign_in("town")["Location"] == "/account/"
    assert Identity.objects.get().subject == "eve"
    assert client.get("/account/").status_code == 200


def test_an_issuer_with_a_path_is_found(client: Client, source: Make) -> None:
    callback = "http://localhost:8000/auth/callback/town"
    with certified(OP_REDIRECT_URIS=callback, OP_ISSUER_PATH="/auth/realms/broker") as provider:
        source(provider)
        assert Browser(client).sign_in("town")["Location"] == "/account/"


@pytest.mark.parametrize("token_claims", ["0", "1"])
@pytest.mark.parametrize("userinfo", ["auto", "on", "off"])
def test_claims_come_of_the_id_token_or_of_the_userinfo(
    client: Client,
    source: Make,
    provider: Certified,
    talkative: Certified,
    token_claims: str,
    userinfo: str,
) -> None:
    provider = talkative if token_claims == "1" else provider
    source(provider, userinfo=userinfo)
    Browser(client).sign_in("town")
    assert len(provider.requests("/me")) == (0 if userinfo == "off" else 1)
    named = token_claims == "1" or userinfo != "off"
    assert User.objects.get().name == ("Alice Ærø" if named else "")


def test_signed_userinfo_is_verified(client: Client, source: Make) -> None:
    callback = "http://localhost:8000/auth/callback/town"
    with certified(OP_REDIRECT_URIS=callback, OP_USERINFO_ALG="RS256") as provider:
        source(provider)
        Browser(client).sign_in("town")
    assert User.objects.get().name == "Alice Ærø"


def test_the_access_token_may_go_in_the_body(
    browser: Browser, source: Make, provider: Certified
) -> None:
    source(provider, userinfo_bearer="body")
    assert browser.sign_in("town")["Location"] == "/account/"
    [asked] = provider.requests("/me")
    assert (asked["method"], asked["scheme"]) == ("POST", "")


def test_extra_parameters_of_the_authorization_request_are_sent(
    browser: Browser, source: Make, provider: Certified
) -> None:
    extra = {"ui_locales": "da", "login_hint": "alice", "acr_values": "urn:test:loa:high"}
    source(provider, authorize=extra, required_acr=["urn:test:loa:high"])
    url = browser.start("town")
    asked = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
    assert asked.items() >= extra.items()
    assert asked["response_type"] == "code"
    assert browser.deliver(browser.go(url))["Location"] == "/account/"


def test_the_landing_page_of_the_source_is_used_when_nothing_was_asked_for(
    browser: Browser, source: Make, provider: Certified
) -> None:
    source(provider, columns={"after_login": "/account/sign-ins"})
    assert browser.sign_in("town")["Location"] == "/account/sign-ins"


def test_someone_new_waits_where_the_source_says_so(
    browser: Browser, source: Make, provider: Certified
) -> None:
    source(provider, columns={"require_assignment": True})
    assert browser.sign_in("town", "/account/sessions")["Location"] == "/"
    assert browser.session()["status"] == "awaiting_access"
    assert browser.site.get("/account/")["Location"] == "/"


def test_a_fresh_proof_asks_the_provider_again(
    browser: Browser, source: Make, provider: Certified
) -> None:
    source(provider)
    browser.sign_in("town")
    url = browser.start("town", again="1")
    asked = parse_qs(urlsplit(url).query)
    assert (asked["prompt"], asked["max_age"]) == (["login"], ["0"])
    provider.forget_requests()
    assert browser.deliver(browser.go(url))["Location"] == "/account/"
    assert [r for r in provider.requests("/interaction/") if r["method"] == "POST"]
    assert StoredSession.objects.count() == 1


def test_only_a_fresh_proof_opens_sensitive_things(
    browser: Browser, source: Make, provider: Certified
) -> None:
    source(provider)
    browser.sign_in("town")
    asked = onward(browser.site, browser.site.post("/account/sign-ins", {"link": "local"}))
    again = urlsplit(asked["Location"])
    assert (again.path, parse_qs(again.query)["again"]) == ("/auth/login/town", ["1"])
    page = browser.site.get(asked["Location"]).content.decode()
    assert "What you are about to do needs a fresh sign-in" in page
    (onward_to,) = re.findall(r'class="button" href="([^"]*)"', page)
    started = browser.site.get(unescape(onward_to))
    proved = browser.deliver(browser.go(started["Location"]))
    assert proved["Location"] == "/account/sign-ins"
    assert was_over(browser.site, browser.site.post("/account/sign-ins", {"unlink": "0"}))


def test_two_tabs_never_disturb_each_other(
    browser: Browser, source: Make, provider: Certified
) -> None:
    source(provider)
    one, two = (
        browser.start("town", "/account/sessions"),
        browser.start("town", "/account/sign-ins"),
    )
    second = browser.go(two)
    first = browser.go(one)
    assert browser.deliver(second)["Location"] == "/account/sign-ins"
    assert browser.deliver(first)["Location"] == "/account/sessions"
    assert StoredSession.objects.count() == 1


def test_a_reload_of_the_callback_redeems_nothing(
    browser: Browser, source: Make, provider: Certified
) -> None:
    source(provider)
    answer = browser.go(browser.start("town", "/account/sessions"))
    browser.deliver(answer)
    assert browser.deliver(answer)["Location"] in {"/account/", "/account/sessions"}
    assert len(provider.requests("/token")) == 1
    assert StoredSession.objects.count() == 1
