"""What an operator configures for an OpenID source, and what the site makes of it."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone

from accounts.models import Identity, Source, StoredSession, User
from accounts.source import catalogue
from tests.http.conftest import sign_in
from tests.http.oidc.browser import Browser
from tests.http.oidc.conftest import SITE, Make, failure, parallel
from tests.http.onward import onward
from tests.peers import database
from tests.peers.certified import SECRET, Certified
from tests.peers.commands import manage
from tests.peers.site import environment, free_port

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.wire]


def check(slug: str) -> str:
    """Return what `sources check` prints. Raises `CommandError` when it is not well."""
    said = StringIO()
    call_command("sources", "check", slug, stdout=said)
    return said.getvalue()


def test_a_source_that_is_well_is_said_to_be_well(
    source: Make, provider_over_tls: Certified
) -> None:
    source(provider_over_tls)
    assert "FAIL" not in check("town")


def test_a_source_whose_provider_is_in_trouble_is_not(source: Make, provider: Certified) -> None:
    source(provider)
    provider.trouble("/.well-known", "500")
    with pytest.raises(CommandError, match="town"):
        check("town")


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "secret": ({"client_secret": "x" * 40}, "client_secret"),
    "client": ({"client_id": "nobody"}, "client_id"),
    "public": ({"client_secret": None}, "client_secret"),
    "redirect-uri": ({"slug": "elsewhere"}, f"{SITE}/auth/callback/elsewhere"),
    "scope": ({"authorize": {"claims": "{"}}, "authorize"),
}


@pytest.mark.parametrize(("changed", "named"), WRONG.values(), ids=WRONG)
def test_a_registration_that_does_not_fit_is_found(
    source: Make, provider_over_tls: Certified, changed: dict[str, Any], named: str
) -> None:
    row = source(provider_over_tls, **changed)
    wrong = [each for each in catalogue.instance(row).check() if not each.ok]
    assert named in " ".join(each.fix for each in wrong), wrong
    assert not provider_over_tls.signed_in()


@pytest.mark.parametrize("kind", ["hang", "drop", "html", "empty", "redirect", "500", "429"])
@pytest.mark.parametrize("path", ["/auth", "/token"])
def test_trouble_while_a_registration_is_tested_is_told(
    source: Make, provider_over_tls: Certified, path: str, kind: str
) -> None:
    row = source(provider_over_tls)
    provider_over_tls.trouble(path, kind)
    found = catalogue.instance(row).check()
    assert all(each.fix for each in found if not each.ok)
    assert path == "/auth" or not all(each.ok for each in found)


def test_the_output_is_what_was_found_and_nothing_else(tmp_path: Path, migrated_file: str) -> None:
    known = environment({"VESTIBULE_DATA": str(tmp_path)})
    down = {"issuer": f"https://127.0.0.1:{free_port()}", "client_id": "x", "inside": True}
    (tmp_path / "sources.toml").write_text(
        "[sources.town]\nprovider = 'oidc'\n[sources.town.settings]\n"
        + "".join(f"{name} = {json.dumps(value)}\n" for name, value in down.items())
    )

    database.copied(migrated_file, tmp_path)
    manage(["sources", "apply", str(tmp_path / "sources.toml")], known)
    said = manage(["sources", "check", "town"], known)
    assert said.returncode == 1
    assert said.stdout.splitlines()[0] == "town"
    assert all(line.startswith("  ") for line in said.stdout.splitlines()[1:]), said.stdout
    assert said.stderr.strip() == "CommandError: Not well: town"


def test_the_secret_is_not_kept_in_the_clear(source: Make, provider: Certified) -> None:
    row = source(provider)
    assert SECRET not in str(Source.objects.get(slug="town").settings)
    assert SECRET not in repr(row.settings)


def test_the_button_carries_the_operators_word(
    client: Client, source: Make, provider: Certified
) -> None:
    source(provider, columns={"label": "The town hall"})
    source(provider, "school")
    page = client.get("/login").content.decode()
    assert "The town hall" in page
    assert provider.requests() == []


def test_a_changed_setting_counts_at_the_next_login(
    client: Client, source: Make, provider: Certified
) -> None:
    source(provider, verified_mail_only=True)
    assert failure(Browser(client, "dave").sign_in("town")).reason == "not-authorized"
    source(provider)
    assert Browser(Client(), "dave").sign_in("town")["Location"] == "/account/"


def test_endpoints_of_the_settings_come_before_those_of_discovery(
    browser: Browser, source: Make, provider: Certified
) -> None:
    places = {
        "authorization_endpoint": "/auth",
        "token_endpoint": "/token",
        "jwks_uri": "/jwks",
        "userinfo_endpoint": "/me",
    }
    endpoints = {name: provider.issuer + path for name, path in places.items()}
    source(provider, discover=False, endpoints=endpoints)
    assert browser.sign_in("town")["Location"] == "/account/"
    assert provider.requests("/.well-known") == []


def test_a_session_ends_with_the_token_where_the_source_says_so(
    browser: Browser, source: Make, provider: Certified
) -> None:
    provider.live(access_token=120)
    source(provider, columns={"end_with_token": True})
    browser.sign_in("town")
    ends = datetime.fromisoformat(browser.session()["expires"])
    assert ends <= timezone.now() + timedelta(seconds=120)


GROUPED: dict[str, dict[str, Any]] = {
    "a-claim": {"scope": "openid profile groups", "claims": {"groups": "groups"}},
    "a-path": {"scope": "openid profile roles", "claims": {"roles": "realm_access.roles"}},
}


@pytest.mark.parametrize("settings_values", GROUPED.values(), ids=GROUPED)
def test_mapped_groups_follow_the_provider(
    client: Client, source: Make, provider: Certified, settings_values: dict[str, Any]
) -> None:
    mapping = {"admins": "Town admins", "portal-admins": "Town admins", "nobody": "Nobody"}
    source(provider, columns={"groups": mapping}, **settings_values)
    Browser(client).sign_in("town")
    user = User.objects.get()
    assert [group.name for group in user.groups.all()] == ["Town admins"]
    assert not user.is_staff
    assert not user.get_all_permissions()
    source(provider, columns={"groups": {"guests": "Town admins"}}, **settings_values)
    Browser(Client()).sign_in("town")
    assert not user.groups.exists()


def test_groups_that_the_provider_says_nothing_of_are_left_alone(
    browser: Browser, source: Make, provider: Certified
) -> None:
    source(provider, columns={"groups": {"admins": "Town admins"}})
    browser.sign_in("town")
    user = User.objects.get()
    user.groups.create(name="Town admins")
    Browser(Client()).sign_in("town")
    assert user.groups.count() == 1


def test_a_person_adds_this_way_in_to_an_account(
    client: Client, person: User, source: Make, provider: Certified
) -> None:
    source(provider)
    sign_in(client)
    browser = Browser(client)
    started = onward(client, client.post("/account/sign-ins", {"link": "town"}))
    assert started.status_code in {302, 303}, started.content
    linked = browser.deliver(browser.go(started["Location"]))
    assert linked["Location"] == "/account/sign-ins"
    assert Identity.objects.get(subject="alice", source__slug="town").user == person
    assert browser.session()["type"] == "local"
    assert Browser(Client()).sign_in("town")["Location"] == "/account/"
    assert User.objects.count() == 1


@pytest.mark.remembers
def test_twenty_parallel_callbacks_of_one_flow_redeem_one_code(
    browser: Browser, source: Make, provider: Certified
) -> None:
    source(provider)
    answer = browser.go(browser.start("town"))
    cookies = {name: morsel.value for name, morsel in browser.site.cookies.items()}

    def finish() -> Any:
        tab = Client(raise_request_exception=False)
        for name, value in cookies.items():
            tab.cookies[name] = value
        return tab.get(answer.path, answer.values)

    assert {response.status_code for response in parallel(20, finish)} == {303}
    assert len(provider.requests("/token")) == 1
    assert StoredSession.objects.count() == 1


def test_twelve_people_sign_in_at_once(source: Make, provider: Certified, settings: Any) -> None:
    settings.VESTIBULE_HTTP_PER_UPSTREAM = settings.VESTIBULE_THREADS = 32
    source(provider)

    def one() -> Any:
        return Browser(Client(raise_request_exception=False)).sign_in("town")

    assert {response["Location"] for response in parallel(12, one)} == {"/account/"}
    assert User.objects.count() == 1
    assert StoredSession.objects.count() == 12
