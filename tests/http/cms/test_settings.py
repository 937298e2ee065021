"""What an operator may say of a CMS, and what its self-test tells them."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.utils import translation

from accounts.http import Client
from accounts.models import Source
from accounts.provider import SourceRef
from accounts.source import catalogue
from providers.adgangsplatformen.provider import AdgangsplatformenProvider
from providers.adgangsplatformen.settings import CmsSettings
from tests.http.cms.conftest import SLUG, Make, Provide
from tests.peers.cms import Cms
from tests.peers.site import free_port

pytestmark = pytest.mark.wire

CMS = "https://library.example"


@pytest.mark.parametrize(
    ("field", "values"),
    [
        ("cms_url", {"cms_url": ""}),
        ("cms_url", {"cms_url": "library.example"}),
        ("cms_url", {"cms_url": "ftp://library.example"}),
        ("cms_url", {"cms_url": f"{CMS}/path"}),
        ("cms_url", {"cms_url": "https://user@library.example"}),
        ("login_path", {"login_path": "login"}),
        ("login_path", {"login_path": "//evil.example/login"}),
        ("logout_path", {"logout_path": "/logout?x=y"}),
        ("after_login", {"after_login": "https://evil.example"}),
        ("after_logout", {"after_logout": "/a b"}),
        ("path_parameter", {"path_parameter": ""}),
        ("path_parameter", {"path_parameter": "a&b"}),
        ("cookie_name", {"cookie_name": "SSESS*"}),
        ("graphql_password", {"graphql_user": "go_graphql"}),
        ("graphql_user", {"graphql_password": "secret"}),
        ("subject_key", {"userinfo_url": "https://login.example/userinfo/"}),
        ("subject_key", {"userinfo_url": "https://login.example/", "subject_key": "short"}),
        ("userinfo_url", {"userinfo_url": "login.example", "subject_key": "x" * 32}),
        ("patron_url", {"patron_url": "javascript:alert(1)"}),
        ("registered_only", {"registered_only": True}),
        ("recheck", {"recheck": 5}),
    ],
)
def test_a_wrong_setting_is_named(field: str, values: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=field):
        CmsSettings(**{"cms_url": CMS, **values})


def test_plain_http_needs_the_sandbox(settings: Any) -> None:
    settings.VESTIBULE_HTTP_PLAIN = False
    with pytest.raises(ValueError, match="cms_url must begin with https"):
        CmsSettings(cms_url="http://library.example")


def test_the_source_names_the_wrong_field(source: Make) -> None:
    with pytest.raises(ValidationError, match="recheck"):
        source(recheck=1)


def test_w2_secrets_are_sealed_in_the_database(source: Make) -> None:
    source(graphql_password="a-password-of-the-cms")
    kept = Source.objects.get(slug=SLUG).settings
    for name in ("graphql_password", "subject_key"):
        assert kept[name].startswith(catalogue.SEALED)


@pytest.mark.parametrize("parameter", ["current-path", "current_path"])
def test_the_parameter_of_the_seed_and_of_the_real_cms(parameter: str) -> None:
    settings = CmsSettings(cms_url=f"{CMS}/", path_parameter=parameter)
    assert settings.built("/login", "/go-login") == f"{CMS}/login?{parameter}=/go-login"


def test_without_credentials_the_cms_is_not_asked(provide: Provide, library: Cms) -> None:
    provider = provide(graphql_user=None, graphql_password=None, login_path="/signin")
    known = provider.cms.urls(datetime.now(UTC)).login
    assert known == f"{library.url}/signin?current-path=/go-login"
    assert not library.calls


# --- The self-test --------------------------------------------------------------------------------


def test_a_good_source_has_only_good_findings(provide: Provide) -> None:
    findings = provide().check()
    assert [each.message for each in findings if not each.ok] == []
    assert len(findings) == 6


def faults(provider: AdgangsplatformenProvider) -> str:
    found = [each for each in provider.check() if not each.ok]
    assert all(each.fix for each in found)
    return " ".join(each.message for each in found)


def test_a_wrong_password_is_found(provide: Provide) -> None:
    assert "refuses the GraphQL user" in faults(provide(graphql_password="wrong"))


def test_why_is_said_in_the_language_of_the_page(provide: Provide) -> None:
    with translation.override("da"):
        assert "afviser GraphQL-brugeren." in faults(provide(graphql_password="wrong"))


def test_a_login_that_is_switched_off_is_found(provide: Provide, library: Cms) -> None:
    library.trouble("no-login")
    said = faults(provide())
    assert "offers no login" in said
    assert "offers no logout" in said


def test_addresses_at_another_site_are_found(provide: Provide, library: Cms) -> None:
    library.trouble("elsewhere")
    assert "another site than cms_url" in faults(provide())


def test_a_way_back_that_leads_elsewhere_is_found(provide: Provide) -> None:
    assert "does not send people back" in faults(provide(after_login="/go-logout"))


def test_a_cms_that_is_gone_is_found(provide: Provide) -> None:
    assert "does not answer" in faults(provide(cms_url=f"http://localhost:{free_port()}"))


def test_a_wrong_name_of_the_cookie_is_found(provide: Provide, library: Cms) -> None:
    right = "SESS" + hashlib.sha256(b"localhost").hexdigest()[:32]
    assert not faults(provide(cookie_name=right))
    assert right in faults(provide(cookie_name="SESS" + "0" * 32))
    assert right in faults(provide(cookie_name="S" + right))


def test_missing_look_ups_are_found(provide: Provide) -> None:
    said = faults(provide(userinfo_url=None, subject_key=None, patron_url=None))
    assert "new person" in said


def test_a_look_up_that_is_none_is_found(provide: Provide, library: Cms) -> None:
    assert "as a look-up" in faults(provide(patron_url=f"{library.url}/healthz"))


@pytest.mark.parametrize(
    ("cms_url", "site", "good"),
    [
        (CMS, "https://go.library.example", True),
        (CMS, "https://library.example", True),
        ("https://www.library.example", "https://www.go.library.example", True),
        (CMS, "https://go.example", False),
        (CMS, "https://notlibrary.example", False),
        (CMS, "http://go.library.example", False),
    ],
)
def test_the_cookies_domain_is_judged(cms_url: str, site: str, good: bool) -> None:
    ref = SourceRef(SLUG, "", f"{site}/auth/callback/{SLUG}")
    settings = CmsSettings(cms_url=cms_url)
    provider = AdgangsplatformenProvider(ref, settings, Client("test"), lambda: datetime.now(UTC))
    assert provider.check()[0].ok is good
