"""Who takes back what an application has while it redeems its code leaves it nothing."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection, connections, transaction
from django.test import Client as Browser

from accounts.models import StoredSession
from accounts.provider import Visit
from accounts.session import people
from accounts.session.store import SessionStore
from portal.authorization_server import consents
from portal.authorization_server.models import Grant
from tests.http.conftest import sign_in, stored
from tests.http.oauth.application import Application
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
