"""docs/contract.md 5: an official comes the first time, waits, and is let in.

The rows of docs/threats.md 4.1 on departments and accounts, and W12 and W14.
"""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.test import Client

from accounts.models import Event, Identity, StoredSession, User
from accounts.session import people
from tests.http.conftest import enter, stored
from tests.http.officials.conftest import Counter, sessions
from tests.http.oidc.browser import Browser
from tests.http.oidc.conftest import failure
from tests.peers.certified import Certified

pytestmark = pytest.mark.django_db(transaction=True)

MESSAGE = "An administrator must first assign your departments and permissions."
SCRIPT = {"Accept": "application/json"}
# Routes that answer JSON to whoever is let in; the person who waits is told so by code.
CLOSED = (
    "/auth/upstream-token",
    "/users/user/details",
    "/account/",
    "/account/sessions",
    "/admin/",
)


def test_the_first_login_makes_a_person_with_an_unusable_password_who_waits(
    counter: Counter, browser: Browser
) -> None:
    counter()
    response = browser.sign_in("town")
    assert (response.status_code, response["Location"]) == (303, "/")
    user = User.objects.get()
    assert not user.has_usable_password()
    assert (user.status, user.name, user.email) == (
        "awaiting_access", "Alice Ærø", "alice@example.org",
    )  # fmt: skip
    assert (user.is_staff, user.is_superuser, user.groups.count()) == (False, False, 0)
    assert Event.objects.filter(name="person.enrolled", user=user).count() == 1
    assert browser.session()["status"] == "awaiting_access"
    assert browser.session()["isLoggedIn"] is True


def test_the_message_is_shown_at_each_login_until_it_is_done(
    newcomer: User, browser: Browser
) -> None:
    for _number in range(3):
        assert MESSAGE in browser.site.get("/").content.decode()
        browser.leave()
        assert browser.sign_in("town")["Location"] == "/"
    people.admit(newcomer)
    assert MESSAGE not in browser.site.get("/").content.decode()
    browser.leave()
    assert browser.sign_in("town")["Location"] == "/account/"


def test_the_message_does_not_give_way_to_another_front_page(
    newcomer: User, browser: Browser, settings: Any
) -> None:
    settings.VESTIBULE_FRONTPAGE_URL = "https://town.example/"
    assert MESSAGE in browser.site.get("/").content.decode()


@pytest.mark.parametrize("path", ["/account/", "/account/sessions", "/account/password", "/admin/"])
def test_pages_lead_whoever_waits_to_the_message(
    newcomer: User, browser: Browser, path: str
) -> None:
    response = browser.site.get(path)
    assert (response.status_code, response["Location"]) == (302, "/")


@pytest.mark.parametrize("path", CLOSED)
def test_json_routes_answer_access_denied_to_whoever_waits(
    newcomer: User, browser: Browser, path: str
) -> None:
    response = browser.site.get(path, headers=SCRIPT)
    assert (response.status_code, response.json()["error"]) == (403, "access_denied")
    assert response["Cache-Control"] == "no-store"


def test_0_departments_lead_to_the_front_page_and_1_to_where_one_wanted_to_go(
    counter: Counter, browser: Browser
) -> None:
    counter(columns={"after_login": "/account/sessions"})
    assert browser.sign_in("town", "/account/sign-ins")["Location"] == "/"
    user = User.objects.get()
    user.groups.add(Group.objects.create(name="Registry"))
    people.admit(user)
    browser.leave()
    assert browser.sign_in("town", "/account/sign-ins")["Location"] == "/account/sign-ins"
    browser.leave()
    assert browser.sign_in("town")["Location"] == "/account/sessions"


def test_whoever_is_let_in_goes_on_in_the_same_session(newcomer: User, browser: Browser) -> None:
    uid, cookie = stored(browser.site).uid, browser.site.cookies["vestibule"].value
    people.admit(newcomer)
    assert browser.site.get("/account/").status_code == 200
    assert browser.session()["status"] == "active"
    assert (stored(browser.site).uid, browser.site.cookies["vestibule"].value) == (uid, cookie)


def test_whoever_waits_can_leave(newcomer: User, browser: Browser, provider: Certified) -> None:
    assert browser.leave()["Location"].startswith(provider.issuer)
    assert sessions() == 0


def test_an_existing_official_makes_no_second_account(
    counter: Counter, browser: Browser, newcomer: User
) -> None:
    Browser(Client()).sign_in("town")
    assert list(User.objects.all()) == [newcomer]
    assert Identity.objects.count() == 1


def test_where_nobody_is_enrolled_an_unknown_official_is_told_whom_to_ask(
    counter: Counter, browser: Browser
) -> None:
    counter(columns={"enroll": False})
    response = browser.sign_in("town")
    assert failure(response).reason == "not-registered"
    assert browser.site.get(response["Location"]).status_code == 403
    assert not User.objects.exists()


@pytest.mark.parametrize("subject", ["a@b", "trailing@", "two@@signs", "no-sign"])
def test_w12_a_subject_is_never_taken_apart_or_used_as_a_username(
    tenant: Any, client: Client, subject: str
) -> None:
    tenant(columns={"require_assignment": True})
    enter(client, "town", subject)
    identity = Identity.objects.get()
    assert identity.subject == subject
    assert identity.user.username.startswith("town-")


def test_w12_an_official_who_is_renamed_stays_the_same_person(
    tenant: Any, peer: Any, client: Client
) -> None:
    tenant()
    enter(client, "town", "subject-1")
    peer.extra = {"name": "Another Name", "preferred_username": "ada", "email": "x@example.org"}
    enter(Client(), "town", "subject-1")
    assert User.objects.get().name == "Another Name"


def test_w12_whoever_takes_over_a_username_takes_over_no_account(
    counter: Counter, client: Client
) -> None:
    taken = User.objects.create_user("alice", "the password of another", name="The local Alice")
    taken.give_local_identity()
    counter()
    Browser(client).sign_in("town")  # preferred_username is alice
    assert User.objects.count() == 2
    assert Identity.objects.get(source__slug="town").user != taken


def test_w14_no_password_opens_the_account_of_an_official(newcomer: User, client: Client) -> None:
    for password in ("", "!", newcomer.password, newcomer.username, newcomer.uid[:8]):
        form = {"username": newcomer.username, "password": password}
        Client().post("/auth/login/local", form)
    assert StoredSession.objects.filter(type="local").count() == 0


def test_w14_a_second_login_throws_nobody_out(newcomer: User, browser: Browser) -> None:
    other = Browser(Client())
    other.sign_in("town")
    assert browser.session()["isLoggedIn"] is True
    assert other.session()["isLoggedIn"] is True
    assert sessions() == 2
