"""The issuer is part of who somebody is: another provider's subject is another person's (OIDC Core,
2), whatever an editor of sources writes.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from io import StringIO

import pytest
import time_machine
from django.core.management import CommandError, call_command
from django.db import transaction
from django.test import Client
from django.utils import timezone

from accounts.models import Identity, Source, StoredSession, User
from accounts.source import catalogue
from tests.http.oauth.test_meanwhile import closing, wait_for
from tests.http.oidc.browser import Browser
from tests.http.oidc.conftest import Make, failure, parallel
from tests.http.onward import onward
from tests.http.test_rights_table import staff
from tests.http.test_staff_sources import form, url
from tests.peers import fresh
from tests.peers.certified import Certified, Peer
from tests.peers.second_provider import second_provider
from tests.peers.upstream import Upstream

pytestmark = pytest.mark.django_db(transaction=True)
MARKED = {"staff": True}


@pytest.fixture(scope="module")
def foreign() -> Iterator[Peer]:
    """Somebody else's provider, which says `alice` of whoever wants to be alice."""
    with second_provider() as running:
        yield running


@pytest.fixture
def alice(source: Make, provider: Certified) -> User:
    """An administrator who comes by the provider that the site trusts."""
    source(provider, columns=MARKED)
    Browser().sign_in("town")
    User.objects.update(is_staff=True, is_superuser=True)
    return User.objects.get()


def people() -> list[tuple[str, str]]:
    return sorted(Identity.objects.values_list("issuer", "subject"))


def test_another_providers_subject_is_not_the_person(
    alice: User, source: Make, provider: Certified, foreign: Peer
) -> None:
    source(foreign, client_secret="a secret")
    stranger = Browser(who="alice")
    assert failure(stranger.sign_in("town")).reason == "login-failed"
    assert not stranger.session()["isLoggedIn"]
    assert people() == [(provider.issuer, "alice")]
    assert User.objects.get() == alice
    source(provider)
    assert Browser().sign_in("town")["Location"] == "/account/"


def test_an_operator_moves_people_to_the_new_issuer(
    alice: User, source: Make, provider: Certified, foreign: Peer
) -> None:
    source(foreign, client_secret="a secret")
    said = StringIO()
    with pytest.raises(CommandError):
        call_command("sources", "check", "town", stdout=said)
    assert f"sources migrate town --from {provider.issuer}" in said.getvalue()
    call_command("sources", "migrate", "town", "--from", provider.issuer, stdout=said)
    assert "1 person has moved." in said.getvalue()
    browser = Browser(who="alice")
    assert browser.sign_in("town")["Location"] == "/account/"
    assert StoredSession.objects.filter(user=alice, issuer=foreign.issuer).exists()


def test_who_is_known_by_no_issuer_takes_it_once(
    alice: User, source: Make, provider: Certified
) -> None:
    Identity.objects.update(issuer="")
    tabs = parallel(5, lambda: Browser().sign_in("town")["Location"])
    assert set(tabs) == {"/account/"}
    assert people() == [(provider.issuer, "alice")]


def test_who_waits_for_the_person_holds_nothing_that_another_sign_in_waits_for(
    alice: User, source: Make, provider: Certified
) -> None:
    Identity.objects.update(issuer="")
    browser = Browser()
    answer = browser.go(browser.start("town"))
    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            User.objects.select_for_update().get()
            waiting = pool.submit(closing, lambda: browser.deliver(answer))
            wait_for(1)
            Identity.objects.select_for_update(nowait=True).get()
        assert waiting.result(30)["Location"] == "/account/"
    assert people() == [(provider.issuer, "alice")]


def test_who_is_known_by_no_issuer_belongs_to_the_former_one(
    alice: User, source: Make, provider: Certified, foreign: Peer
) -> None:
    Identity.objects.update(issuer="")
    source(foreign, client_secret="a secret")
    assert people() == [(provider.issuer, "alice")]
    failure(Browser(who="alice").sign_in("town"))


def test_settings_that_cannot_be_read_give_nobody_to_another_issuer(
    alice: User, source: Make, foreign: Peer
) -> None:
    Identity.objects.update(issuer="")
    Source.objects.filter(slug="town").update(settings={"issuer": 1})
    source(foreign, client_secret="a secret")
    failure(Browser(who="alice").sign_in("town"))
    assert people() == [("unknown", "alice")]


def test_nobody_links_what_another_issuer_says(
    alice: User, source: Make, foreign: Peer, client: Client
) -> None:
    source(foreign, slug="school", client_secret="a secret")
    mine = Browser(client)
    mine.sign_in("school")
    source(foreign, client_secret="a secret")
    fresh.sources()
    asked = onward(client, client.post("/account/sign-ins", {"link": "town"}))
    failure(mine.deliver(mine.go(asked["Location"])))
    assert not Identity.objects.filter(source__slug="town", issuer=foreign.issuer).exists()


def test_an_editor_is_sent_nobodys_refresh_token(
    browser: Browser, source: Make, provider: Certified, peer: Upstream
) -> None:
    """The issuer stays what it is, so that the identity and its tokens would count on."""
    row = source(provider, scope="openid offline_access", authorize={"prompt": "consent"})
    assert browser.sign_in("town")["Location"] == "/account/"
    _user, editor = staff("change_source", "view_source")
    theirs = {"client_secret": "theirs", "endpoints": {"token_endpoint": f"{peer.url}/token"}}
    given = {**catalogue.shown_settings(row), **theirs}
    answer = editor.post(url(row), form(row, settings=json.dumps(given)))
    fresh.sources()
    with time_machine.travel(timezone.now() + timedelta(seconds=275), tick=True):
        assert browser.session()["isLoggedIn"]
    assert not peer.asked
    assert answer.status_code == 200
