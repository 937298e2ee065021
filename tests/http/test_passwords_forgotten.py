"""Asking for a link, by who forgot the password (docs/contract.md 1)."""

from __future__ import annotations

import re
import threading

import pytest
from django.core import mail as outbox
from django.test import Client, override_settings

from accounts.models import Event, Source, User
from accounts.source import catalogue
from providers.local import recovery, told
from tests.http.passwords import (
    DEAD_SERVER,
    LINK,
    ask,
    without_token,
)
from tests.peers import fresh
from tests.peers.database import no_room_in

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("house")]


@pytest.mark.parametrize(
    "identifier", ["alice", " ALICE ", "alice@example.org", "Alice@Example.ORG"]
)
def test_a_link_comes_by_mail_for_a_username_or_an_address(
    person: User, client: Client, identifier: str
) -> None:
    answer = ask(client, identifier)
    assert (answer.status_code, answer["Location"]) == (303, "/login/forgotten/sent")
    (message,) = outbox.outbox
    assert message.to == ["alice@example.org"]
    assert LINK.search(str(message.body))
    event = Event.objects.get(name="password.link-sent")
    assert (event.user, event.actor, event.by) == (person, "site", None), "anybody may have asked"


def test_known_and_unknown_are_answered_alike(person: User, client: Client) -> None:
    answers = []
    for identifier in ("alice", "nobody", "alice@example.org", "nobody@example.org"):
        browser = Client(HTTP_HOST="localhost")
        first = ask(browser, identifier)
        then = browser.get(first["Location"])
        answers.append(
            (
                first.status_code,
                dict(first.headers),
                first.content,
                sorted(first.cookies),
                then.status_code,
                without_token(then),
                sorted(then.cookies),
            )
        )
    assert all(answer == answers[0] for answer in answers)
    assert len(outbox.outbox) == 2


def test_a_failed_sign_in_looks_alike_for_known_and_unknown(person: User) -> None:
    User.objects.create_user("berta", None)
    pages = []
    for name in ("alice", "berta", "carl"):
        browser = Client(HTTP_HOST="localhost")
        form = {"username": name, "password": "wrong horse battery"}
        answer = browser.post("/auth/login/local", form)
        text = without_token(answer).replace(name, "NAME")
        text = re.sub(r"[B-Z2-9]{4}-[B-Z2-9]{4}", "CODE", text)
        length = len(answer.content) - len(name)
        pages.append((answer.status_code, text, sorted(answer.headers), length))
    assert pages[0][:3] == pages[1][:3] == pages[2][:3]
    assert pages[0][0] == 400


def test_no_mail_goes_to_who_may_not_have_a_link(client: Client) -> None:
    def make(name: str, email: str, status: str, local: bool) -> None:
        user = User.objects.create_user(name, None, email=email, status=status)
        if local:
            user.give_local_identity()

    make("disabled", "a@example.org", User.Status.DISABLED, True)
    make("waiting", "b@example.org", User.Status.AWAITING_ACCESS, True)
    make("elsewhere", "c@example.org", User.Status.ACTIVE, False)
    make("without-address", "", User.Status.ACTIVE, True)
    for name in ("disabled", "waiting", "elsewhere", "without-address", "c@example.org"):
        assert ask(client, name).status_code == 303
    assert outbox.outbox == []


def test_a_foreign_host_name_never_reaches_the_mail(person: User, client: Client) -> None:
    answer = ask(client, "alice", HTTP_X_FORWARDED_HOST="evil.example", HTTP_X_FORWARDED_PROTO="x")
    assert answer.status_code == 303
    assert ask(client, "alice", HTTP_HOST="evil.example").status_code == 400
    (message,) = outbox.outbox
    assert "evil" not in message.message().as_string()


def test_the_mail_is_in_the_language_of_who_asked(person: User, client: Client) -> None:
    ask(client, "alice", HTTP_ACCEPT_LANGUAGE="en")
    (message,) = outbox.outbox
    assert message.subject == "Set a new password"
    assert "alice" in str(message.body)
    assert "&" not in str(message.body)
    assert "Åberg" not in str(message.body)


def test_a_dead_mail_server_is_not_seen_from_outside(person: User, client: Client) -> None:
    with override_settings(EMAIL_BACKEND=DEAD_SERVER):
        assert ask(client, "alice").status_code == 303
    outbox.outbox = []
    assert ask(client, "alice").status_code == 303
    assert len(outbox.outbox) == 1


def test_the_answer_does_not_wait_for_the_mail_server(
    person: User, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    go = threading.Event()
    monkeypatch.setattr(told, "send_mail", lambda *_args: go.wait(30))
    assert client.post("/login/forgotten", {"identifier": "alice"}).status_code == 303
    go.set()
    fresh.delivered()


def test_a_mail_box_is_not_filled_by_strangers(person: User) -> None:
    for number in range(7):
        browser = Client(HTTP_HOST="localhost", REMOTE_ADDR=f"192.0.2.{number}")
        answers = [ask(browser, name).status_code for name in ("alice", "alice@example.org")]
        assert answers == ([303, 303] if number < 5 else [429, 429])
    assert len(outbox.outbox) == recovery.MAILS.amount == 5


def test_asking_too_often_is_refused_alike_for_known_and_unknown(person: User) -> None:
    refusals = []
    for name in ("alice", "nobody"):
        browser = Client(HTTP_HOST="localhost")
        for _ in range(5):
            assert ask(browser, name).status_code == 303
        answer = ask(browser, name)
        assert 0 < int(answer["Retry-After"]) <= 3600
        refusals.append((answer.status_code, without_token(answer).replace(name, "NAME")))
    assert refusals[0] == refusals[1]
    assert refusals[0][0] == 429


def test_one_address_asks_for_fifty_people_in_an_hour_at_most(client: Client) -> None:
    answers = [ask(client, f"person{number}").status_code for number in range(51)]
    assert answers == [303] * 50 + [429]


@pytest.mark.parametrize("identifier", ["", " ", "x" * 255, "alice\0"])
def test_what_is_nobodys_name_is_asked_for_again(client: Client, identifier: str) -> None:
    assert ask(client, identifier).status_code == 400


def test_a_source_without_recovery_has_no_such_page(person: User, client: Client) -> None:
    row = Source.objects.get(slug="local")
    row.settings = {"recovery": False}
    catalogue.save(row)
    fresh.sources()
    assert client.get("/login/forgotten").status_code == 404
    assert ask(client, "alice").status_code == 404
    assert outbox.outbox == []


def test_who_asks_in_vain_for_a_link_has_not_asked(person: User) -> None:
    browser = Client(raise_request_exception=False, HTTP_HOST="localhost")
    with no_room_in("accounts_outboxitem"):
        for _ in range(6):
            assert browser.post("/login/forgotten", {"identifier": "alice"}).status_code == 503
    for _ in range(5):
        assert browser.post("/login/forgotten", {"identifier": "alice"}).status_code == 303
    assert browser.post("/login/forgotten", {"identifier": "alice"}).status_code == 429
