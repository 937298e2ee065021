"""The form of a source is filled in from what the provider publishes, and its test finds a wrong
secret.
"""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.forms import BooleanField
from django.test import Client

from accounts.models import Source, User
from accounts.source import catalogue
from tests.http.conftest import PASSWORD, sign_in
from tests.peers.certified import SECRET, Certified

ADD = "/admin/accounts/source/add/"


@pytest.fixture
def admin(client: Client, house: None) -> Client:
    User.objects.create_superuser("ada", PASSWORD, name="Ada")
    sign_in(client, "ada")
    return client


def typed(**values: Any) -> dict[str, Any]:
    given = {"typed": "1", "slug": "town", "provider": "oidc", "order": 100, "enabled": "on"}
    return {**given, **{f"set-{name}": value for name, value in values.items()}}


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
