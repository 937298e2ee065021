"""Services that tokens are for (RFC 8707): allowed by their person, and the client's own. Attack
T15 of docs/threats.md.
"""

from __future__ import annotations

import pytest
from django.core.exceptions import ValidationError
from django.test import Client as Browser

from accounts.models import User
from portal.authorization_server import consents
from portal.authorization_server.models import AccessToken, Client, Consent
from tests.http.conftest import PASSWORD
from tests.http.oauth.application import Application, register
from tests.http.oauth.test_client_rights import form as form_of
from tests.http.oauth.test_client_rights import page_of, refused, staff
from tests.http.oauth.test_device import Device

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.wire]
PAYROLL, WIKI = "https://payroll.example", "https://wiki.example"


def test_t15_a_service_that_was_not_allowed_is_asked_about(server: Application) -> None:
    server.sign_in()
    said = server.answer(server.ask(resource=PAYROLL, prompt="none"))
    assert said["error"] == "consent_required"
    page = server.ask(resource=PAYROLL)
    assert PAYROLL in page.content.decode()
    server.redeem(server.answer(server.allow(page))["code"])
    assert "code" in server.answer(server.ask(resource=PAYROLL, prompt="none"))
    assert "code" in server.answer(server.ask(prompt="none"))
    assert server.ask(resource=WIKI).status_code == 200
    assert server.ask(resource=[PAYROLL, WIKI]).status_code == 200
    assert PAYROLL in server.browser.get("/account/apps").content.decode()
    assert PAYROLL in server.browser.get("/account/data").content.decode()


def test_t15_two_consents_give_nothing_together_that_neither_gave(server: Application) -> None:
    server.sign_in(scope="openid email groups offline_access")
    server.code(scope="openid", resource=PAYROLL)
    far = {"scope": "openid email groups", "resource": PAYROLL}
    assert server.answer(server.ask(**far, prompt="none"))["error"] == "consent_required"
    page = server.ask(**far)
    assert page.status_code == 200
    server.allow(page)
    assert "code" in server.answer(server.ask(**far, prompt="none"))
    for asked in (
        {"scope": "openid groups", "resource": WIKI},
        {"scope": "openid email", "resource": [PAYROLL, WIKI]},
        {"scope": "openid offline_access", "resource": PAYROLL},
    ):
        assert server.ask(**asked).status_code == 200, asked
    server.code(scope="openid email", resource=WIKI)
    both = {"scope": "openid email", "resource": [WIKI, PAYROLL]}
    assert "code" in server.answer(server.ask(**both, prompt="none")), "each was allowed"


def test_t15_who_is_merged_has_allowed_no_more_than_before(server: Application) -> None:
    server.sign_in(scope="openid email groups")
    server.code(scope="openid", resource=PAYROLL)
    alice, bob = User.objects.get(username="alice"), User.objects.create_user("bob", PASSWORD)
    consents.remember(bob.pk, server.client, ["openid", "profile"], [WIKI])
    consents.hand_over(bob, alice)
    known = consents.granted(bob.pk, server.client)
    assert known is not None
    assert {"email", "groups", "profile", f"openid {PAYROLL}", f"profile {WIKI}"} <= known
    assert f"email {PAYROLL}" not in known
    assert f"profile {PAYROLL}" not in known
    assert Consent.objects.get(user=bob).resource.split() == [WIKI, PAYROLL]


def test_t15_a_client_names_its_own_services_only(server: Application) -> None:
    Client.objects.update(allowed_resources=WIKI, skip_authorization=True)
    for asked in (PAYROLL, f"{WIKI}/", [WIKI, PAYROLL]):
        assert server.answer(server.ask(resource=asked))["error"] == "invalid_target"
        pushed = server.post("/oauth/par", server.request(resource=asked))
        assert pushed.json()["error"] == "invalid_target"
    assert server.sign_in(resource=WIKI)


def test_a_service_that_was_taken_from_a_client_is_given_no_more(server: Application) -> None:
    server.sign_in(scope="openid offline_access", resource=[PAYROLL, WIKI])
    Client.objects.update(allowed_resources=WIKI)
    assert server.refresh(resource=PAYROLL).json()["error"] == "invalid_target"
    assert server.refresh().status_code == 200
    told = server.post("/oauth/introspect", {"token": server.tokens["access_token"]})
    assert told.json()["aud"] == [WIKI]
    Client.objects.update(allowed_resources="https://other.example")
    assert server.refresh().json()["error"] == "invalid_target"


def test_a_device_says_what_for_and_names_its_own_services_only(browser: Browser) -> None:
    tv = Device(register("tv", kind=Client.Kind.DEVICE, redirect_uris="", allowed_resources=WIKI))
    asked = {"scope": "openid", "resource": PAYROLL}
    answer = tv.app.post("/oauth/device_authorization", asked)
    assert answer.json()["error"] == "invalid_target"
    tv.codes = tv.app.post("/oauth/device_authorization", {**asked, "resource": WIKI}).json()
    assert WIKI in browser.get("/device", {"user_code": tv.codes["user_code"]}).content.decode()
    tv.decide(browser)
    assert tv.poll().status_code == 200
    assert Consent.objects.get().resource == ""
    assert WIKI in browser.get("/account/apps").content.decode()


def test_8707_2_2_a_device_says_which_of_them_its_token_is_for(browser: Browser) -> None:
    tv = Device(register("tv", kind=Client.Kind.DEVICE, redirect_uris=""))
    asked = {"scope": "openid", "resource": [PAYROLL, WIKI]}
    tv.codes = tv.app.post("/oauth/device_authorization", asked).json()
    tv.decide(browser)
    assert tv.error(resource="https://other.example") == "invalid_target"
    assert tv.error(resource="no address") == "invalid_target"
    assert tv.poll(resource=WIKI).status_code == 200, "nothing was spent"
    assert AccessToken.objects.get().resource == [WIKI]
    assert tv.app.refresh(resource=PAYROLL).status_code == 200


def test_what_is_taken_from_a_client_meanwhile_no_code_gives(browser: Browser) -> None:
    tv = Device(register("tv", kind=Client.Kind.DEVICE, redirect_uris=""))
    app = Application(register(), browser)
    asked = {"scope": "openid email", "resource": [PAYROLL, WIKI]}
    tv.codes = tv.app.post("/oauth/device_authorization", asked).json()
    tv.decide(browser)
    code = app.code(scope="openid email offline_access", resource=[PAYROLL, WIKI])
    for scopes, resources, why in (
        ("openid", "https://other.example", "invalid_target"),
        ("gateway", WIKI, "invalid_grant"),
        ("openid", WIKI, None),
    ):
        Client.objects.update(allowed_scopes=scopes, allowed_resources=resources)
        for answer in (tv.poll(), app.redeem(code)):
            assert answer.json().get("error") == why
    for own in (tv.app, app):
        assert own.tokens["scope"] == "openid"
    assert "refresh_token" not in app.tokens, "it may not stay signed in any more"
    assert {tuple(each.resource) for each in AccessToken.objects.all()} == {(WIKI,)}


@pytest.mark.parametrize(
    "typed",
    ["payroll", "https://a.example/#x", "https://u@a.example", "https://a.example:99999",
     "https://a.example:0"],
)  # fmt: skip
def test_what_is_registered_is_a_url(db: None, typed: str) -> None:
    with pytest.raises(ValidationError) as refusal:
        register("app", allowed_resources=typed)
    assert set(refusal.value.message_dict) == {"allowed_resources"}


def test_an_editor_opens_no_further_service_to_a_client_that_reaches_far(house: None) -> None:
    own = {"auth_method": Client.Method.BASIC, "introspects": True}
    row = register("strong", allowed_resources=f"{PAYROLL} {WIKI}", **own)
    carl = staff("view_client", "change_client")
    for value in ("", f"{PAYROLL} {WIKI} https://other.example"):
        answer = carl.post(page_of(row), form_of(row, allowed_resources=value))
        assert refused(answer) == {"allowed_resources"}
    assert refused(carl.post(page_of(row), form_of(row, allowed_resources=WIKI))) == set()
