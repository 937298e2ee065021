"""The password pages (CONTRACT.md 1): change, forgotten, reset, the first one."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.core import mail as outbox
from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend
from django.db import connections
from django.test import Client, override_settings

from accounts import lockout, sources
from accounts.models import Event, Identity, Source, StoredSession, User
from portal.pages import passwords
from providers.local import mail, recovery

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("house")]

WORD = "correct horse battery"
NEW = "staple of another stable"
LINK = re.compile(r"http://localhost:8000(/login/reset/[^/\s]+/[^/\s]+)")


@pytest.fixture
def anna() -> User:
    user: User = User.objects.create_user("anna", WORD, name="Anna Ø", email="anna@example.org")
    user.give_local_identity()
    return user


@pytest.fixture(autouse=True)
def _english() -> Iterator[None]:
    with override_settings(LANGUAGE_CODE="en"):
        yield


@pytest.fixture
def client() -> Client:
    return Client(HTTP_HOST="localhost", raise_request_exception=True)


def signed_in(user: User, password: str = WORD) -> Client:
    browser = Client(HTTP_HOST="localhost")
    answer = browser.post("/auth/login/local", {"username": user.username, "password": password})
    assert answer.status_code == 303, answer.content
    return browser


def is_signed_in(browser: Client) -> bool:
    return browser.get("/account/").status_code == 200


def change(browser: Client, old: str = WORD, new: str = NEW, again: str = NEW) -> Any:
    form = {"old_password": old, "new_password": new, "again": again}
    return browser.post("/account/password", form)


def ask(browser: Client, identifier: str, **headers: str) -> Any:
    answer = browser.post("/login/forgotten", {"identifier": identifier}, **headers)
    mail.drain()
    return answer


def link_in(message: EmailMessage) -> str:
    found = LINK.search(str(message.body))
    assert found
    return found[1]


def opened(browser: Client, link: str) -> str:
    """Open a mailed link. Returns the address at which the form stands."""
    answer = browser.get(link)
    assert answer.status_code == 303
    return str(answer["Location"])


def choose(browser: Client, place: str, new: str = NEW, again: str = NEW) -> Any:
    return browser.post(place, {"new_password": new, "again": again})


def without_token(answer: Any) -> str:
    return re.sub(r'name="csrfmiddlewaretoken" value="[^"]+"', "", answer.content.decode())


# --- Changing -------------------------------------------------------------------------------------


def test_a_change_ends_the_other_sessions_and_keeps_this_one(anna: User) -> None:
    here, elsewhere = signed_in(anna), signed_in(anna)
    answer = change(here)
    assert (answer.status_code, answer["Location"]) == (303, "/account/")
    assert "Your password is changed." in here.get("/account/").content.decode()
    assert not is_signed_in(elsewhere)
    anna.refresh_from_db()
    assert anna.check_password(NEW)
    assert Event.objects.filter(name="password.changed", user=anna).count() == 1


def test_the_form_tells_password_managers_what_is_what(anna: User) -> None:
    page = signed_in(anna).get("/account/password")
    text = page.content.decode()
    assert page["Cache-Control"] == "no-store"
    assert re.findall(r'autocomplete="([a-z-]+)"', text) == [
        "username",
        "current-password",
        "new-password",
        "new-password",
    ]


@pytest.mark.parametrize(
    ("old", "new", "again", "said"),
    [
        ("wrong horse battery", NEW, NEW, "This is not your present password."),
        (WORD, NEW, NEW + "x", "The two passwords are not the same."),
        (WORD, "short", "short", "too short"),
        (WORD, "qwerty123456", "qwerty123456", "too common"),
        (WORD, "anna@example.org", "anna@example.org", "too similar"),
        (WORD, WORD, WORD, "This is the password that you have now."),
        (WORD, NEW + "\0", NEW + "\0", "Null characters"),
        (WORD, "x" * 4097, "x" * 4097, "at most 4096"),
        (WORD, "", "", "required"),
    ],
)
def test_what_is_wrong_is_said_at_its_field_and_nothing_changes(
    anna: User, old: str, new: str, again: str, said: str
) -> None:
    here, elsewhere = signed_in(anna), signed_in(anna)
    answer = change(here, old, new, again)
    text = answer.content.decode()
    assert answer.status_code == 400
    assert said in text
    assert 'role="alert"' in text
    assert 'aria-invalid="true"' in text
    described = re.findall(r'aria-describedby="([^"]+)"', text)
    assert all(f'id="{each}"' in text for ids in described for each in ids.split())
    assert all(word not in text for word in (old, new) if len(word) > 5)
    assert is_signed_in(elsewhere)
    anna.refresh_from_db()
    assert anna.check_password(WORD)


def test_guessing_at_the_present_password_is_locked_out_like_a_sign_in(anna: User) -> None:
    here = signed_in(anna)
    for _ in range(5):
        assert change(here, old="wrong horse battery").status_code == 400
    answer = change(here)
    assert answer.status_code == 429
    assert 0 < int(answer["Retry-After"]) <= 300
    anna.refresh_from_db()
    assert anna.check_password(WORD)


def test_a_busy_moment_says_when_to_try_again_and_costs_no_attempt(anna: User) -> None:
    here = signed_in(anna)
    with override_settings(VESTIBULE_HASHES_AT_ONCE=0, VESTIBULE_THREADS=0):
        for _ in range(10):
            answer = change(here)
            assert (answer.status_code, answer["Retry-After"]) == (503, "5")
    assert change(here).status_code == 303


def test_who_signs_in_elsewhere_only_has_no_password_to_change(anna: User) -> None:
    here = signed_in(anna)
    anna.set_unusable_password()
    anna.save()
    page = here.get("/account/password")
    assert "You have no password here" in page.content.decode()
    assert "new-password" not in page.content.decode()
    assert "You have no password here" in change(here).content.decode()


def test_nobody_changes_a_password_without_being_signed_in(client: Client) -> None:
    answer = client.get("/account/password")
    assert (answer.status_code, answer["Location"]) == (302, "/login?next=%2Faccount%2Fpassword")


@pytest.mark.parametrize("path", ["/account/password", "/login/forgotten", "/login/reset/x/choose"])
def test_each_form_needs_the_csrf_token(anna: User, path: str) -> None:
    browser = Client(HTTP_HOST="localhost", enforce_csrf_checks=True)
    browser.cookies.update(signed_in(anna).cookies)
    answer = browser.post(path, {"identifier": "anna", "old_password": WORD})
    assert answer.status_code == 403


# --- Forgotten ------------------------------------------------------------------------------------


@pytest.mark.parametrize("identifier", ["anna", " ANNA ", "anna@example.org", "Anna@Example.ORG"])
def test_a_link_comes_by_mail_for_a_username_or_an_address(
    anna: User, client: Client, identifier: str
) -> None:
    answer = ask(client, identifier)
    assert (answer.status_code, answer["Location"]) == (303, "/login/forgotten/sent")
    (message,) = outbox.outbox
    assert message.to == ["anna@example.org"]
    assert LINK.search(str(message.body))
    assert Event.objects.filter(name="password.link-sent", user=anna).count() == 1


def test_known_and_unknown_are_answered_alike(anna: User, client: Client) -> None:
    answers = []
    for identifier in ("anna", "nobody", "anna@example.org", "nobody@example.org"):
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


def test_a_failed_sign_in_looks_alike_for_known_and_unknown(anna: User) -> None:
    User.objects.create_user("berta", None)
    pages = []
    for name in ("anna", "berta", "carl"):
        browser = Client(HTTP_HOST="localhost")
        form = {"username": name, "password": "wrong horse battery"}
        answer = browser.post("/auth/login/local", form)
        text = without_token(answer).replace(name, "NAME")
        text = re.sub(r"[B-Z2-9]{4}-[B-Z2-9]{4}", "CODE", text)
        text = re.sub(r'name="flow" value="[^"]+"', "", text)
        length = len(answer.content) - len(name)
        pages.append((answer.status_code, text, sorted(answer.headers), length))
    assert pages[0][:3] == pages[1][:3] == pages[2][:3]
    assert pages[0][0] == 400


def test_no_mail_goes_to_who_may_not_have_a_link(client: Client) -> None:
    def person(name: str, email: str, status: str, local: bool) -> None:
        user = User.objects.create_user(name, None, email=email, status=status)
        if local:
            user.give_local_identity()

    person("disabled", "a@example.org", User.Status.DISABLED, True)
    person("waiting", "b@example.org", User.Status.AWAITING_ACCESS, True)
    person("elsewhere", "c@example.org", User.Status.ACTIVE, False)
    person("without-address", "", User.Status.ACTIVE, True)
    for name in ("disabled", "waiting", "elsewhere", "without-address", "c@example.org"):
        assert ask(client, name).status_code == 303
    assert outbox.outbox == []


def test_a_foreign_host_name_never_reaches_the_mail(anna: User, client: Client) -> None:
    answer = ask(client, "anna", HTTP_X_FORWARDED_HOST="evil.example", HTTP_X_FORWARDED_PROTO="x")
    assert answer.status_code == 303
    assert ask(client, "anna", HTTP_HOST="evil.example").status_code == 400
    (message,) = outbox.outbox
    assert "evil" not in message.message().as_string()


def test_the_mail_is_in_the_language_of_who_asked(anna: User, client: Client) -> None:
    ask(client, "anna", HTTP_ACCEPT_LANGUAGE="en")
    (message,) = outbox.outbox
    assert message.subject == "Set a new password"
    assert "anna" in str(message.body)
    assert "&" not in str(message.body)
    assert "Ø" not in str(message.body)


class DeadServer(BaseEmailBackend):
    """A mail server that nobody reaches."""

    def send_messages(self, email_messages: Any) -> int:
        raise ConnectionRefusedError


def test_a_dead_mail_server_is_not_seen_from_outside(anna: User, client: Client) -> None:
    with override_settings(EMAIL_BACKEND="tests.http.test_passwords.DeadServer"):
        assert ask(client, "anna").status_code == 303
    outbox.outbox = []
    assert ask(client, "anna").status_code == 303
    assert len(outbox.outbox) == 1


def test_the_answer_does_not_wait_for_the_mail_server(
    anna: User, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    go = threading.Event()
    monkeypatch.setattr(mail, "send_mail", lambda *_args: go.wait(30))
    assert client.post("/login/forgotten", {"identifier": "anna"}).status_code == 303
    go.set()
    mail.drain()


def test_a_mail_box_is_not_filled_by_strangers(anna: User) -> None:
    for number in range(7):
        browser = Client(HTTP_HOST="localhost", REMOTE_ADDR=f"192.0.2.{number}")
        answers = [ask(browser, name).status_code for name in ("anna", "anna@example.org")]
        assert answers == ([303, 303] if number < 5 else [429, 429])
    assert len(outbox.outbox) == mail.MAILS.amount == 5


def test_asking_too_often_is_refused_alike_for_known_and_unknown(anna: User) -> None:
    refusals = []
    for name in ("anna", "nobody"):
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


@pytest.mark.parametrize("identifier", ["", " ", "x" * 255, "anna\0"])
def test_what_is_nobodys_name_is_asked_for_again(client: Client, identifier: str) -> None:
    assert ask(client, identifier).status_code == 400


def test_a_source_without_recovery_has_no_such_page(anna: User, client: Client) -> None:
    row = Source.objects.get(slug="local")
    row.settings = {"recovery": False}
    sources.save(row)
    sources.reset()
    assert client.get("/login/forgotten").status_code == 404
    assert ask(client, "anna").status_code == 404
    assert outbox.outbox == []


# --- The link -------------------------------------------------------------------------------------


@pytest.fixture
def link(anna: User, client: Client) -> str:
    ask(client, "anna")
    return link_in(outbox.outbox[0])


def test_a_link_sets_the_password_ends_every_session_and_signs_nobody_in(
    anna: User, client: Client, link: str
) -> None:
    here = signed_in(anna)
    answer = choose(client, opened(client, link))
    assert (answer.status_code, answer["Location"]) == (303, "/login?choose=1&done=password")
    assert "Your new password is saved." in client.get(answer["Location"]).content.decode()
    assert not is_signed_in(client)
    assert not is_signed_in(here)
    assert not StoredSession.objects.filter(user=anna).exists()
    anna.refresh_from_db()
    assert anna.check_password(NEW)
    assert anna.session_epoch == 1
    assert is_signed_in(signed_in(anna, NEW))
    assert Event.objects.filter(name="password.changed", user=anna).count() == 1


def test_the_token_leaves_the_address_bar_for_a_sealed_cookie(
    anna: User, client: Client, link: str
) -> None:
    token = link.rpartition("/")[2]
    answer = client.get(link)
    assert answer["Location"] == f"/login/reset/{anna.uid}/choose"
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
    assert "anna" in page.content.decode()


def test_opening_a_link_as_a_mail_scanner_does_not_spend_it(client: Client, link: str) -> None:
    for _ in range(3):
        scanner = Client(HTTP_HOST="localhost")
        scanner.head(link)
        scanner.get(opened(scanner, link))
    assert choose(client, opened(client, link)).status_code == 303


def test_a_link_works_once(anna: User, client: Client, link: str) -> None:
    place = opened(client, link)
    other = Client(HTTP_HOST="localhost")
    other_place = opened(other, link)
    assert choose(client, place).status_code == 303
    assert choose(client, place).status_code == 400
    answer = choose(other, other_place, "a third password", "a third password")
    assert answer.status_code == 400
    assert "This link does not work any more" in answer.content.decode()
    anna.refresh_from_db()
    assert anna.check_password(NEW)


def test_of_twenty_parallel_uses_of_one_link_one_wins(anna: User, link: str) -> None:
    browsers = [Client(HTTP_HOST="localhost") for _ in range(20)]
    places = [opened(browser, link) for browser in browsers]

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
    anna.refresh_from_db()
    assert anna.check_password(f"the password of browser {answers.index(303)}")
    assert Event.objects.filter(name="password.changed", user=anna).count() == 1


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
    anna: User, client: Client, link: str, lapse: Any
) -> None:
    place = opened(client, link)
    lapse(anna)
    before = User.objects.get(pk=anna.pk).password
    assert client.get(place).status_code == 400
    assert choose(client, place).status_code == 400
    assert User.objects.get(pk=anna.pk).password == before


def test_a_link_lapses_with_time(anna: User) -> None:
    now = datetime(2030, 10, 27, 0, 30, tzinfo=UTC)  # the clocks are turned back within the hour
    with time_machine.travel(now, tick=False) as clock:
        token, first = recovery.tokens.make_token(anna), recovery.tokens.make_first(anna)
        clock.shift(timedelta(seconds=3600))
        assert recovery.holder(anna.uid, token) == anna
        clock.shift(timedelta(seconds=1))
        assert recovery.holder(anna.uid, token) is None
        assert recovery.holder(anna.uid, first) == anna
        clock.shift(timedelta(days=3))
        assert recovery.holder(anna.uid, first) is None


@pytest.mark.parametrize(
    "path",
    [
        "/login/reset/x/choose",
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
    anna: User, client: Client, link: str
) -> None:
    berta = User.objects.create_user("berta", WORD, email="berta@example.org")
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
    assert berta.check_password(WORD)


def test_a_posted_token_is_no_form(client: Client, link: str) -> None:
    assert choose(client, link).status_code == 405


def test_a_weak_password_keeps_the_link_alive(anna: User, client: Client, link: str) -> None:
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
    anna: User, client: Client, link: str
) -> None:
    for host in range(20):
        lockout.check("local", "anna", f"192.0.2.{host}")
        lockout.failed("local", "anna", f"192.0.2.{host}")
    choose(client, opened(client, link))
    assert is_signed_in(signed_in(anna, NEW))


# --- The first password ---------------------------------------------------------------------------


def test_the_first_password_comes_by_a_link_that_opens_the_local_way_in(client: Client) -> None:
    carl = User.objects.create_user("carl", None, email="carl@example.org")
    assert mail.send_password_link(carl, first=True)
    mail.drain()
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
    assert not mail.send_password_link(without, first=True)
    assert not mail.send_password_link(disabled, first=True)
    mail.drain()
    assert outbox.outbox == []
