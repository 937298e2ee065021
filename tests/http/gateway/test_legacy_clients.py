"""ownCloud's programs at the gateway: they ask for scopes of their own, always the same, and know
none of ours (docs/applications.md, ownCloud's programs).
"""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client as Browser

from accounts.models import User
from portal.authorization_server.models import Client
from tests.http.conftest import sign_in
from tests.http.gateway.asking import ask, rule
from tests.http.oauth.application import Application, register

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.wire]

FIXED = "openid offline_access email profile"
LEGACY: dict[str, Any] = {
    "kind": Client.Kind.NATIVE, "auth_method": Client.Method.BASIC, "legacy_desktop": True,
    "redirect_uris": "http://127.0.0.1",
}  # fmt: skip


@pytest.fixture
def alice(person: User) -> Browser:
    client = Browser(raise_request_exception=False)
    sign_in(client)
    rule("files")
    return client


def listed(own: Application) -> Any:
    return ask(method="PROPFIND", Authorization=f"Bearer {own.tokens['access_token']}", Depth="1")


def test_a_program_of_before_opens_what_its_registration_says(alice: Browser, person: User) -> None:
    own = Application(register("desk", allowed_scopes=f"{FIXED} gateway", **LEGACY), alice)
    page = own.ask(scope=FIXED, prompt="select_account consent")
    assert "applications in your name" in page.content.decode()
    granted = own.redeem(own.answer(own.allow(page))["code"]).json()
    assert set(granted["scope"].split()) == {*FIXED.split(), "gateway"}
    assert (listed(own).status_code, listed(own)["Remote-User"]) == (200, person.uid)
    assert own.refresh(scope=FIXED).status_code == 200  # as it renews, each hour
    assert listed(own).status_code == 200


def test_it_opens_nothing_that_its_registration_does_not_say(alice: Browser) -> None:
    own = Application(register("desk", allowed_scopes=FIXED, **LEGACY), alice)
    own.sign_in(scope=FIXED)
    assert listed(own).status_code == 403
    Client.objects.update(allowed_scopes=f"{FIXED} gateway")
    own.refresh(scope=FIXED)  # its person was never asked
    assert listed(own).status_code == 403


def test_any_other_client_asks_by_name(alice: Browser) -> None:
    own = Application(register(allowed_scopes=f"{FIXED} gateway"), alice)
    own.sign_in(scope=FIXED)
    assert listed(own).status_code == 403
