"""Sources field by field: a form made from each provider's settings, three steps, and what is
remembered of a change.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connections, transaction
from django.test import Client

from accounts.models import Event, Source, User
from accounts.source import catalogue, registry
from portal.operations import source_fields
from tests.http.conftest import PASSWORD, sign_in
from tests.peers.upstream import Upstream

pytestmark = pytest.mark.desk

ADD = "/admin/accounts/source/add/"
SECRET = "a-secret-of-the-town"
KINDS = ("oidc", "ldap", "unilogin", "adgangsplatformen", "local")


@pytest.fixture
def admin(client: Client, house: None) -> Client:
    User.objects.create_superuser("ada", PASSWORD, name="Ada")
    sign_in(client, "ada")
    return client


def typed(**values: Any) -> dict[str, Any]:
    given = {"typed": "1", "order": 100, "enabled": "on", "_save": "1"}
    return {**given, **{name.replace("__", "-"): value for name, value in values.items()}}


def url(slug: str = "town") -> str:
    return f"/admin/accounts/source/{Source.objects.get(slug=slug).pk}/change/"


def errors(answer: Any) -> Any:
    return answer.context["adminform"].form.errors


def test_the_first_step_asks_for_the_kind_and_the_word(admin: Client) -> None:
    html = admin.get(ADD).content.decode()
    assert "Step 1 of 3" in html
    assert "Directory (LDAP)" in html
    wrong = admin.get(ADD, {"provider": "oidc", "slug": "Not A Word"}).content.decode()
    assert "Step 1 of 3" in wrong
    assert "Use lower-case letters" in wrong


@pytest.mark.parametrize("kind", KINDS)
def test_each_setting_of_a_provider_has_a_field_with_words(kind: str, admin: Client) -> None:
    answer = admin.get(ADD, {"provider": kind, "slug": "town"})
    html = answer.content.decode()
    provider = registry.providers()[kind]
    for each in dataclasses.fields(provider.Settings):
        if each.name not in {"label", "help"}:
            assert f'name="set-{each.name}"' in html, each.name
    for each in dataclasses.fields(provider.Settings):
        if source_fields.is_required(each):
            field = answer.context["source_form"].fields[f"set-{each.name}"]
            assert field.required
            assert str(field.label) != each.name
    assert "{" not in html.split("<main")[1].split("<form")[-1].replace("{username}", "").replace(
        "{dn}", ""
    ), "nobody has to write JSON"


def test_the_addresses_to_register_stand_there_before_anything_is_saved(admin: Client) -> None:
    html = admin.get(ADD, {"provider": "oidc", "slug": "town"}).content.decode()
    assert "Register these at the provider" in html
    for address in ("/auth/callback/town", "/openid/town/callback", "/auth/logout/done"):
        assert f"http://localhost:8000{address}" in html
    assert not Source.objects.filter(slug="town").exists()
    cms = admin.get(ADD, {"provider": "adgangsplatformen", "slug": "library"}).context["addresses"]
    assert ("GO_DOMAIN", "http://localhost:8000") in cms
    assert ("/go-login", "http://localhost:8000/auth/callback/adgangsplatformen") in cms
    assert "/openid/" not in str(cms)


def test_a_source_is_typed_saved_and_tested_in_three_steps(admin: Client, peer: Upstream) -> None:
    sent = typed(slug="town", provider="tenant", set__upstream=peer.url, set__secret=SECRET)
    answer = admin.post(ADD, sent)
    assert answer.status_code == 303, errors(answer)
    for _reloaded in range(2):
        html = admin.get(answer["Location"]).content.decode()
        assert "Step 3 of 3" in html
        assert "The upstream answers." in html
    assert admin.get(answer["Location"][:-1]).status_code == 404, "sealed: no page elsewhere asks"
    row = Source.objects.get(slug="town")
    assert row.settings["secret"].startswith(catalogue.SEALED)
    assert set(row.settings) == {"upstream", "secret"}, "what is as usual is left out"


@pytest.mark.django_db(transaction=True)
def test_nobody_waits_while_a_new_source_is_tested(admin: Client, peer: Upstream) -> None:
    """The upstream looks meanwhile: it can lock and change an administrator, as a sign-in does."""
    answer = peer.answer

    def as_somebody_signs_in(path: str, form: dict[str, str]) -> tuple[int, dict[str, Any]]:
        try:
            with transaction.atomic():
                ada = User.objects.select_for_update().get(username="ada")
                ada.name = "Ada L."
                ada.save(update_fields=["name"])
        finally:
            connections.close_all()
        return answer(path, form)

    peer.answer = as_somebody_signs_in  # type: ignore[method-assign]
    sent = typed(slug="town", provider="tenant", set__upstream=peer.url)
    html = admin.post(ADD, sent, follow=True).content.decode()
    assert "Step 3 of 3" in html
    assert "The upstream answers." in html
    assert User.objects.get(username="ada").name == "Ada L."
    assert Event.objects.filter(name="source.tested", source="town").exists()


def test_a_secret_is_set_kept_changed_and_taken_away(admin: Client, peer: Upstream) -> None:
    admin.post(
        ADD, typed(slug="town", provider="tenant", set__upstream=peer.url, set__secret=SECRET)
    )
    html = admin.get(url()).content.decode()
    assert "A secret is set." in html
    assert SECRET not in html
    assert Source.objects.get(slug="town").settings["secret"] not in html

    def secret(**more: Any) -> str:
        answer = admin.post(url(), typed(set__upstream=peer.url, **more))
        assert answer.status_code == 302, errors(answer)
        settings: Any = catalogue.instance(Source.objects.get(slug="town"))
        return str(settings.settings.secret)

    assert secret() == SECRET
    assert secret(set__secret="another") == "another"
    assert secret(clear__secret="on") == ""


def test_what_is_wrong_is_said_at_its_field(admin: Client, peer: Upstream) -> None:
    missing = admin.post(ADD, typed(slug="town", provider="tenant", set__upstream=""))
    assert "set-upstream" in errors(missing)
    wrong = typed(slug="town", provider="tenant", set__upstream=peer.url, set__leaves_by="window")
    assert "set-leaves_by" in errors(admin.post(ADD, wrong))
    oidc = typed(slug="w", provider="oidc", set__issuer="nowhere", set__client_id="x",
                 set__scope="openid", set__claims="no pair", set__leeway=30)  # fmt: skip
    found = errors(admin.post(ADD, oidc))
    assert "set-claims" in found
    assert not Source.objects.filter(slug__in=["town", "w"]).exists()


def test_texts_by_language_and_groups_are_typed_in_lines(admin: Client, peer: Upstream) -> None:
    sent = typed(slug="town", provider="tenant", set__upstream=peer.url, mapping="staff = Registry",
                 text__da__label="Byen", text__da__help="Kom ind", note="Back at noon")  # fmt: skip
    admin.post(ADD, sent)
    row = Source.objects.get(slug="town")
    assert row.groups == {"staff": "Registry"}
    assert row.texts == {"da": {"label": "Byen", "help": "Kom ind"}}
    html = admin.get(url()).content.decode()
    assert "staff = Registry" in html
    assert "Byen" in html
    admin.post(url(), typed(set__upstream=peer.url, mapping="", text__da__label=""))
    row.refresh_from_db()
    assert (row.groups, row.texts) == ({}, {})


def test_a_change_is_an_event_that_names_settings_and_no_values(
    admin: Client, peer: Upstream
) -> None:
    admin.post(
        ADD, typed(slug="town", provider="tenant", set__upstream=peer.url, set__secret=SECRET)
    )
    admin.post(url(), typed(set__upstream=peer.url, set__secret="another-secret", order=7))
    event = Event.objects.get(name="source.changed")
    assert event.detail == "order, settings.secret"
    assert (event.source, event.actor, str(event.by)) == ("town", "administrator", "Ada")
    kept = json.dumps(list(Event.objects.values("detail", "steps")))
    assert not any(word in kept for word in (SECRET, "another-secret", catalogue.SEALED))
    assert "order, settings.secret" in admin.get(url()).content.decode()
    before = Event.objects.filter(name="source.changed").count()
    admin.post(url(), typed(set__upstream=peer.url, order=7))
    assert Event.objects.filter(name="source.changed").count() == before, "nothing was changed"


def test_the_settings_can_still_be_written_as_json(admin: Client, peer: Upstream) -> None:
    admin.post(ADD, typed(slug="town", provider="tenant", set__upstream=peer.url))
    html = admin.get(url(), {"json": "1"}).content.decode()
    assert 'name="settings"' in html
    assert 'name="set-upstream"' not in html


@pytest.mark.parametrize("field", ["settings", "groups", "texts"])
@pytest.mark.parametrize("text", ["9" * 5000, "[" * 100_000], ids=["number", "depth"])
def test_json_that_cannot_be_read_is_named(admin: Client, field: str, text: str) -> None:
    given = {"slug": "town", "provider": "tenant", "order": 100, "settings": "{}", "_save": "1"}
    answer = admin.post(f"{ADD}?json=1", {**given, field: f'{{"a": {text}'})
    assert field in errors(answer)
    answer = admin.post(f"{ADD}?json=1", {**given, field: f'{{"a": {text}}}'})
    assert field in errors(answer)


def test_nothing_more_is_given_by_fields_than_by_json(
    tenant: Callable[..., Source], peer: Upstream
) -> None:
    from tests.http.test_rights_table import staff

    row = tenant()
    _user, client = staff("change_source", "view_source", name="carl")
    moved = client.post(url(), typed(set__upstream=peer.url, mapping="all = Rulers"))
    assert "mapping" in errors(moved)
    named = client.post(url(), typed(set__upstream=peer.url, set__secret="env:HOME"))
    assert "set-secret" in errors(named)
    row.refresh_from_db()
    assert row.groups == {}
