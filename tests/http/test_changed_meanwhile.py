"""A password that changes and a person who is disabled during a sign-in; sessions of another key.

docs/architecture.md 4: `sign_in` decides by what the person is like in its own transaction.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import pairwise
from typing import Any

import pytest
from django.db import connection, connections, transaction
from django.db.models import F
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.errors import DISABLED, AccessDenied, InvalidGrant
from accounts.login import proof, sign_in
from accounts.models import Event, Identity, Source, StoredSession, User
from accounts.provider import Authentication, Visit
from accounts.session import people
from accounts.session.typed import Session
from accounts.source import catalogue
from tests.http.conftest import PASSWORD
from tests.http.conftest import sign_in as post_password
from tests.peers import fresh

pytestmark = pytest.mark.django_db(transaction=True)
RACES = 15
OF_A_PERSON = (
    "/account/", "/account/devices", "/account/sign-ins", "/account/data", "/account/data/export",
    "/account/data/delete", "/account/apps", "/account/passkeys", "/account/second-factor",
    "/account/password", "/admin/",
)  # fmt: skip
OTHER_KEY = "another key of fifty characters and a few more, by far"
VISIT = Visit(address="192.0.2.1", user_agent="test")


def raced(*steps: Callable[[], Any]) -> None:
    """Run the steps at the same moment, each in a thread with a connection of its own."""
    start = threading.Barrier(len(steps))

    def run(step: Callable[[], Any]) -> None:
        start.wait()
        alone(step)

    with ThreadPoolExecutor(len(steps)) as threads:
        list(threads.map(run, steps))


def is_known(client: Client) -> bool:
    return bool(client.get("/auth/session").json()["isLoggedIn"])


def test_a_password_that_was_judged_before_its_change_opens_nothing(person: User) -> None:
    source = catalogue.find("local")
    assert source
    judged = proof.verify_password(source, "alice", PASSWORD, VISIT)
    people.change_password(person, "another one that is long", VISIT, keep=None)
    with pytest.raises(InvalidGrant):
        sign_in.sign_in(source, judged, None, Session(), VISIT)
    assert not StoredSession.objects.exists()


def test_a_way_in_that_is_gone_since_it_was_judged_makes_nobody_new(person: User) -> None:
    source = catalogue.find("local")
    assert source
    Source.objects.filter(pk=source.row.pk).update(enroll=True)
    judged = proof.verify_password(source, "alice", PASSWORD, VISIT)
    person.identities.all().delete()
    with pytest.raises(InvalidGrant):
        sign_in.sign_in(source, judged, None, Session(), VISIT)
    assert User.objects.get() == person


def test_a_person_who_is_disabled_after_the_password_was_judged_is_refused(person: User) -> None:
    source = catalogue.find("local")
    assert source
    judged = proof.verify_password(source, "alice", PASSWORD, VISIT)
    people.disable(person)
    with pytest.raises(AccessDenied) as refused:
        sign_in.sign_in(source, judged, None, Session(), VISIT)
    assert refused.value.reason == DISABLED
    assert not StoredSession.objects.exists()


def test_what_was_judged_before_the_desk_corrected_a_person_does_not_undo_it(person: User) -> None:
    source = catalogue.find("local")
    assert source
    judged = proof.verify_password(source, "alice", PASSWORD, VISIT)
    User.objects.filter(pk=person.pk).update(email="new@example.org", name="Alice Berg")
    done = sign_in.sign_in(source, judged, None, Session(), VISIT)
    person.refresh_from_db()
    assert (person.email, person.name) == ("new@example.org", "Alice Berg")
    assert done.store.typed.name == "Alice Berg"


def test_a_way_in_that_is_taken_away_ends_the_sign_in_by_it_that_is_under_way(
    person: User,
) -> None:
    source, way = catalogue.find("local"), person.identities.get()
    assert source
    judged = proof.verify_password(source, "alice", PASSWORD, VISIT)
    taken = threading.Thread(target=alone, args=(lambda: people.unlink(way),))
    with transaction.atomic():
        sign_in.sign_in(source, judged, None, Session(), VISIT)
        taken.start()
        taken.join(0.3)
    taken.join()
    assert not Identity.objects.filter(pk=way.pk).exists()
    assert not StoredSession.objects.exists()


def test_a_sign_in_that_comes_while_its_way_in_is_taken_away_finds_it_gone(person: User) -> None:
    source, way, refused = catalogue.find("local"), person.identities.get(), list[str]()
    assert source
    judged = proof.verify_password(source, "alice", PASSWORD, VISIT)

    def enter() -> None:
        try:
            sign_in.sign_in(source, judged, None, Session(), VISIT)
        except AccessDenied as error:
            refused.append(str(error))

    coming = threading.Thread(target=alone, args=(enter,))
    with transaction.atomic():
        people.unlink(way)
        coming.start()
        coming.join(0.3)
    coming.join()
    assert refused
    assert not StoredSession.objects.exists()


@pytest.mark.parametrize("page", OF_A_PERSON)
def test_who_is_signed_out_while_a_page_is_made_signs_in_again(page: str, person: User) -> None:
    """Between the look at the session and the look at its person."""
    client, once = Client(), iter([True])
    post_password(client)

    def sign_out(execute: Any, sql: str, *rest: Any) -> Any:
        if sql.startswith("SELECT") and 'FROM "accounts_user"' in sql and next(once, False):
            User.objects.update(session_epoch=F("session_epoch") + 1)
        return execute(sql, *rest)

    with connection.execute_wrapper(sign_out):
        answer = client.get(page)
    assert (answer.status_code, answer["Location"].partition("?")[0]) == (302, "/login")


def alone(step: Callable[[], Any]) -> None:
    """Run the step with a connection of its own."""
    try:
        step()
    finally:
        connections.close_all()


def test_the_sign_in_of_before_never_outlives_the_change_of_the_password(person: User) -> None:
    passwords = [PASSWORD, *(f"password number {n} of them" for n in range(RACES))]
    for old, new in pairwise(passwords):
        visitor = Client()
        raced(
            lambda: post_password(visitor, password=old),  # noqa: B023  # run before the next turn
            lambda: people.change_password(person, new, VISIT, keep=None),  # noqa: B023
        )
        assert not is_known(visitor)
        assert not StoredSession.objects.exists()


def test_of_two_changes_of_one_password_the_one_that_was_judged_late_is_refused(
    person: User,
) -> None:
    """A thief's request in flight does not undo what the owner has just set."""
    judged = User.objects.get(pk=person.pk)
    people.change_password(person, "the owner's own new words", VISIT, keep=None)
    for late in (judged, User(pk=person.pk, password=person.password, session_epoch=0)):
        with pytest.raises(InvalidGrant):
            people.change_password(late, "the words of a thief", VISIT, keep=None)
    person.refresh_from_db()
    assert person.check_password("the owner's own new words")
    assert Event.objects.filter(name="password.changed").count() == 1


def test_of_two_who_change_one_password_at_once_one_does(person: User) -> None:
    old, turns = PASSWORD, 5
    for turn in range(turns):
        browsers, answers = [Client(), Client()], dict[str, Any]()
        for browser in browsers:
            assert post_password(browser, password=old).status_code == 303

        def change(browser: Client, new: str, told: str = old, into: Any = answers) -> None:
            form = {"old_password": told, "new_password": new, "again": new}
            into[new] = browser.post("/account/password", form).get("Location")

        owners, thiefs = f"words of the owner, {turn}", f"words of the thief, {turn}"
        raced(
            lambda: change(browsers[0], owners),  # noqa: B023  # run before the next turn
            lambda: change(browsers[1], thiefs),  # noqa: B023
        )
        # Who comes when all is over is signed out already, and is sent to the sign-in by a 303 too.
        (old,) = [new for new, place in answers.items() if place == "/account/"]
        person.refresh_from_db()
        assert person.check_password(old)
        assert StoredSession.objects.count() == 1
    assert Event.objects.filter(name="password.changed").count() == turns


def test_nobody_is_in_who_was_disabled_during_the_sign_in(person: User) -> None:
    for _ in range(RACES):
        User.objects.filter(pk=person.pk).update(status=User.Status.ACTIVE)
        visitor = Client()
        raced(lambda: post_password(visitor), lambda: people.disable(person))  # noqa: B023
        assert not is_known(visitor)
        assert not StoredSession.objects.exists()


def test_of_a_first_sign_in_and_a_link_of_it_at_once_one_owns_the_way_in(
    person: User, tenant: Callable[..., Source]
) -> None:
    """Nobody is told that a way in was added to their account which is somebody else's."""
    tenant()
    local, town = catalogue.find("local"), catalogue.find("town")
    assert local
    assert town
    judged = proof.verify_password(local, "alice", PASSWORD, VISIT)
    asking = sign_in.sign_in(local, judged, None, Session(), VISIT).store.typed.uid
    for number in range(RACES):
        outcome = Authentication(subject=f"bob{number}")
        refused: list[str] = []

        def link(outcome: Authentication = outcome, refused: list[str] = refused) -> None:
            try:
                sign_in.link(town, outcome, asking, VISIT)
            except AccessDenied as error:
                refused.append(error.reason)

        raced(link, partial(sign_in.sign_in, town, outcome, None, Session(), VISIT))
        owner = Identity.objects.get(source=town.row, subject=outcome.subject).user
        linked = Event.objects.filter(name="identity.linked", user=person)
        assert refused == ([] if owner == person else ["not-authorized"])
        assert linked.count() == person.identities.filter(source=town.row).count()


def test_the_session_in_which_the_password_was_changed_goes_on(
    client: Client, person: User
) -> None:
    post_password(client)
    form = {
        "old_password": PASSWORD,
        "new_password": "another one that is long",
        "again": "another one that is long",
    }
    assert client.post("/account/password", form).status_code == 303
    assert client.get("/account/").status_code == 200
    assert client.get("/users/user/details").json()["User"]["name"] == "alice"


PAGES = ("/account/", "/account/sessions", "/account/sign-ins", "/account/password")


@pytest.mark.parametrize("path", PAGES)
def test_a_session_of_another_key_is_over_and_no_page_fails(
    client: Client, person: User, settings: Any, path: str
) -> None:
    post_password(client)
    settings.SECRET_KEY = OTHER_KEY
    answer = client.get(path)
    assert answer.status_code == 302
    assert answer["Location"].startswith("/login?next=")
    assert not client.cookies["vestibule"].value


def test_a_session_of_another_key_is_nobodys_on_json_routes(
    client: Client, person: User, settings: Any
) -> None:
    post_password(client)
    settings.SECRET_KEY = OTHER_KEY
    held = client.cookies.copy()
    assert client.get("/auth/session").json() == {"isLoggedIn": False, "type": "anonymous"}
    client.cookies = held
    assert client.get("/users/user/details").status_code == 401


def test_a_former_key_counts_while_it_is_named(client: Client, person: User, settings: Any) -> None:
    post_password(client)
    former, settings.SECRET_KEY = settings.SECRET_KEY, OTHER_KEY
    settings.SECRET_KEY_FALLBACKS = [former]
    cookie = client.cookies["vestibule"].value

    def look(_number: int) -> int:
        own = Client()
        own.cookies["vestibule"] = cookie
        try:
            return own.get("/account/").status_code
        finally:
            connections.close_all()

    with ThreadPoolExecutor(8) as threads:
        assert set(threads.map(look, range(24))) == {200}
    settings.SECRET_KEY_FALLBACKS = []
    assert client.get("/account/").status_code == 200


@pytest.mark.parametrize(
    "change", [{"session_epoch": F("session_epoch") + 1}, {"status": User.Status.DISABLED}]
)
def test_a_cookie_counts_no_more_than_a_bearer(
    client: Client, person: User, change: dict[str, Any]
) -> None:
    post_password(client)
    pair = Client().post("/session/login", {"username": "alice", "password": PASSWORD}).json()
    User.objects.filter(pk=person.pk).update(**change)  # past whoever would end the sessions
    fresh.caches()
    bearer = {"Authorization": f"Bearer {pair['access_token']}"}
    assert Client().get("/users/user/details", headers=bearer).status_code == 401
    assert client.get("/users/user/details").status_code == 401
    assert not is_known(client)


def test_the_loser_of_the_race_is_told_as_for_a_wrong_password(person: User) -> None:
    source = catalogue.find("local")
    assert source
    judged = proof.verify_password(source, "alice", PASSWORD, VISIT)
    User.objects.filter(pk=person.pk).update(session_epoch=F("session_epoch") + 1)
    with pytest.raises(InvalidGrant) as refused:
        sign_in.sign_in(source, judged, None, Session(), VISIT)
    assert refused.value.error == "invalid_grant"
    assert not Event.objects.filter(name="login.succeeded").exists()


def test_a_change_of_a_password_holds_the_sessions_in_the_order_of_an_end(person: User) -> None:
    """Else two of one person's tabs would wait for each other."""
    with CaptureQueriesContext(connection) as asked:
        people.change_password(person, "another one that is long", VISIT, keep=None)
    first = next(q["sql"] for q in asked if f'FROM "{StoredSession._meta.db_table}"' in q["sql"])
    assert re.search(r'ORDER BY "\w+"\."kind" ASC, (?:1|"\w+"\."session_key") ASC', first)
