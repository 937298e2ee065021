"""What an operator may write, and what is said of what they may not."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.exceptions import ValidationError

from accounts.models import Source
from accounts.source import catalogue
from portal.operations import source_file
from providers.unilogin.settings import UniloginSettings

pytestmark = pytest.mark.wire

NEEDED: dict[str, Any] = {
    "client_id": "https://library.example/",
    "client_secret": "secret-of-the-client",
    "municipalities": ["101"],
    "ws_user": "ws",
    "ws_password": "secret-of-the-service",
}
BROKER = "https://broker.unilogin.dk/auth/realms/broker"

WRONG: dict[str, dict[str, Any]] = {
    "issuer": {"issuer": "broker.unilogin.dk"},
    "client_id": {"client_id": ""},
    "client_secret": {"client_secret": ""},
    "scope": {"scope": "profile"},
    "leeway": {"leeway": 5000},
    "municipalities": {"municipalities": []},
    "municipalities must": {"municipalities": ["101", "København"]},
    "municipalities has": {"municipalities": "101"},
    "test_institutions": {"test_institutions": ["A-1"]},
    "ws_address": {"ws_address": "wsiinst.unilogin.dk/ws"},
    "ws_action": {"ws_action": 'x"; y="'},
    "ws_action must": {"ws_action": "x\r\nHost: y"},
    "ws_namespace": {"ws_namespace": '"><x'},
    "ws_user": {"ws_user": ""},
    "ws_password": {"ws_password": ""},
    "ws_password is": {"ws_password": "a\0b"},
    "cache_seconds": {"cache_seconds": -1},
    "cache_seconds must": {"cache_seconds": 10**9},
    "Unknown setting: kommuner": {"kommuner": ["101"]},
}


def row(**changed: Any) -> Source:
    settings = {name: value for name, value in {**NEEDED, **changed}.items() if value is not None}
    return Source(slug="unilogin", provider="unilogin", settings=settings)


def test_the_defaults_are_unilogins_own() -> None:
    settings = UniloginSettings(**{**NEEDED, "municipalities": ("101",)})
    assert settings.issuer == BROKER
    assert settings.ws_address == "https://wsiinst.unilogin.dk/wsiinst-v5/ws"
    assert settings.ws_action == "https://wsiinst.unilogin.dk/hentInstitution"
    assert settings.ws_namespace == "https://wsiinst.unilogin.dk/ws"
    assert settings.test_institutions == ()
    known = settings.as_oidc()
    assert known.authenticates_by == "post"
    assert known.authorize == {"prompt": "login"}
    assert known.scope == "openid"


@pytest.mark.parametrize("written", [BROKER, f"{BROKER}/.well-known/openid-configuration"])
def test_the_issuer_is_found_in_the_address_of_the_document(written: str) -> None:
    settings = UniloginSettings(**{**NEEDED, "issuer": written})
    assert settings.as_oidc().issuer == BROKER


@pytest.mark.parametrize("field", NEEDED)
@pytest.mark.django_db
def test_what_is_missing_is_named(field: str) -> None:
    with pytest.raises(ValidationError, match=f"Missing setting: {field}"):
        catalogue.save(row(**{field: None}))


@pytest.mark.parametrize(("named", "wrong"), WRONG.items(), ids=WRONG)
@pytest.mark.django_db
def test_what_is_wrong_is_named(named: str, wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError) as caught:
        catalogue.save(row(**wrong))
    [said] = caught.value.message_dict["settings"]
    assert named in said
    assert not Source.objects.filter(slug="unilogin").exists()


def test_neither_secret_is_in_a_repr() -> None:
    settings = UniloginSettings(**NEEDED)
    for shown in (repr(settings), repr(settings.as_oidc())):
        assert "secret-of-the" not in shown


@pytest.mark.django_db
def test_both_secrets_are_stored_sealed_and_never_shown() -> None:
    source = row()
    catalogue.save(source)
    source.refresh_from_db()
    for name in ("client_secret", "ws_password"):
        assert source.settings[name].startswith("sealed:")
        assert name not in catalogue.shown_settings(source)


@pytest.mark.django_db
def test_a_source_can_be_applied_from_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNILOGIN_SECRET", "one")
    monkeypatch.setenv("UNILOGIN_WS", "two")
    text = """
        [sources.unilogin]
        provider = "unilogin"
        [sources.unilogin.settings]
        client_id = "https://library.example/"
        client_secret = "env:UNILOGIN_SECRET"
        municipalities = ["0101", "147"]
        ws_user = "library"
        ws_password = "env:UNILOGIN_WS"
    """
    assert [change.what for change in source_file.apply(text)] == ["created"]
    assert [change.what for change in source_file.apply(text)] == ["unchanged"]
    provider: Any = catalogue.instance(Source.objects.get(slug="unilogin"))
    assert (provider.rules.client_secret, provider.rules.ws_password) == ("one", "two")
    assert provider.rules.municipalities == ("0101", "147")
