"""The form of a source is filled in from what the provider publishes, and its test finds a wrong
secret.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.forms import BooleanField
from django.test import Client

from accounts.models import Source, User
from accounts.source import catalogue
from tests.http.conftest import PASSWORD, sign_in
from tests.peers.certified import SECRET, Certified
from tests.peers.tampering import OpenIdProvider, tampering_provider

pytestmark = pytest.mark.wire
ADD = "/admin/accounts/source/add/"


@pytest.fixture
def admin(client: Client, house: None) -> Client:
    User.objects.create_superuser("ada", PASSWORD, name="Ada")
    sign_in(client, "ada")
    return client


def typed(**values: Any) -> dict[str, Any]:
    given = {"typed": "1", "slug": "town", "provider": "oidc", "order": 100, "enabled": "on"}
    return {**given, **{f"set-{name}": value for name, value in values.items()}}


# What a page in UTF-8 cannot hold, what moves a terminal's cursor, and what fills either.
ODD = {"half-a-character": "\ud800", "escapes": "\x1b[2J\0", "long": "x" * 60_000}


@pytest.fixture
def op() -> Iterator[OpenIdProvider]:
    with tampering_provider() as running:
        yield running


def wrong(html: str) -> list[str]:
    """Return the findings that are not well."""
    return re.findall(r'<li class="error">(.*?)</li>', html, re.S)


@pytest.mark.parametrize("ending", ["", "/.well-known/openid-configuration"])
def test_the_issuer_is_typed_and_the_rest_filled_in(
    admin: Client, provider: Certified, ending: str
) -> None:
    sent = {**typed(issuer=provider.issuer + ending, client_id="portal"), "enroll": "on"}
    del sent["enabled"]
    page = admin.post(ADD, {**sent, "_fill": 1})
    html = page.content.decode()
    assert "Filled in from what the provider publishes" in html
    form = page.context["source_form"]
    assert form["set-issuer"].value() == provider.issuer
    assert form["set-client_id"].value() == "portal"
    assert "openid" in form["set-scope"].value()
    ticks = {name for name, each in form.fields.items() if isinstance(each, BooleanField)}
    assert {name for name in ticks if form[name].value()} == {"enroll"}
    assert not Source.objects.filter(slug="town").exists()


@pytest.mark.parametrize("issuer", ["http://127.0.0.1:9", "nowhere", ""])
def test_why_nothing_is_filled_in_is_said(admin: Client, issuer: str) -> None:
    page = admin.post(ADD, {**typed(issuer=issuer, client_id="portal"), "_fill": 1})
    assert page.status_code == 200
    assert "Nothing was filled in" in page.content.decode()


def test_why_is_said_in_the_language_of_the_page(admin: Client, provider: Certified) -> None:
    admin.cookies["vestibule-language"] = "da"
    for issuer, why in (
        ("http://127.0.0.1:9", "kan ikke nås"),
        (f"{provider.issuer}/nowhere", "intet JSON-objekt (status 404)"),
    ):
        filled = admin.post(ADD, {**typed(issuer=issuer, client_id="portal"), "_fill": 1})
        row = Source(slug="town", provider="oidc", settings={"issuer": issuer, "client_id": "p"})
        catalogue.save(row)
        tested = admin.post(f"/admin/accounts/source/{row.pk}/test/")
        for page in (filled, tested):
            html = page.content.decode()
            assert why in html
            assert not re.search("usable answer|provider gives", html)
        row.delete()


def test_the_third_step_finds_a_wrong_secret_and_a_right_one(
    admin: Client, provider: Certified
) -> None:
    sent = typed(
        issuer=provider.issuer, client_id="portal", client_secret="not-the-secret", scope="openid"
    )
    saved = admin.post(ADD, {**sent, "_save": "1", "set-discover": "on"}, follow=True)
    html = saved.content.decode()
    assert "Step 3 of 3" in html
    assert any("client_secret" in said for said in wrong(html))
    row = Source.objects.get(slug="town")
    right = {**sent, "set-client_secret": SECRET, "set-discover": "on"}
    assert admin.post(f"/admin/accounts/source/{row.pk}/change/", right).status_code == 302
    html = admin.post(f"/admin/accounts/source/{row.pk}/test/").content.decode()
    assert not any("client_secret" in said for said in wrong(html))


@pytest.mark.parametrize("odd", ODD.values(), ids=ODD)
def test_what_cannot_be_shown_is_not_filled_in(admin: Client, op: OpenIdProvider, odd: str) -> None:
    op.document["issuer"] = odd
    page = admin.post(ADD, {**typed(issuer=op.issuer, client_id="portal"), "_fill": 1})
    assert page.status_code == 200
    assert page.context["source_form"]["set-issuer"].value() == op.issuer


@pytest.mark.parametrize("odd", ODD.values(), ids=ODD)
def test_what_a_provider_offers_is_told_as_far_as_it_can_be_shown(
    admin: Client, op: OpenIdProvider, odd: str, capsys: pytest.CaptureFixture[str]
) -> None:
    op.document["token_endpoint_auth_methods_supported"] = [odd, "tls_client_auth"]
    known = {"issuer": op.issuer, "client_id": "portal"}
    row = Source(slug="town", provider="oidc", settings=known)
    catalogue.save(row)
    html = admin.post(f"/admin/accounts/source/{row.pk}/test/").content.decode()
    with pytest.raises(CommandError):
        call_command("sources", "check", "town")
    for told in (html, capsys.readouterr().out):
        assert "tls_client_auth" in told
        assert odd not in told
