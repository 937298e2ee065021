"""Who is not let in, and what they are told: by the person, the provider, or the source's rules."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from accounts.models import Identity, StoredSession, User
from tests.http.oidc.browser import Browser
from tests.http.oidc.conftest import Make, failure
from tests.peers.certified import SECRET, Certified

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize("mode", ["query", "form_post"])
def test_somebody_who_presses_cancel_is_told_so(
    client: Client, source: Make, provider: Certified, mode: str
) -> None:
    source(provider, response_mode=mode)
    browser = Browser(client, refuses=True)
    response = browser.sign_in("town", "/account/sessions")
    event = failure(response)
    assert event.reason == "cancelled"
    page = client.get(response["Location"])
    assert event.support_code in page.content.decode()
    assert "/auth/login/town?next=%2Faccount%2Fsessions" in page.content.decode()
    assert provider.requests("/token") == []
    assert not StoredSession.objects.exists()
    assert not User.objects.exists()


def test_somebody_who_pressed_cancel_may_change_their_mind(
    client: Client, source: Make, provider: Certified
) -> None:
    source(provider)
    browser = Browser(client, refuses=True)
    failure(browser.sign_in("town"))
    browser.refuses = False
    assert browser.sign_in("town")["Location"] == "/account/"


def test_a_person_who_is_not_signed_in_there_is_refused_when_nobody_may_be_asked(
    browser: Browser, source: Make, provider: Certified
) -> None:
    source(provider, authorize={"prompt": "none"})
    event = failure(browser.sign_in("town"))
    assert event.reason == "login-failed"
    assert "login_required" in event.detail


WRONG_CLIENTS = {
    "a-wrong-secret": {"client_secret": "wrong-secret-0123456789abcdef0123456789"},
    "no-secret-at-all": {"client_secret": None, "client_auth": "none"},
}


@pytest.mark.parametrize("wrong", WRONG_CLIENTS.values(), ids=WRONG_CLIENTS)
def test_a_wrong_registration_is_trouble_of_ours_and_not_of_the_person(
    browser: Browser, source: Make, provider: Certified, wrong: dict[str, Any]
) -> None:
    source(provider, **wrong)
    response = browser.sign_in("town")
    event = failure(response)
    assert event.reason == "misconfigured"
    assert "client" in event.detail
    assert (wrong["client_secret"] or SECRET) not in event.detail
    page = browser.site.get(response["Location"])
    assert page.status_code == 503
    assert "does not answer" not in page.content.decode()
    assert browser.site.get("/auth/sources").json()[0]["trouble"] is None
    assert not StoredSession.objects.exists()


RULES: dict[str, tuple[dict[str, Any], set[str]]] = {
    "required-role": (
        {
            "scope": "openid roles",
            "required_role_claim": "realm_access.roles",
            "required_role": "portal-admins",
        },
        {"alice"},
    ),
    "verified-mail-only": (
        {"scope": "openid email", "verified_mail_only": True},
        {"alice", "bob", "carol"},
    ),
    "allowed-groups": (
        {
            "scope": "openid groups",
            "claims": {"groups": "groups"},
            "allowed_groups": ["admins", "guests"],
        },
        {"alice", "dave"},
    ),
}
PEOPLE = ("alice", "bob", "carol", "dave", "eve")


@pytest.mark.wire
@pytest.mark.parametrize("who", PEOPLE)
@pytest.mark.parametrize("rule", RULES)
def test_the_rule_of_a_source_lets_in_whom_it_names(
    client: Client, source: Make, provider: Certified, rule: str, who: str
) -> None:
    settings, let_in = RULES[rule]
    source(provider, **settings)
    response = Browser(client, who).sign_in("town")
    if who in let_in:
        assert response["Location"] == "/account/"
        return
    assert failure(response).reason == "not-authorized"
    assert client.get(response["Location"]).status_code == 403
    assert not User.objects.exists()
    assert not StoredSession.objects.exists()


def test_means_that_are_too_weak_are_refused(
    browser: Browser, source: Make, provider: Certified
) -> None:
    asked = {"acr_values": "urn:test:loa:low"}
    source(provider, required_acr=["urn:test:loa:high"], authorize=asked)
    assert failure(browser.sign_in("town")).reason == "not-authorized"
    assert len(provider.requests("/token/revocation")) == 1


def test_a_refusal_costs_nobody_the_session_that_they_have(
    browser: Browser, source: Make, provider: Certified
) -> None:
    """What is revoked is the grant, which both sign-ins share."""
    source(provider, required_acr=["urn:test:loa:high"])
    browser.acr = "urn:test:loa:high"
    assert browser.sign_in("town")["Location"] == "/account/"
    browser.acr = "urn:test:loa:low"
    refused = browser.deliver(browser.go(browser.start("town", again="1")))
    assert failure(refused).reason == "not-authorized"
    assert provider.requests("/token/revocation") == []


def test_a_source_that_does_not_enroll_lets_in_whom_it_knows(
    client: Client, source: Make, provider: Certified
) -> None:
    row = source(provider, columns={"enroll": False})
    assert failure(Browser(client).sign_in("town")).reason == "not-registered"
    known = User.objects.create_user("known", name="Known")
    Identity.objects.create(source=row, subject="alice", issuer=provider.issuer, user=known)
    assert Browser(Client()).sign_in("town")["Location"] == "/account/"


def test_a_disabled_person_is_told_so(browser: Browser, source: Make, provider: Certified) -> None:
    source(provider)
    browser.sign_in("town")
    User.objects.update(status="disabled")
    assert failure(Browser(Client()).sign_in("town")).reason == "disabled"


def test_a_mail_address_never_leads_to_an_account_of_another_source(
    browser: Browser, source: Make, provider: Certified
) -> None:
    User.objects.create_user("local-alice", name="Alice", email="alice@example.org")
    source(provider)
    browser.sign_in("town")
    assert User.objects.filter(email="alice@example.org").count() == 2


def test_the_same_subject_of_two_sources_is_two_people(
    client: Client, source: Make, provider: Certified
) -> None:
    source(provider)
    source(provider, "school", client_id="portal-post", client_auth="post")
    one, two = Browser(client), Browser(Client())
    one.sign_in("town")
    two.sign_in("school")
    assert User.objects.count() == 2
    assert Identity.objects.filter(subject="alice").count() == 2
    assert (one.session()["source"], two.session()["source"]) == ("town", "school")


def test_an_answer_at_another_sources_door_is_refused(
    browser: Browser, source: Make, provider: Certified
) -> None:
    source(provider)
    source(provider, "school")
    answer = browser.go(browser.start("town"))
    response = browser.site.get("/auth/callback/school", answer.values)
    assert failure(response).reason == "login-failed"
    assert provider.requests("/token") == []


def test_an_answer_of_another_provider_is_refused_before_the_code_goes_anywhere(
    browser: Browser, source: Make, provider: Certified
) -> None:
    source(provider)
    answer = browser.go(browser.start("town"))
    for iss in (None, "http://127.0.0.1:9", provider.issuer + "/"):
        values = {name: value for name, value in answer.values.items() if name != "iss"}
        response = browser.site.get(answer.path, {**values, **({"iss": iss} if iss else {})})
        assert failure(response)
        browser.start("town")
    assert provider.requests("/token") == []
    assert not StoredSession.objects.exists()


def test_a_code_from_somebody_elses_browser_is_refused(
    client: Client, source: Make, provider: Certified
) -> None:
    source(provider)
    attacker, victim = Browser(Client(), "bob"), Browser(client)
    answer = attacker.go(attacker.start("town"))
    assert failure(victim.deliver(answer)).reason == "login-failed"
    assert victim.session() == {"isLoggedIn": False, "type": "anonymous"}


def test_a_stolen_code_is_worth_nothing_in_another_flow(
    client: Client, source: Make, provider: Certified
) -> None:
    source(provider)
    victim, attacker = Browser(client), Browser(Client(), "bob")
    stolen = victim.go(victim.start("town")).values["code"]
    own = attacker.go(attacker.start("town"))
    response = attacker.site.get(own.path, {**own.values, "code": stolen})
    assert failure(response).reason == "login-failed"
    assert attacker.session()["isLoggedIn"] is False
    assert [event["error"] for event in provider.events("grant.error")][-1] == "invalid_grant"
