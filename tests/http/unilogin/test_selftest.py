"""What an operator is told who tests a source: what is well, what is not, and what to do."""

from __future__ import annotations

import re
from dataclasses import fields
from typing import Any

import pytest
from django.utils import translation

from accounts.provider import Finding
from accounts.source import catalogue
from providers.oidc.settings import OidcSettings
from providers.unilogin.settings import UniloginSettings
from tests.http.unilogin.conftest import Make
from tests.http.unilogin.liar import Liar
from tests.http.unilogin.standin import Standin
from tests.peers.site import free_port
from tests.peers.tampering import REMOVED

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.wire]


def findings(source: Make, **settings: Any) -> list[Finding]:
    return catalogue.instance(source(**settings)).check()


def wrong(found: list[Finding]) -> list[str]:
    """Return what is not well, but for the stand-in's http."""
    plain = ("https", "certificate")
    bad = (each for each in found if not each.ok and not any(word in each.fix for word in plain))
    return [f"{each.message} {each.fix}" for each in bad]


def test_all_is_well_at_the_stand_in(source: Make) -> None:
    found = findings(source)
    assert wrong(found) == []
    said = " ".join(each.message for each in found)
    assert "http://localhost:8000/auth/callback/unilogin" in said
    assert "101" in said
    assert "institution service" in said


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "password": ({"ws_password": "wrong"}, "ws_password"),
    "user": ({"ws_user": "wrong"}, "ws_user"),
    "action": ({"ws_action": "https://example.org/x"}, "ws_action"),
    "namespace": ({"ws_namespace": "https://example.org/x"}, "ws_namespace"),
    "address": ({"ws_address": f"http://127.0.0.1:{free_port()}/"}, "ws_address"),
    "no-municipality": ({"municipalities": ["101", "0148"]}, "148"),
    "secret": ({"client_secret": "wrong"}, "client_secret"),
    "client": ({"client_id": "https://nobody.example"}, "client_id"),
    "redirect-uri": ({"slug": "other"}, "callback/other"),
    "tests-only": ({"municipalities": [], "test_institutions": ["A04441"]}, "municipalities"),
    "tests-too": ({"test_institutions": ["A04441"]}, "test_institutions"),
}


@pytest.mark.parametrize(("settings", "named"), WRONG.values(), ids=WRONG)
def test_each_mistake_has_a_fix_that_names_the_setting(
    source: Make, settings: dict[str, Any], named: str
) -> None:
    found = wrong(findings(source, **settings))
    assert any(named in each for each in found), found


def test_why_is_said_in_the_language_of_the_page(source: Make) -> None:
    with translation.override("da"):
        (found,) = wrong(findings(source, ws_password="wrong"))  # a wrong one
    assert "Institutionstjenesten afviser ws_user og ws_password." in found


@pytest.mark.parametrize(
    "tamper",
    [
        {"token_endpoint_auth_methods_supported": ["tls_client_auth"]},
        {"id_token_signing_alg_values_supported": ["HS256"]},
        {"token_endpoint": REMOVED},
        {"jwks_uri": "http://127.0.0.1:1/"},
    ],
    ids=lambda value: "-".join(value),
)
def test_a_fix_names_only_settings_that_there_are(
    source: Make, liar: Liar, tamper: dict[str, Any]
) -> None:
    liar.op.document.update(tamper)
    found = findings(source, **liar.settings(client_secret="wrong"))
    advice = {word for each in found for word in re.findall(r"\w+", each.fix)}
    known, foreign = (
        {each.name for each in fields(settings)} for settings in (UniloginSettings, OidcSettings)
    )
    assert "client_secret" in advice or "token_endpoint" in tamper
    assert not advice & (foreign - known)


@pytest.mark.parametrize("kind", ["down", "fault", "html", "slow", "refuses"])
def test_trouble_of_the_service_is_told(source: Make, standin: Standin, kind: str) -> None:
    standin.service_trouble(kind)
    [said] = wrong(findings(source))
    assert "institution service" in said


def test_a_broker_that_is_down_is_told(source: Make, standin: Standin) -> None:
    standin.trouble("down")
    [said] = wrong(findings(source))
    assert "issuer" in said


@pytest.mark.parametrize(
    "endpoint", ["introspection_endpoint", "userinfo_endpoint", "end_session_endpoint"]
)
def test_an_endpoint_that_is_missing_is_named(source: Make, liar: Liar, endpoint: str) -> None:
    liar.op.document[endpoint] = REMOVED
    assert any(endpoint in each for each in wrong(findings(source, **liar.settings())))
