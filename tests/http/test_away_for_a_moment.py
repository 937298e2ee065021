"""A source that cannot be built for a moment, as while its secret is missing, has lost nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts import outbox
from accounts.models import Event, OutboxItem, Source, StoredSession
from accounts.provider import TokenSet
from accounts.session import vault
from tests.http.conftest import enter
from tests.http.test_renewal import later, logged_in, typed
from tests.peers import fresh
from tests.peers.upstream import Upstream

pytestmark = pytest.mark.django_db(transaction=True)
SECRET = "VESTIBULE_SOURCE_TOWN"  # where it lies


@pytest.fixture
def away(tenant: Callable[..., Source], monkeypatch: Any) -> Callable[[bool], None]:
    """Take the secret of the source away, and bring it back: `away(True)`, `away(False)`."""

    def take(gone: bool) -> None:
        if gone:
            monkeypatch.delenv(SECRET)
        else:
            monkeypatch.setenv(SECRET, "a secret")
        fresh.sources()

    monkeypatch.setenv(SECRET, "a secret")
    tenant(leaves_by="call", secret=f"env:{SECRET}", columns={"allow_upstream_token": True})
    return take


def another_issuer(row: Source, issuer: str) -> None:
    row.settings["upstream"] = issuer
    row.save()
    fresh.sources()


@pytest.mark.parametrize("why", ["secret", "issuer"])
def test_tokens_are_renewed_once_it_is_back(
    client: Client, away: Callable[[bool], None], peer: Upstream, why: str
) -> None:
    enter(client, "town")
    row = Source.objects.get(slug="town")
    away(True) if why == "secret" else another_issuer(row, "http://127.0.0.1:1")
    with later(305):
        assert logged_in(client)
        assert vault.fresh(typed(client)) is None
        # Of another issuer's token a new sign-in brings one that may be handed on.
        status = client.get("/auth/upstream-token").status_code
        assert status == (503 if why == "secret" else 403)
    away(False) if why == "secret" else another_issuer(row, peer.url)
    assert peer.asked["/refresh"] == 0
    with later(310):
        assert logged_in(client)
    assert peer.asked["/refresh"] == 1
    peer.refuses = {"/refresh"}
    with later(620):
        assert not logged_in(client)


def test_a_logout_waits_for_it(away: Callable[[bool], None], peer: Upstream) -> None:
    outbox.post_logout("town", TokenSet(id_token="hint"), "BCDF-2345")
    away(True)
    with later(60):
        assert outbox.deliver_due(timezone.now()) == 0
    assert OutboxItem.objects.count() == 1
    away(False)
    with later(180):
        assert outbox.deliver_due(timezone.now()) == 1
    assert peer.asked["/end"] == 1
    assert Event.objects.get().name == "logout.delivered"


def test_who_leaves_meanwhile_is_signed_out_there_once_it_is_back(
    client: Client, away: Callable[[bool], None], peer: Upstream
) -> None:
    enter(client, "town")
    away(True)
    client.post("/auth/logout")
    assert not StoredSession.objects.exists()
    receipt = client.get("/").context["receipt"]
    assert (receipt["upstream"], receipt["label"]) == ("pending", "Town")
    away(False)
    with later(60):
        assert outbox.deliver_due(timezone.now()) == 1
    assert peer.asked["/end"] == 1


def test_who_leaves_a_source_whose_provider_is_not_there_may_still_be_signed_in(
    client: Client, away: Callable[[bool], None]
) -> None:
    enter(client, "town")
    Source.objects.filter(slug="town").update(provider="of a wheel that is not named")
    fresh.sources()
    client.post("/auth/logout")
    assert client.get("/").context["receipt"]["upstream"] == "unanswered"
