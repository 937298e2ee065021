"""docs/contract.md 7: sources in the admin: checked at the field, tested live, secrets never
back.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.test import Client
from django.utils import timezone

from accounts import ended
from accounts.models import EndedEntry, Event, Identity, Source, User
from accounts.source import catalogue
from tests.http.conftest import PASSWORD, enter, sign_in
from tests.peers import fresh
from tests.peers.upstream import Upstream

pytestmark = pytest.mark.desk

SECRET = "a-secret-of-the-town"  # what must never come back


@pytest.fixture
def admin(client: Client, db: None) -> Client:
    User.objects.create_superuser("ada", PASSWORD, name="Ada")
    sign_in(client, "ada")
    return client


def form(**values: Any) -> dict[str, Any]:
    settings = values.pop("settings", {})
    text = settings if isinstance(settings, str) else json.dumps(settings)
    given = {"label": "", "order": 100, "enabled": "on", "after_login": "", "note": ""}
    return {**given, "settings": text, **values}


def add(admin: Client, **values: Any) -> Any:
    new = {"slug": "town", "provider": "tenant", **values}
    return admin.post("/admin/accounts/source/add/", form(**new))


def change_url(slug: str = "town") -> str:
    return f"/admin/accounts/source/{Source.objects.get(slug=slug).pk}/change/"


def opened(slug: str = "town") -> Any:
    row = Source.objects.get(slug=slug)
    return catalogue.instance(row).settings  # type: ignore[attr-defined]


def errors(response: Any, field: str) -> str:
    return " ".join(response.context["adminform"].form.errors.get(field, []))


def test_a_source_is_added_and_stands_at_the_door(admin: Client, peer: Upstream) -> None:
    response = add(admin, settings={"upstream": peer.url, "secret": SECRET})
    assert response.status_code == 302, errors(response, "settings")
    fresh.feed()  # another worker, or this one half a second later
    assert {"town", "local"} <= {each["slug"] for each in admin.get("/auth/sources").json()}


def test_a_secret_is_sealed_and_never_shown_again(admin: Client, peer: Upstream) -> None:
    add(admin, settings={"upstream": peer.url, "secret": SECRET})
    stored = Source.objects.get(slug="town").settings["secret"]
    assert stored.startswith(catalogue.SEALED)
    page = admin.get(change_url()).content.decode()
    assert SECRET not in page
    assert stored not in page
    assert peer.url in page
    assert opened().secret == SECRET


def test_a_secret_that_is_left_out_stays(admin: Client, peer: Upstream) -> None:
    add(admin, settings={"upstream": peer.url, "secret": SECRET})
    changed = {"upstream": peer.url, "leaves_by": "call"}
    assert admin.post(change_url(), form(settings=changed)).status_code == 302
    assert (opened().secret, opened().leaves_by) == (SECRET, "call")


def test_an_empty_secret_takes_it_away(admin: Client, peer: Upstream) -> None:
    add(admin, settings={"upstream": peer.url, "secret": SECRET})
    admin.post(change_url(), form(settings={"upstream": peer.url, "secret": ""}))
    assert opened().secret == ""


def test_a_reference_is_shown_for_it_is_no_secret(
    admin: Client, peer: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VESTIBULE_SOURCE_TOWN", SECRET)
    add(admin, settings={"upstream": peer.url, "secret": "env:VESTIBULE_SOURCE_TOWN"})
    assert "env:VESTIBULE_SOURCE_TOWN" in admin.get(change_url()).content.decode()
    assert opened().secret == SECRET


def test_sealed_text_is_not_taken_from_outside(admin: Client, peer: Upstream) -> None:
    add(admin, settings={"upstream": peer.url, "secret": SECRET})
    stolen = Source.objects.get(slug="town").settings["secret"]
    response = admin.post(change_url(), form(settings={"upstream": stolen}))
    assert "upstream" in errors(response, "settings")


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ("{", "JSON"),
        ("[]", "object"),
        ({}, "upstream"),
        ({"upstream": 7}, "upstream"),
        ({"upstream": "https://x.example", "colour": "red"}, "colour"),
        ({"upstream": "https://x.example", "leaves_by": "window"}, "leaves_by"),
        ({"upstream": "https://x.example", "secret": "env:NOT_THERE_AT_ALL"}, "secret"),
    ],
)
def test_what_is_wrong_with_the_settings_is_said_at_the_field(
    admin: Client, settings: Any, named: str
) -> None:
    response = add(admin, settings=settings)
    assert response.status_code == 200
    assert named in errors(response, "settings")
    assert not Source.objects.filter(slug="town").exists()


@pytest.mark.parametrize("slug", ["Town", "to wn", "-town", "town/"])
def test_a_slug_that_does_not_fit_an_address_is_refused(admin: Client, slug: str) -> None:
    assert errors(add(admin, slug=slug, settings={"upstream": "https://x.example"}), "slug")


@pytest.mark.parametrize("after", ["//evil.example", "https://evil.example", "/auth/logout", "x"])
def test_people_are_sent_nowhere_else_after_sign_in(admin: Client, after: str) -> None:
    given = {"upstream": "https://x.example"}
    assert errors(add(admin, after_login=after, settings=given), "after_login")


def test_slug_and_provider_stay_what_they_were(admin: Client, peer: Upstream) -> None:
    add(admin, settings={"upstream": peer.url})
    given = {"upstream": peer.url}
    admin.post(change_url(), form(slug="city", provider="local", settings=given))
    assert Source.objects.get(slug="town").provider == "tenant"


def test_the_address_to_register_is_shown(admin: Client, peer: Upstream) -> None:
    add(admin, settings={"upstream": peer.url})
    page = admin.get(change_url()).content.decode()
    assert "http://localhost:8000/auth/callback/town" in page


def test_every_worker_hears_of_a_change(admin: Client, peer: Upstream) -> None:
    fresh.feed()
    before = ended.sources_version()
    add(admin, settings={"upstream": peer.url})
    assert EndedEntry.objects.filter(kind="source", value="town").exists()
    fresh.feed()
    assert ended.sources_version() != before


def test_test_now_shows_what_was_found_and_its_fix(
    admin: Client, peer: Upstream, tenant: Callable[..., Source]
) -> None:
    row = tenant()
    url = f"/admin/accounts/source/{row.pk}/test/"
    assert "The upstream answers." in admin.post(url).content.decode()
    back = admin.get(url)  # as after a sign-in in between
    assert (back.status_code, back["Location"]) == (303, f"/admin/accounts/source/{row.pk}/change/")
    row.settings = {"upstream": "http://127.0.0.1:9"}
    catalogue.save(row)
    page = admin.post(url).content.decode()
    assert "The upstream does not answer." in page
    assert "Start it." in page


def test_several_are_tested_at_once_also_broken_ones(
    admin: Client, tenant: Callable[..., Source]
) -> None:
    good, bad = tenant(), tenant("village")
    Source.objects.filter(pk=bad.pk).update(settings={"nonsense": 1})
    chosen = {"action": "test_now", "_selected_action": [good.pk, bad.pk]}
    page = admin.post("/admin/accounts/source/", chosen).content.decode()
    assert "The upstream answers." in page
    assert "Unknown setting: nonsense" in page


def test_a_broken_source_can_be_disabled_but_never_the_local_one(
    admin: Client, tenant: Callable[..., Source]
) -> None:
    row = tenant()
    Source.objects.filter(pk=row.pk).update(settings={"nonsense": 1})
    chosen = {
        "action": "disable",
        "_selected_action": list(Source.objects.values_list("pk", flat=1)),
    }
    for _ in range(2):
        admin.post("/admin/accounts/source/", chosen)
    assert list(Source.objects.filter(enabled=True).values_list("slug", flat=True)) == ["local"]
    told = Event.objects.get(name="source.changed")
    assert (told.source, told.detail, told.actor) == ("town", "enabled", "administrator")


def test_writing_a_source_needs_a_recent_sign_in(
    admin: Client, tenant: Callable[..., Source]
) -> None:
    row = tenant()
    change, delete = change_url(), f"/admin/accounts/source/{row.pk}/delete/"
    with time_machine.travel(timezone.now() + timedelta(minutes=20)):
        for path in (change, "/admin/accounts/source/add/", delete):
            response = admin.get(path)
            assert response.status_code == 303
            assert response["Location"].startswith("/auth/login/local?next=%2Fadmin%2F")
            assert response["Location"].endswith("&again=1")
        posted = admin.post(change, form(label="Mine", settings=row.settings))
        assert posted.status_code == 303
        assert admin.post(delete, {"post": "yes"}).status_code == 303
        assert admin.get("/admin/accounts/source/").status_code == 200
    assert Source.objects.get(slug="town").label == "Town"


def test_after_signing_in_again_the_form_is_there(
    admin: Client, tenant: Callable[..., Source]
) -> None:
    tenant()
    path = change_url()
    with time_machine.travel(timezone.now() + timedelta(minutes=20)):
        again = admin.get(path)["Location"]
        assert admin.get(again).status_code == 200
        proof = {"username": "ada", "password": PASSWORD}
        assert admin.post(again, proof)["Location"] == path
        assert admin.get(path).status_code == 200


def test_a_source_goes_when_nobody_is_known_by_it(
    admin: Client, tenant: Callable[..., Source]
) -> None:
    row = tenant()
    path = f"/admin/accounts/source/{row.pk}/delete/"
    enter(Client(), "town", "bob")
    admin.post(path, {"post": "yes"})
    assert Source.objects.filter(slug="town").exists()
    Identity.objects.filter(source=row).delete()
    admin.post(path, {"post": "yes"})
    assert not Source.objects.filter(slug="town").exists()


def test_the_local_source_stays(admin: Client) -> None:
    local = Source.objects.get(slug="local")
    path = f"/admin/accounts/source/{local.pk}/delete/"
    assert admin.post(path, {"post": "yes"}).status_code == 403
