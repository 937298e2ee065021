"""Applications at a computer that many share end with the browser's session
(docs/shared-computers.md). U31 of docs/threats.md.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
import time_machine
from django.core.management import call_command
from django.db import transaction
from django.test import Client as Browser
from django.utils import timezone

from accounts.models import StoredSession, User
from accounts.provider import Visit
from accounts.session import people
from accounts.session.store import SessionStore
from portal.authorization_server.models import Client, Grant
from tests.http.conftest import PASSWORD, stored
from tests.http.oauth.application import Application, register
from tests.http.oauth.test_meanwhile import closing, wait_for

pytestmark = pytest.mark.django_db(transaction=True)
SCOPE = "openid profile offline_access"


@pytest.fixture
def kiosk(person: User) -> Browser:
    """Give a browser in which alice has signed in with the box ticked."""
    own = Browser()
    own.post("/auth/login/local", {"username": "alice", "password": PASSWORD, "shared": "1"})
    return own


def by_leaving(kiosk: Browser) -> None:
    kiosk.post("/auth/logout")


def by_the_next_visit(kiosk: Browser) -> None:
    assert kiosk.get("/auth/session").json()["isLoggedIn"] is False


def by_the_worker(kiosk: Browser) -> None:
    call_command("deliver_outbox")


def from_elsewhere(kiosk: Browser) -> None:
    row = stored(kiosk)
    assert people.end_one(row.user_id or 0, row.uid, Visit())


@pytest.mark.parametrize(
    ("end", "minutes"),
    [(by_leaving, 0), (from_elsewhere, 0), (by_the_next_visit, 11), (by_the_worker, 11)],
    ids=lambda each: getattr(each, "__name__", ""),
)
def test_it_ends_with_the_browsers_session_however_that_ends(
    kiosk: Browser, end: Callable[[Browser], None], minutes: int
) -> None:
    app = Application(register("desktop"), kiosk)
    app.sign_in(scope=SCOPE)
    child = StoredSession.objects.get(kind="client")
    assert child.shared
    assert child.ends_at <= stored(kiosk).ends_at
    began = timezone.now()
    with time_machine.travel(began + timedelta(minutes=9 if minutes else 0), tick=False):
        assert app.refresh().status_code == 200
    with time_machine.travel(began + timedelta(minutes=minutes), tick=False):
        end(kiosk)
        assert app.refresh().json()["error"] == "invalid_grant"
        assert app.userinfo().status_code == 401
    assert not StoredSession.objects.exists()


def test_what_is_redeemed_as_its_person_leaves_ends_too(kiosk: Browser) -> None:
    app = Application(register(), kiosk)
    code = app.code(scope=SCOPE)
    with ThreadPoolExecutor(2) as pool:
        with transaction.atomic():
            # Redeeming spends the code at last, so it stands there with all else done.
            assert Grant.objects.select_for_update().get()
            redeemed = pool.submit(closing, lambda: app.redeem(code))
            wait_for(1)
            left = pool.submit(closing, lambda: kiosk.post("/auth/logout"))
            wait_for(2)
        redeemed.result(30)
        left.result(30)
    assert not StoredSession.objects.exists()


def test_a_tab_that_is_in_use_outlives_the_one_beside_it(kiosk: Browser) -> None:
    """Two tabs that came back at once have a session each, and the browser uses the last one."""
    first = stored(kiosk)
    other = Browser()
    other.post("/auth/login/local", {"username": "alice", "password": PASSWORD, "shared": "1"})
    StoredSession.objects.exclude(uid=first.uid).update(parent_uid=first.uid)
    StoredSession.objects.filter(uid=first.uid).update(expire_date=timezone.now())
    SessionStore.clear_expired()
    assert StoredSession.objects.get() == stored(other)


def test_a_token_is_promised_for_no_longer_than_its_session_lives_unused(kiosk: Browser) -> None:
    server = Application(register("server", auth_method=Client.Method.BASIC), kiosk)
    for scope in ("openid profile", SCOPE):
        server.sign_in(scope=scope)
        assert 590 <= server.tokens["expires_in"] <= 600
        said = server.post("/oauth/introspect", {"token": server.tokens["access_token"]}).json()
        assert said["exp"] - said["iat"] <= 600
    with time_machine.travel(timezone.now() + timedelta(minutes=9), tick=False):
        server.refresh()
        assert server.tokens["expires_in"] == 600
    with time_machine.travel(timezone.now() + timedelta(minutes=25), tick=False):
        assert server.refresh().status_code == 400
