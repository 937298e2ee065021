"""Codes for clients that any program can say it is: their person is asked each time (RFC 8252, 8.6;
RFC 6749, 10.2). Attack C16 of docs/threats.md.
"""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client as Browser

from portal.authorization_server.models import Client, Consent, Grant
from tests.http.oauth.application import Application, register
from tests.http.oauth.test_device import Device

pytestmark = pytest.mark.django_db(transaction=True)
OWN_SCHEME = "org.example.desk:/back"
SCOPE = "openid offline_access"


def elsewhere(own: Application, uri: str = "http://127.0.0.1:6666") -> Application:
    """Give another program of the same computer, which says that it is `own`."""
    thief = Application(own.client, own.browser)
    thief.redirect_uri = uri
    return thief


def test_c16_another_program_gets_no_code_without_its_persons_knowledge(
    native: Application,
) -> None:
    native.sign_in(scope=SCOPE)
    before = Grant.objects.count()
    thief = elsewhere(native)
    assert thief.answer(thief.ask(prompt="none", scope=SCOPE))["error"] == "consent_required"
    page = thief.ask(scope=SCOPE)
    assert page.status_code == 200
    assert "127.0.0.1:6666" in page.content.decode()
    assert Grant.objects.count() == before


@pytest.mark.parametrize("kind", [Client.Kind.NATIVE, Client.Kind.BROWSER])
@pytest.mark.parametrize("uri", ["http://localhost", OWN_SCHEME])
def test_whoever_is_first_party_is_asked_about_too(browser: Browser, uri: str, kind: str) -> None:
    own = Application(register(kind=kind, redirect_uris=uri, skip_authorization=True), browser)
    assert own.answer(own.ask(prompt="none"))["error"] == "consent_required"
    page = own.ask()
    assert "only if you have just started the application yourself" in page.content.decode()
    assert own.redeem(own.answer(own.allow(page))["code"]).status_code == 200
    assert own.answer(own.ask(prompt="none"))["error"] == "consent_required"


def test_a_secret_or_an_address_of_the_web_proves_enough(browser: Browser) -> None:
    desk = {"kind": Client.Kind.NATIVE, "auth_method": Client.Method.BASIC}
    for client in (
        register("desk", redirect_uris="http://127.0.0.1", **desk),
        register("phone", kind=Client.Kind.NATIVE),
    ):
        own = Application(client, browser)
        own.sign_in()
        assert "code" in own.answer(own.ask(prompt="none"))


LEGACY: dict[str, Any] = {
    "kind": Client.Kind.NATIVE, "auth_method": Client.Method.BASIC, "legacy_desktop": True,
}  # fmt: skip


@pytest.mark.parametrize("first_party", [False, True])
def test_a_secret_that_each_copy_of_a_program_brings_along_proves_nothing(
    browser: Browser, first_party: bool
) -> None:
    row = register("desk", redirect_uris="http://127.0.0.1", **LEGACY)
    Client.objects.filter(pk=row.pk).update(skip_authorization=first_party)
    own = Application(Client.objects.get(pk=row.pk), browser)
    assert own.redeem(own.answer(own.allow(own.ask()))["code"]).status_code == 200
    thief = elsewhere(own)
    assert thief.answer(thief.ask(prompt="none"))["error"] == "consent_required"
    page = thief.ask()
    assert page.status_code == 200
    assert "127.0.0.1:6666" in page.content.decode()


def test_ownclouds_programs_for_telephones_sign_in(browser: Browser) -> None:
    phone = "oc://android.owncloud.com"
    own = Application(register("phone", redirect_uris=phone, **LEGACY), browser)
    page = own.ask(prompt="select_account consent", scope="openid offline_access email profile")
    assert f"The answer goes to {phone}." in page.content.decode()
    away = own.allow(page)
    assert own.landing(away).startswith(f"{phone}?code=")
    granted = own.redeem(own.answer(away)["code"]).json()
    assert granted["refresh_token"]


def test_a_device_that_was_let_in_is_no_consent_for_redirects(browser: Browser) -> None:
    desk = {"kind": Client.Kind.NATIVE, "auth_method": Client.Method.BASIC}
    own = Application(register("desk", redirect_uris="http://127.0.0.1", **desk), browser)
    device = Device(own.client)
    device.start("openid email")
    device.decide(browser)
    assert device.poll().status_code == 200
    assert own.answer(own.ask(prompt="none", scope="openid"))["error"] == "consent_required"
    page = browser.get("/account/apps").content.decode()
    assert "The App" in page
    assert "See your e-mail address" in page
    browser.post("/account/apps", {"withdraw": "desk"})
    assert device.poll().status_code == 400
    assert device.app.userinfo().status_code == 401
    assert not Consent.objects.exists()
