"""Many notices, and receivers that hang: a round of the outbox takes all, and nobody holds up the
others.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from threading import Thread
from typing import Any

import jwt
import pytest
from django.db import connections
from django.utils import timezone

from accounts import outbox
from accounts.models import OutboxItem
from tests.http.oauth.application import register
from tests.http.oauth.listener import Listener

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("house", "dying")]
UNVERIFIED = {"verify_signature": False}


@pytest.fixture
def dying(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let this process end before it delivers what it has posted."""
    monkeypatch.setattr(outbox, "_deliver_soon", lambda item: None)


@pytest.fixture
def hanging() -> Iterator[Listener]:
    """Give a client that takes a notice and says nothing for as long as the test lasts."""
    own = Listener()
    own.answering.clear()
    yield own
    own.answering.set()
    own.server.shutdown()
    own.server.server_close()


@pytest.fixture
def listener() -> Iterator[Listener]:
    own = Listener()
    yield own
    own.server.shutdown()
    own.server.server_close()


def post(name: str, listener: Listener, count: int) -> None:
    register(name, backchannel_logout_uri=listener.url)
    for number in range(count):
        outbox.post_notice(name, {"client_id": name, "sid": str(number), "sub": "x"})


def in_a_thread(run: Any, *args: Any) -> Thread:
    def task() -> None:
        try:
            run(*args)
        finally:
            connections.close_all()

    thread = Thread(target=task)
    thread.start()
    return thread


def test_a_round_takes_all_and_who_hangs_holds_up_nobody(
    hanging: Listener, listener: Listener
) -> None:
    post("hangs", hanging, 3)
    post("well", listener, 55)
    OutboxItem.objects.filter(source="hangs").update(next_at=timezone.now() - timedelta(hours=1))
    round_ = in_a_thread(outbox.deliver_due)
    assert len(listener.wait(55)) == 55
    assert hanging.told == [], "it has not answered yet"
    hanging.answering.set()
    round_.join()
    assert not OutboxItem.objects.filter(source="well").exists()


def test_a_receiver_in_trouble_is_tried_once_in_a_round(listener: Listener) -> None:
    listener.status = 500
    post("troubled", listener, 4)
    assert outbox.deliver_due() == 0
    assert len(listener.told) == 1
    listener.status = 200
    assert outbox.deliver_due() == 3
    assert outbox.deliver_due(timezone.now() + timedelta(minutes=1)) == 1


def test_clients_that_refuse_are_not_in_trouble(listener: Listener) -> None:
    listener.status = 400
    post("refuses", listener, 4)
    assert outbox.deliver_due() == 0
    assert len(listener.told) == 4
    assert not OutboxItem.objects.exists()


def test_a_round_is_bounded_in_time_and_by_whoever_stops_it(listener: Listener) -> None:
    post("well", listener, 2)
    assert outbox.deliver_due(seconds=0) == 0
    assert outbox.deliver_due(is_over=lambda: bool(listener.told)) == 1
    assert outbox.deliver_due() == 1


def test_who_has_failed_comes_last(listener: Listener, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbox, "LANES", 1)
    post("a", listener, 2)
    listener.status = 500
    assert outbox.deliver_due() == 0
    listener.status = 200
    post("b", listener, 1)
    assert outbox.deliver_due() == 2
    heard = [jwt.decode(each["logout_token"], options=UNVERIFIED)["aud"] for each in listener.told]
    assert heard == ["a", "b", "a"]
