"""What ends at the very moment at which an application, or its person, makes use of it."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection, connections, transaction
from django.db.models import Model
from django.test import Client as Browser

from accounts.models import StoredSession, User
from accounts.provider import Visit
from accounts.session import people
from accounts.session.store import SessionStore
from portal.authorization_server import consents
from portal.authorization_server.models import Client, Grant
from tests.http.conftest import sign_in, stored
from tests.http.oauth.application import Application, register
from tests.http.oauth.test_device import Device
from tests.http.test_without_database import until

pytestmark = pytest.mark.django_db(transaction=True)
_WAITING = """SELECT count(DISTINCT pid) FROM pg_locks JOIN pg_stat_activity USING (pid)
              WHERE NOT granted AND datname = current_database()"""


def by_withdrawing(app: Application, other: Browser) -> None:
    assert consents.withdraw(stored(app.browser).user, app.client, Visit())


def by_ending_all_others(app: Application, other: Browser) -> None:
    row = stored(other)
    assert people.end_others(row.user_id or 0, SessionStore.at(row).typed, Visit())


def by_the_administration(app: Application, other: Browser) -> None:
    mine = StoredSession.objects.filter(uid=stored(app.browser).uid)
    assert people.end_with_children(mine)


def wait_for(waiting: int) -> None:
    """Wait until so many wait for a lock: in SQLite one writes at a time anyhow."""

    def are() -> bool:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_stat_clear_snapshot()")  # else a transaction sees one moment
            cursor.execute(_WAITING)
            return cursor.fetchone() == (waiting,)

    if connection.vendor == "postgresql":
        until(are, 5)


@pytest.mark.parametrize(
    "take", [by_withdrawing, by_ending_all_others, by_the_administration], ids=lambda f: f.__name__
)
def test_what_is_redeemed_meanwhile_ends_too(
    server: Application, take: Callable[[Application, Browser], None]
) -> None:
    other = Browser()
    sign_in(other)
    code = server.code(scope="openid offline_access")

    def closing(task: Callable[[], object]) -> object:
        try:
            return task()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(2) as pool:
        with transaction.atomic():
            # Redeeming spends the code at last, so it stands there with all else done.
            assert Grant.objects.select_for_update().get()
            redeemed = pool.submit(closing, lambda: server.redeem(code))
            wait_for(1)
            taken = pool.submit(closing, lambda: take(server, other))
            wait_for(2)
        redeemed.result(30)
        taken.result(30)
    assert not StoredSession.objects.filter(kind=StoredSession.Kind.CLIENT).exists()
    if server.tokens:
        assert server.userinfo().status_code == 401
        assert server.refresh().json()["error"] == "invalid_grant"


@pytest.mark.parametrize("gone", [StoredSession, User], ids=lambda model: model.__name__)
def test_whose_session_has_just_ended_allows_nothing(app: Application, gone: type[Model]) -> None:
    page = app.ask()
    gone._default_manager.all().delete()  # by another worker, of which this one has not read yet
    answer = app.allow(page)
    if answer.status_code != 400:  # without a cache nobody is signed in any more
        assert app.answer(answer)["error"] == "login_required"
    assert not Grant.objects.exists()


@pytest.mark.parametrize("decision", ["allow", "deny"])
def test_whose_session_has_just_ended_lets_no_device_in(browser: Browser, decision: str) -> None:
    tv = Device(register("tv", kind=Client.Kind.DEVICE, redirect_uris=""))
    tv.app.browser = browser
    code = tv.start()["user_code"]
    browser.get("/device", {"user_code": code})
    StoredSession.objects.all().delete()
    there = tv.app.landing(tv.decide(browser, decision))
    assert there == f"/login?next=%2Fdevice%3Fuser_code%3D{code}"
    assert tv.error() == "authorization_pending"
