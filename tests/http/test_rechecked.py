"""People whom their upstream lets in no more are cut off within minutes, and told why."""

from __future__ import annotations

from collections.abc import Callable
from threading import Event, Thread
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client
from django.utils import timezone

from accounts.errors import DISABLED, NOT_AUTHORIZED
from accounts.models import Event as Line
from accounts.models import PendingSignIn, Source, StoredSession
from accounts.session import following
from portal.operations.management.commands.deliver_outbox import deliver_until
from tests.http.conftest import enter, stored
from tests.peers import fresh
from tests.peers.upstream import Upstream

pytestmark = pytest.mark.django_db(transaction=True)
Tenant = Callable[..., Source]


@pytest.fixture
def town(tenant: Tenant) -> Source:
    return tenant(recheck_seconds=60)


@pytest.mark.parametrize("enabled", [True, False])
def test_whoever_was_disabled_upstream_is_cut_off(
    client: Client, tenant: Tenant, town: Source, peer: Upstream, enabled: bool
) -> None:
    enter(client, "town")
    other = Client()
    enter(other, "town", "carol")
    uid = stored(client).uid
    for each in (client, other):
        owner = stored(each).user_id
        PendingSignIn.objects.create(digest=str(owner), user_id=owner, expires_at=timezone.now())
    tenant(columns={"enabled": enabled}, recheck_seconds=60)
    peer.gone = {"bob": DISABLED}
    assert following.recheck_due() == 1
    fresh.feed()
    response = client.get("/account/")
    assert response["Location"] == "/login?next=%2Faccount%2F&why=closed"
    assert b"your account was closed" in client.get(response["Location"]).content
    (line,) = Line.objects.filter(name="session.ended", session_uid=uid)
    assert line.detail == "town lets this person in no more: disabled"
    assert line.source == "town"
    assert other.get("/account/").status_code == 200
    waiting = PendingSignIn.objects.values_list("user_id", flat=True)
    assert list(waiting) == [stored(other).user_id], "what waits for a second step ends as well"


@pytest.mark.parametrize("page", ["/", "/login"])
def test_the_open_pages_say_why_as_well(
    client: Client, town: Source, peer: Upstream, page: str
) -> None:
    enter(client, "town")
    peer.gone = {"bob": NOT_AUTHORIZED}
    following.recheck_due()
    fresh.feed()
    assert b"no longer open to your account" in client.get(page).content
    assert b"no longer open to your account" not in client.get(page).content  # once


def test_a_link_from_elsewhere_chooses_no_words(client: Client, house: None) -> None:
    assert b"notice" not in client.get("/login?why=<b>&choose=1").content


def test_devices_and_tokens_of_the_person_end_as_well(
    client: Client, town: Source, peer: Upstream
) -> None:
    enter(client, "town")
    mine = stored(client)
    child = StoredSession.objects.create(
        session_key="0" * 64,
        parent_uid=mine.uid,
        kind="client",
        user=mine.user,
        session_data="x",
        expire_date=mine.expire_date,
    )
    peer.gone = {"bob": DISABLED}
    assert following.recheck_due() == 2
    assert not StoredSession.objects.filter(uid=child.uid).exists()


def test_an_upstream_in_trouble_ends_nothing_and_is_asked_again_at_once(
    client: Client, town: Source, peer: Upstream
) -> None:
    enter(client, "town")
    peer.gone, peer.mood = {"bob": DISABLED}, "failing"
    assert following.recheck_due() == 0
    assert client.get("/account/").status_code == 200
    peer.mood = "live"
    assert following.recheck_due() == 1


@pytest.mark.remembers
def test_it_is_asked_once_in_the_time_that_is_set(
    client: Client, town: Source, peer: Upstream
) -> None:
    enter(client, "town")
    for _ in range(3):
        following.recheck_due()
    assert peer.asked["/people"] == 1
    following._asked.clear()  # another process, which shares the cache
    following.recheck_due()
    assert peer.asked["/people"] == 1


def test_nobody_is_asked_where_it_is_off(client: Client, tenant: Tenant, peer: Upstream) -> None:
    tenant(recheck_seconds=0)
    enter(client, "town")
    following.recheck_due()
    assert peer.asked["/people"] == 0


def test_many_are_asked_about_a_hundred_at_a_time(
    client: Client, town: Source, peer: Upstream
) -> None:
    enter(client, "town", "person-000")
    mine = stored(client)
    StoredSession.objects.bulk_create(
        StoredSession(
            session_key=f"{number:064d}",
            user=mine.user,
            source="town",
            issuer=mine.issuer,
            subject=f"person-{number % 240:03d}",
            session_data="x",
            expire_date=mine.expire_date,
        )
        for number in range(480)
    )
    peer.gone = {"person-239": DISABLED}
    assert following.recheck_due() == 2
    assert peer.asked["/people"] == 3


def test_the_worker_that_delivers_the_outbox_asks(
    client: Client, town: Source, peer: Upstream
) -> None:
    enter(client, "town")
    peer.gone = {"bob": DISABLED}
    call_command("deliver_outbox", verbosity=0)
    assert peer.asked["/people"] == 1
    assert not StoredSession.objects.filter(subject="bob").exists()


def test_so_does_the_one_that_runs_for_ever(town: Source, client: Client, peer: Upstream) -> None:
    enter(client, "town")
    peer.gone = {"bob": DISABLED}
    stop = Event()
    worker = Thread(target=deliver_until, args=(stop, 0.05))
    worker.start()
    for _ in range(600):
        if not StoredSession.objects.filter(subject="bob").exists():
            break
        stop.wait(0.05)
    stop.set()
    worker.join()
    assert not StoredSession.objects.filter(subject="bob").exists()


def test_a_notice_of_the_upstream_is_shown_once(
    client: Client, town: Source, peer: Upstream
) -> None:
    peer.extra = {"notice": "Your <password> ends soon."}
    response: Any = enter(client, "town")
    assert b"Your &lt;password&gt; ends soon." in client.get(response["Location"]).content
    assert b"ends soon" not in client.get(response["Location"]).content
