"""Setting a password by a mailed link (docs/contract.md 1)."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.core import mail as outbox
from django.db import connections
from django.test import Client, override_settings

from accounts.login import lockout
from accounts.models import Event, Identity, Source, StoredSession, User
from accounts.provider import Visit
from accounts.source import catalogue
from portal.pages import passwords
from providers.local import recovery
from tests.http.conftest import PASSWORD
from tests.http.passwords import (
    NEW,
    ask,
    change,
    choose,
    is_signed_in,
    link_in,
    opened,
    signed_in,
)
from tests.peers import fresh

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("house")]


@pytest.fixture
def link(person: User, client: Client) -> str:
    ask(client, "alice")
    return link_in(outbox.outbox[0])


def test_a_link_sets_the_password_ends_every_session_and_signs_nobody_in(
    person: User, client: Client, link: str
) -> None:
    here = signed_in(person)
    answer = choose(client, opened(client, link))
    assert (answer.status_code, answer["Location"]) == (303, "/login?choose=1&done=password")
    assert "Your new password is saved." in client.get(answer["Location"]).content.decode()
    assert not is_signed_in(client)
    assert not is_signed_in(here)
    assert not StoredSession.objects.filter(user=person).exists()
    person.refresh_from_db()
    assert person.check_password(NEW)
    assert person.session_epoch == 1
    assert is_signed_in(signed_in(person, NEW))
    assert Event.objects.filter(name="password.changed", user=person).count() == 1


def test_the_token_leaves_the_address_bar_for_a_sealed_cookie(
    person: User, client: Client, link: str
) -> None:
    token = link.rpartition("/")[2]
    answer = client.get(link)
    assert answer["Location"] == f"/login/reset/{person.uid}/choose"
    assert answer["Cache-Control"] == "no-store"
    assert answer["Referrer-Policy"] == "same-origin"
    cookie = answer.cookies[passwords.RESET_COOKIE]
    assert (cookie["httponly"], cookie["samesite"], cookie["path"], cookie["max-age"]) == (
        True,
        "Lax",
        "/login/reset/",
        900,
    )
    page = client.get(answer["Location"])
    assert page.status_code == 200
    assert page["Cache-Control"] == "no-store"
    assert token not in page.content.decode() + cookie.value
    assert "alice" in page.content.decode()


def test_opening_a_link_as_a_mail_scanner_does_not_spend_it(client: Client, link: str) -> None:
    for _ in range(3):
        scanner = Client(HTTP_HOST="localhost")
        scanner.head(link)
        scanner.get(opened(scanner, link))
    assert choose(client, opened(client, link)).status_code == 303


def test_a_link_works_once(person: User, client: Client, link: str) -> None:
    place = opened(client, link)
    other = Client(HTTP_HOST="localhost")
    other_place = opened(other, link)
    assert choose(client, place).status_code == 303
    assert choose(client, place).status_code == 400
    answer = choose(other, other_place, "a third password", "a third password")
    assert answer.status_code == 400
    assert "This link does not work any more" in answer.content.decode()
    person.refresh_from_db()
    assert person.check_password(NEW)


def test_of_twenty_parallel_uses_of_one_link_one_wins(
    person: User, link: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    browsers = [Client(HTTP_HOST="localhost") for _ in range(20)]
    places = [opened(browser, link) for browser in browsers]

    def all_at_once(user: User, password: str, by: Visit) -> None:
        ready.wait(30)  # all have been found good before the first of them is used
        redeem(user, password, by)

    ready, redeem = threading.Barrier(20), recovery.redeem
    monkeypatch.setattr(recovery, "redeem", all_at_once)

    def use(number: int) -> int:
        try:
            word = f"the password of browser {number}"
            return int(choose(browsers[number], places[number], word, word).status_code)
        finally:
            connections.close_all()

    with (
        override_settings(VESTIBULE_HASHES_AT_ONCE=20),
        ThreadPoolExecutor(20) as pool,
    ):
        answers = list(pool.map(use, range(20)))
    assert sorted(answers) == [303] + [400] * 19
    person.refresh_from_db()
    assert person.check_password(f"the password of browser {answers.index(303)}")
    assert Event.objects.filter(name="password.changed", user=person).count() == 1


def lapse_by_address(user: User) -> None:
    User.objects.filter(pk=user.pk).update(email="new@example.org")


def lapse_by_change(user: User) -> None:
    assert change(signed_in(user), new="yet another password", again="yet another password")


def lapse_by_epoch(user: User) -> None:
    User.objects.filter(pk=user.pk).update(session_epoch=7)


def lapse_by_disabling(user: User) -> None:
    User.objects.filter(pk=user.pk).update(status=User.Status.DISABLED)


@pytest.mark.parametrize(
    "lapse", [lapse_by_address, lapse_by_change, lapse_by_epoch, lapse_by_disabling]
)
def test_a_link_lapses_when_the_account_changes(
    person: User, client: Client, link: str, lapse: Any
) -> None:
    place = opened(client, link)
    lapse(person)
    before = User.objects.get(pk=person.pk).password
    assert client.get(place).status_code == 400
    assert choose(client, place).status_code == 400
    assert User.objects.get(pk=person.pk).password == before


def test_a_link_lapses_with_time(person: User) -> None:
    now = datetime(2030, 10, 27, 0, 30, tzinfo=UTC)  # the clocks are turned back within the hour
    with time_machine.travel(now, tick=False) as clock:
        token, first = recovery.tokens.make_token(person), recovery.tokens.make_first(person)
        clock.shift(timedelta(seconds=3600))
        assert recovery.holder(person.uid, token) == person
        clock.shift(timedelta(seconds=1))
        assert recovery.holder(person.uid, token) is None
        assert recovery.holder(person.uid, first) == person
        clock.shift(timedelta(days=3))
        assert recovery.holder(person.uid, first) is None


def test_a_good_link_is_not_called_dead(person: User, client: Client, link: str) -> None:
    """Whose cookie is over, is not taken, or is that of another link opens theirs once more."""
    berta = User.objects.create_user("berta", PASSWORD, email="berta@example.org")
    berta.give_local_identity()
    place, another = opened(client, link), Client(HTTP_HOST="localhost")
    opened(another, f"/login/reset/{berta.uid}/{recovery.tokens.make_token(berta)}")
    with time_machine.travel(datetime.now(UTC) + timedelta(minutes=16), tick=False):
        for browser in (client, Client(HTTP_HOST="localhost"), another):
            answer = choose(browser, place)
            assert answer.status_code == 400
            assert "Open the link once more" in (said := answer.content.decode())
            assert "allow cookies" in said
            assert "does not work" not in said
        assert choose(client, opened(client, link)).status_code == 303


def test_where_nobody_can_ask_for_another_link_is_said_who_can(client: Client) -> None:
    def said() -> str:
        return client.get("/login/reset/x/y", follow=True).content.decode()

    assert "Send me a new link" in said()
    row = Source.objects.get(slug=Source.LOCAL)
    row.settings = {**row.settings, "recovery": False}
    catalogue.save(row)
    assert "Send me a new link" not in said()
    assert "Ask whoever sent it to you for another." in said()


@pytest.mark.parametrize(
    "path",
    [
        "/login/reset/x/y",
        "/login/reset/%F0%9F%94%91/abc-def",
        "/login/reset/x/" + "y" * 101,
        "/login/reset/" + "x" * 33 + "/y",
    ],
)
def test_what_is_no_link_is_told_so(client: Client, path: str) -> None:
    answer = client.get(path, follow=True)
    assert answer.status_code == 400
    assert "This link does not work any more" in answer.content.decode()


def test_a_changed_token_or_another_persons_link_does_not_work(
    person: User, client: Client, link: str
) -> None:
    berta = User.objects.create_user("berta", PASSWORD, email="berta@example.org")
    berta.give_local_identity()
    token = link.rpartition("/")[2]
    for path in (
        f"/login/reset/{berta.uid}/{token}",
        link[:-1] + ("0" if link[-1] != "0" else "1"),
    ):
        assert client.get(path, follow=True).status_code == 400
    opened(client, link)
    place = f"/login/reset/{berta.uid}/choose"
    assert choose(client, place).status_code == 400
    berta.refresh_from_db()
    assert berta.check_password(PASSWORD)


def test_a_posted_token_is_no_form(client: Client, link: str) -> None:
    assert choose(client, link).status_code == 405


def test_a_weak_password_keeps_the_link_alive(person: User, client: Client, link: str) -> None:
    place = opened(client, link)
    answer = choose(client, place, "short", "short")
    assert answer.status_code == 400
    assert "too short" in answer.content.decode()
    assert choose(client, place).status_code == 303


def test_a_busy_moment_keeps_the_link_alive(client: Client, link: str) -> None:
    place = opened(client, link)
    with override_settings(VESTIBULE_HASHES_AT_ONCE=0, VESTIBULE_THREADS=0):
        answer = choose(client, place)
    assert (answer.status_code, answer["Retry-After"]) == (503, "5")
    assert choose(client, place).status_code == 303


def test_a_new_password_lets_an_owner_in_whom_strangers_locked_out(
    person: User, client: Client, link: str
) -> None:
    for host in range(20):
        lockout.check("local", "alice", f"192.0.2.{host}")
        lockout.failed("local", "alice", f"192.0.2.{host}")
    choose(client, opened(client, link))
    assert is_signed_in(signed_in(person, NEW))


def test_the_first_password_comes_by_a_link_that_opens_the_local_way_in(client: Client) -> None:
    carl = User.objects.create_user("carl", None, email="carl@example.org")
    assert recovery.post("local", carl, first=True)
    fresh.delivered()
    (message,) = outbox.outbox
    assert message.subject == "Choose your password"
    assert choose(client, opened(client, link_in(message))).status_code == 303
    assert Identity.objects.filter(source__slug="local", subject=carl.uid, user=carl).exists()
    assert is_signed_in(signed_in(carl, NEW))


def test_nobody_without_an_address_or_access_gets_a_first_link() -> None:
    without = User.objects.create_user("without", None)
    disabled = User.objects.create_user(
        "disabled", None, email="d@example.org", status=User.Status.DISABLED
    )
    assert not recovery.post("local", without, first=True)
    assert not recovery.post("local", disabled, first=True)
    fresh.delivered()
    assert outbox.outbox == []
