"""What ends at the very moment at which an application, or its person, makes use of it."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import pytest
from django.db import connection, connections, transaction
from django.db.models import Model
from django.test import Client as Browser

from accounts.models import Event, Source, StoredSession, User
from accounts.provider import Visit
from accounts.session import erasure, people
from accounts.session.store import SessionStore
from portal.authorization_server import consents
from portal.authorization_server.models import Client, Grant
from tests.http.conftest import enter, sign_in, stored
from tests.http.oauth.application import Application, register
from tests.http.oauth.at_once import window
from tests.http.oauth.test_device import Device
from tests.http.test_without_database import until
from tests.peers.upstream import Upstream

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
        until(are)


def closing(task: Callable[[], Any]) -> Any:
    try:
        return task()
    finally:
        connections.close_all()


def meanwhile(change: Callable[[], object], *tasks: Callable[[], Any]) -> list[Any]:
    """Return what the tasks return, which run into a change that is not committed yet."""
    with ThreadPoolExecutor(len(tasks)) as pool:
        with transaction.atomic():
            change()
            begun = [pool.submit(closing, task) for task in tasks]
            wait_for(len(tasks))
        return [each.result(30) for each in begun]


@pytest.mark.parametrize(
    "take", [by_withdrawing, by_ending_all_others, by_the_administration], ids=lambda f: f.__name__
)
def test_what_is_redeemed_meanwhile_ends_too(
    server: Application, take: Callable[[Application, Browser], None]
) -> None:
    other = Browser()
    sign_in(other)
    code = server.code(scope="openid offline_access")

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


@pytest.mark.parametrize("prompt", [None, "none"])
def test_what_is_asked_for_while_a_consent_is_withdrawn_is_asked_anew(
    server: Application, prompt: str | None
) -> None:
    """What was read of the consent before says nothing: a code would outlive the withdrawal."""
    fields = {"scope": "openid offline_access", "prompt": prompt}
    server.sign_in(scope=fields["scope"])
    withdraw = partial(by_withdrawing, server, server.browser)
    (answer,) = meanwhile(withdraw, lambda: server.ask(**fields))
    if answer.status_code == 303:
        assert answer["Location"].startswith("/oauth/authorize?")
        answer = server.browser.get(answer["Location"])
    assert not Grant.objects.exists()
    if prompt:
        assert server.answer(answer)["error"] == "consent_required"
    else:
        assert server.answer(server.allow(answer)).keys() >= {"code"}, "it asks"


@pytest.mark.parametrize("gone", [StoredSession, User], ids=lambda model: model.__name__)
def test_whose_session_has_just_ended_allows_nothing(app: Application, gone: type[Model]) -> None:
    page = app.ask()
    gone._default_manager.all().delete()  # by another worker, of which this one has not read yet
    answer = app.allow(page)
    there = app.landing(answer)
    if there.startswith("/oauth/authorize?"):  # without a cache nobody is signed in any more
        assert app.browser.get(there)["Location"].startswith("/login?next=%2Foauth%2Fauthorize")
    else:
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


def of_erasing(person: User) -> Callable[[], None]:
    return partial(erasure.erase, person, "test")


@pytest.mark.parametrize("decision", ["allow", "deny"])
@pytest.mark.parametrize("change", [of_erasing, lambda person: partial(people.disable, person)])
def test_who_is_being_erased_or_disabled_is_led_to_the_sign_in(
    browser: Browser, person: User, change: Callable[[User], Any], decision: str
) -> None:
    tv = Device(register("tv", kind=Client.Kind.DEVICE, redirect_uris=""))
    tv.app.browser = browser
    code = tv.start()["user_code"]
    (answer,) = meanwhile(change(person), lambda: tv.decide(browser, decision))
    assert tv.app.landing(answer).startswith("/login?next=%2Fdevice")
    assert tv.error() == "authorization_pending", code


def test_what_is_used_twice_while_its_person_is_erased_is_an_event_of_nobody(
    app: Application, person: User
) -> None:
    code = app.code(scope="openid offline_access")
    spent = app.redeem(code).json()["refresh_token"]
    app.refresh()
    twice = partial(app.redeem, code), partial(app.refresh, spent)
    answers = meanwhile(of_erasing(person), *twice)
    assert [each.json()["error"] for each in answers] == ["invalid_grant"] * 2
    seen = Event.objects.filter(name__in=["code.reused", "token.reused"])
    assert all(each.user_id is None and each.by_id is None for each in seen)
    if connection.vendor == "postgresql":
        assert len(seen) == 2


@pytest.mark.parametrize(
    ("ask", "status"),
    [
        (lambda app: app.post("/oauth/par", app.request()), 401),
        (lambda app: app.post("/oauth/device_authorization", {"scope": "openid"}), 401),
        (lambda app: Application(app.client).ask(state="x" * 4000), 400),
    ],
    ids=["par", "device", "authorize"],
)
def test_a_client_that_is_being_deleted_is_not_known(
    native: Application, ask: Callable[[Application], Any], status: int
) -> None:
    (answer,) = meanwhile(native.client.delete, lambda: ask(native))
    assert answer.status_code == status, answer.content
    if status == 401:
        assert answer.json()["error"] == "invalid_client"


def test_of_two_tabs_that_leave_at_once_one_visits_the_upstream(
    client: Browser, tenant: Callable[..., Source], peer: Upstream
) -> None:
    tenant(leaves_by="visit")
    enter(client, "town")
    tabs = []
    for name in ("one", "two"):
        uri = f"https://{name}.example/bye"
        row = register(name, skip_authorization=True, post_logout_redirect_uris=uri)
        hint = Application(row, client).sign_in()["id_token"]
        way = {"id_token_hint": hint, "post_logout_redirect_uri": uri, "state": name}
        tabs.append(partial(window(client).get, "/oauth/logout", way))
    mine = StoredSession.objects.select_for_update().filter(uid=stored(client).uid)
    ways = [each["Location"] for each in meanwhile(mine.get, *tabs)]
    assert sorted(way.startswith(peer.url) for way in ways) == [False, True]
    assert any(way.startswith("/oauth/after-logout?to=") for way in ways)
