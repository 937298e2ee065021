"""Sensitive things ask for a recent proof of who the person is; a sign-in alone is none."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
import time_machine
from django.test import Client
from django.utils import timezone

from accounts.models import Event, Source, User
from tests.http.conftest import enter, sign_in
from tests.http.onward import onward
from tests.peers.upstream import Upstream

Tenant = Callable[..., Source]


def asks_again(client: Client) -> bool:
    """Tell whether somebody who wants another way in must prove first who they are."""
    answer = onward(client, client.post("/account/sign-ins", {"link": "keep"}))
    return "again=1" in str(answer["Location"])


def test_an_upstream_that_remembers_somebody_proves_nothing(
    client: Client, tenant: Tenant, peer: Upstream
) -> None:
    tenant("keep")
    tenant()
    peer.extra = {"since": 3600}
    enter(client, "town")
    assert asks_again(client)
    asked = client.get("/auth/login/town?again=1")["Location"]
    state = asked.split("state=")[1].split("&")[0]
    peer.asks_again = False
    refused = client.get("/auth/callback/town", {"code": "bob", "state": state})
    assert Event.objects.filter(reason="no-proof").count() == 1, refused
    assert asks_again(client)
    peer.asks_again = True
    asked = client.get("/auth/login/town?again=1")["Location"]
    state = asked.split("state=")[1].split("&")[0]
    client.get("/auth/callback/town", {"code": "bob", "state": state})
    assert not asks_again(client)


@pytest.mark.parametrize(
    ("since", "again"), [(0, False), (800, False), (1000, True), (-5000, False)]
)
def test_what_the_upstream_says_of_when_counts(
    client: Client, tenant: Tenant, peer: Upstream, since: int, again: bool
) -> None:
    tenant("keep")
    tenant()
    peer.extra = {"since": since}
    enter(client, "town")
    assert asks_again(client) is again
    with time_machine.travel(timezone.now() + timedelta(minutes=16)):
        assert asks_again(client)


def test_a_password_proves_it(client: Client, person: User, tenant: Tenant) -> None:
    tenant("keep")
    sign_in(client)
    assert not asks_again(client)
    with time_machine.travel(timezone.now() + timedelta(minutes=16)):
        assert asks_again(client)
