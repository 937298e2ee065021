"""A session that nobody ends: its clients are told of that end as of any other (OpenID Connect
Back-Channel Logout 1.0, 2.5).
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
import time_machine
from django.core.management import call_command
from django.utils import timezone

from accounts.models import OutboxItem, StoredSession
from accounts.session.store import SessionStore
from portal.authorization_server.models import ToldSession
from tests.http.oauth.application import Application
from tests.http.oauth.at_once import at_once, window
from tests.http.oauth.listener import Listener, token_of
from tests.http.test_without_database import until

pytestmark = pytest.mark.django_db(transaction=True)
IDLE, LATEST = timedelta(hours=8, seconds=1), timedelta(days=7, seconds=1)


def by_the_daily_command(app: Application) -> None:
    call_command("clear_expired")


def by_the_worker(app: Application) -> None:
    call_command("deliver_outbox")


def by_the_next_visit(app: Application) -> None:
    assert app.browser.get("/auth/session").json()["isLoggedIn"] is False


def by_an_access_token(app: Application) -> None:
    assert app.userinfo().status_code == 401


@pytest.mark.parametrize(
    "found", [by_the_daily_command, by_the_worker, by_the_next_visit], ids=lambda f: f.__name__
)
@pytest.mark.parametrize("after", [IDLE, LATEST], ids=["idle", "absolute"])
def test_whoever_finds_it_tells_the_clients_once(
    told: Application, listener: Listener, found: Callable[[Application], None], after: timedelta
) -> None:
    claims = told.id_token()
    if after is LATEST:  # used to the last moment, it ends all the same
        StoredSession.objects.update(expire_date=timezone.now() + after - timedelta(seconds=1))
    with time_machine.travel(timezone.now() + after, tick=True):
        for each in (found, by_the_next_visit, by_the_daily_command, by_the_worker):
            each(told)
        token = token_of(told, listener.wait()[0])
        assert (token["sid"], token["sub"]) == (claims["sid"], claims["sub"])
        assert len(listener.told) == 1
    assert not StoredSession.objects.exists()
    assert not ToldSession.objects.exists()


def test_a_bearer_finds_it_too(told: Application, listener: Listener) -> None:
    told.sign_in()
    StoredSession.objects.update(expire_date=timezone.now() - timedelta(seconds=1))
    by_an_access_token(told)
    assert len(listener.wait()) == 1
    assert not StoredSession.objects.exists()


def test_an_offline_application_is_told_of_its_own_end(
    told: Application, listener: Listener
) -> None:
    told.sign_in(scope="openid offline_access")
    sid = told.id_token()["sid"]
    with time_machine.travel(timezone.now() + IDLE, tick=True):
        call_command("clear_expired")
        assert token_of(told, listener.wait()[0])["sid"] == sid, "the browser's session"
        assert told.refresh().status_code == 200
    with time_machine.travel(timezone.now() + timedelta(days=40), tick=True):
        assert told.refresh().json()["error"] == "invalid_grant"
        assert token_of(told, listener.wait(2)[1])["sid"] == sid
    assert not StoredSession.objects.exists()


def test_an_offline_application_that_is_used_lives_on(told: Application) -> None:
    told.sign_in(scope="openid offline_access")
    now = timezone.now()
    for days in (20, 40, 60, 80):
        with time_machine.travel(now + timedelta(days=days), tick=True):
            assert told.refresh().status_code == 200, days
    with time_machine.travel(now + timedelta(days=91), tick=True):
        assert told.refresh().json()["error"] == "invalid_grant"


def test_who_uses_it_meanwhile_keeps_it(told: Application, listener: Listener) -> None:
    with time_machine.travel(timezone.now() + timedelta(hours=7), tick=True):
        told.browser.get("/auth/session")
    with time_machine.travel(timezone.now() + timedelta(hours=14), tick=True):
        call_command("clear_expired")
        assert told.browser.get("/auth/session").json()["isLoggedIn"] is True
    assert listener.told == []


def test_of_twenty_who_find_it_at_once_one_tells(told: Application, listener: Listener) -> None:
    StoredSession.objects.update(expire_date=timezone.now() - timedelta(seconds=1))
    windows = [window(told.browser) for _ in range(10)]
    visits = [lambda each=each: each.get("/auth/session").status_code for each in windows]
    assert set(at_once([*visits, *[SessionStore.clear_expired] * 10])) == {200, None}
    listener.wait()
    call_command("deliver_outbox")
    until(lambda: not OutboxItem.objects.exists())  # whoever delivers it crosses it out afterwards
    assert len(listener.told) == 1


def test_many_are_ended_in_turns(told: Application, listener: Listener) -> None:
    row = StoredSession.objects.get()
    over = timezone.now() - timedelta(days=1)
    StoredSession.objects.bulk_create(
        StoredSession(session_key=f"{n:064}", expire_date=over, user=row.user) for n in range(1100)
    )
    call_command("clear_expired")
    assert list(StoredSession.objects.values_list("uid", flat=True)) == [row.uid]
