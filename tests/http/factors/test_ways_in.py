"""No way in that begins with a password leads round the second step (U20); the terminal's does."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client
from django.utils import timezone

from accounts.factors import totp
from accounts.models import Event, Identity, Passkey, Source, StoredSession, User
from accounts.source import catalogue
from tests.http.conftest import PASSWORD, enter
from tests.http.factors.conftest import SECOND, Factor, begun, group_under, under, went_in
from tests.http.factors.test_second_step import offered
from tests.http.passwords import NEW, choose, link_in, opened
from tests.peers import fresh
from tests.peers.slapd import Directory, slapd

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.wire]


def ask(browser: Client, **body: str) -> Any:
    form = {"username": "alice", "password": PASSWORD, **body}
    return browser.post("/session/login", form, content_type="application/json")


# --- Without a browser ----------------------------------------------------------------------------


def test_a_token_pair_takes_the_code_as_well(factor: Factor) -> None:
    api = Client()
    refused = ask(api)
    assert refused.status_code == 401
    assert refused.json()["error"] == "insufficient_user_authentication"
    assert "otp" in refused.json()["error_description"]
    assert not StoredSession.objects.exists()
    wrong = ask(api, otp="000000")
    assert (wrong.status_code, wrong.json()["error"]) == (401, "invalid_grant")
    issued = ask(api, otp=factor.code())
    assert issued.status_code == 200
    assert "access_token" in issued.json()
    assert ask(api, otp=factor.code()).status_code == 401, "the code was used"
    assert ask(api, otp=factor.codes[0]).status_code == 200
    reasons = list(Event.objects.filter(name="login.failed").values_list("reason", flat=True))
    assert set(reasons) == {"second-factor"}


def test_it_stands_beside_http_basic_too(factor: Factor) -> None:
    said = base64.b64encode(f"alice:{PASSWORD}".encode()).decode()
    body = {"otp": factor.code()}
    answer = Client().post(
        "/session/login",
        body,
        content_type="application/json",
        headers={"Authorization": f"Basic {said}"},
    )
    assert answer.status_code == 200


def test_a_wrong_password_says_nothing_of_a_second_factor(factor: Factor) -> None:
    for name in ("alice", "nobody"):
        answer = ask(Client(), username=name, password="wrong", otp=factor.code())
        assert (answer.status_code, answer.json()["error"]) == (401, "invalid_grant")
        assert answer.json()["error_description"] == "The username or the password is wrong."
    assert totp.use(factor.user, factor.code(), timezone.now()), "a wrong password spent the code"


def test_guesses_of_codes_without_a_browser_are_limited(factor: Factor) -> None:
    statuses = [ask(Client(), otp="000000").status_code for _try in range(6)]
    assert statuses == [401] * 5 + [429]


def test_whoever_must_set_one_up_is_told_to_use_a_browser(person: User) -> None:
    under(person)
    answer = ask(Client(), otp="123456")
    assert answer.json()["error"] == "insufficient_user_authentication"
    assert "browser" in answer.json()["error_description"]
    under(person, days=7)
    assert ask(Client()).status_code == 200


# --- Links ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("first", [True, False])
def test_a_link_to_a_password_signs_nobody_in(factor: Factor, mailoutbox: Any, first: bool) -> None:
    """The first link of an invitation, and the one of who forgot."""
    recovering = catalogue.recovering()
    assert recovering
    recovering.send_link(factor.user.uid, first=first)
    fresh.delivered()
    browser = Client()
    place = opened(browser, link_in(mailoutbox[-1]))
    assert choose(browser, place).status_code == 303
    assert not went_in(browser)
    form = {"username": "alice", "password": NEW}
    assert browser.post("/auth/login/local", form)["Location"] == SECOND
    assert not went_in(browser)
    assert totp.exists(factor.user), "a new password leaves the factor"


def test_the_terminals_link_asks_for_no_code(factor: Factor, capsys: Any) -> None:
    """docs/operations.md 4: whoever has the terminal has the database."""
    User.objects.filter(pk=factor.user.pk).update(is_staff=True, is_superuser=True)
    call_command("letmein", "alice")
    path = capsys.readouterr().out.strip().removeprefix("http://localhost:8000")
    browser = Client()
    browser.get(path)
    assert b'name="lost"' in browser.get("/login/letmein/enter").content
    assert browser.post("/login/letmein/enter", {"lost": "1"}).status_code == 303
    assert went_in(browser)
    assert not totp.exists(factor.user)
    assert Event.objects.get(name="second.removed").detail == "by a link from the terminal"


def test_the_terminals_link_leaves_a_factor_that_is_not_lost(factor: Factor, capsys: Any) -> None:
    User.objects.filter(pk=factor.user.pk).update(is_staff=True, is_superuser=True)
    call_command("letmein", "alice")
    path = capsys.readouterr().out.strip().removeprefix("http://localhost:8000")
    browser = Client()
    browser.get(path)
    browser.post("/login/letmein/enter")
    assert went_in(browser)
    assert totp.exists(factor.user)


# --- Linking, and sources that redirect -----------------------------------------------------------


def test_a_source_that_redirects_asks_its_own_questions(factor: Factor, tenant: Any) -> None:
    town = tenant()
    found = catalogue.find("town")
    assert found
    known = {"source": town, "subject": "bob", "issuer": found.description.issuer}
    Identity.objects.create(user=factor.user, **known)
    browser = Client()
    assert enter(browser, "town")["Location"] == "/account/"
    assert went_in(browser)
    assert browser.post("/account/second-factor", {"act": "remove"}).status_code == 303
    assert totp.exists(factor.user), "a sign-in elsewhere takes the factor away"


# --- A directory ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def directory() -> Any:
    with slapd() as running:
        yield running


@pytest.fixture
def work(house: None, directory: Directory) -> Source:
    row = Source(slug="work", provider="ldap", label="Work")
    row.settings = directory.settings()
    catalogue.save(row)
    return row


def by_directory(browser: Client) -> Any:
    return browser.post("/auth/login/work", {"username": "alice", "password": "ldap-alice"})


def test_a_directorys_people_pass_it_as_well(work: Source) -> None:
    first = Client()
    assert by_directory(first)["Location"] == "/account/"
    alice = User.objects.get(identities__source=work)
    factor = Factor(alice)
    browser = Client()
    assert by_directory(browser)["Location"] == SECOND
    assert browser.post(SECOND, {"code": factor.code()})["Location"] == "/account/"
    assert browser.get("/auth/session").json()["source"] == "work"


def test_a_group_that_the_directory_gives_brings_its_duty_at_the_first_sign_in(
    work: Source, directory: Directory
) -> None:
    keeper = User.objects.create_user("keeper")
    group_under(keeper, "Archive")
    work.settings, work.groups = (
        directory.settings(group_attribute="memberOf"),
        {"staff": "Archive"},
    )
    catalogue.save(work)
    browser = Client()
    assert by_directory(browser)["Location"] == SECOND
    assert User.objects.get(identities__source=work).groups.get().name == "Archive"
    assert not went_in(browser)
    assert b'name="offer"' in browser.get(SECOND).content


def test_a_passkey_counts_no_more_where_the_site_itself_signs_nobody_in(work: Source) -> None:
    """Else a directory's people under a duty would be led to a page that takes none."""
    by_directory(Client())
    alice = User.objects.get(identities__source=work)
    alice.give_local_identity()
    Passkey.objects.create(user=alice, credential_id="x", public_key=b"x", user_handle="x")
    under(alice)
    browser = Client()
    assert by_directory(browser)["Location"] == SECOND
    assert b"Use your passkey" in browser.get(SECOND).content
    Source.objects.filter(slug="local").update(enabled=False)
    fresh.sources()
    by_directory(browser)
    sealed, code = offered(browser.get(SECOND))
    assert browser.post(SECOND, {"offer": sealed, "code": code}).status_code == 303
    assert went_in(browser)
    assert not browser.get("/account/passkeys").context["may_have"]


def test_u36_a_directory_that_signs_in_no_administrators_sets_up_no_factor_of_one(
    work: Source,
) -> None:
    by_directory(Client())
    alice = User.objects.get(identities__source=work)
    under(alice)
    waiting = Client()
    assert by_directory(waiting)["Location"] == SECOND
    sealed, code = offered(waiting.get(SECOND))
    User.objects.filter(pk=alice.pk).update(is_staff=True)
    refused = waiting.post(SECOND, {"offer": sealed, "code": code})
    page = waiting.get(refused["Location"]).content.decode()
    assert "Sign in as an administrator first" in page
    browser = Client()
    answer = by_directory(browser)
    assert answer.status_code == 403
    assert "while you are signed in as an administrator" in answer.content.decode()
    assert not went_in(waiting)
    assert not went_in(browser)
    assert not totp.exists(alice)
    under(alice, days=7)
    assert by_directory(browser)["Location"] == "/account/", "a reminder leads nowhere"


def test_u36_a_directory_that_signs_them_in_does(work: Source) -> None:
    by_directory(Client())
    alice = User.objects.get(identities__source=work)
    under(alice)
    User.objects.filter(pk=alice.pk).update(is_staff=True)
    work.staff = True
    catalogue.save(work)
    fresh.sources()
    browser = Client()
    assert by_directory(browser)["Location"] == SECOND
    sealed, code = offered(browser.get(SECOND))
    browser.post(SECOND, {"offer": sealed, "code": code})
    assert totp.exists(alice)


@pytest.mark.parametrize("has_one", [True, False])
@pytest.mark.parametrize("moved", [True, False])
def test_unlinked_meanwhile(work: Source, moved: bool, has_one: bool) -> None:
    """Nothing is spent, set up or begun by a way in that is gone, or somebody else's by now."""
    by_directory(Client())
    alice = User.objects.get(identities__source=work)
    under(alice)
    factor = Factor(alice) if has_one else None
    waiting = Client()
    assert by_directory(waiting)["Location"] == SECOND
    offer, code = ("", factor.code()) if factor else offered(waiting.get(SECOND))
    if moved:
        alice.identities.update(user=User.objects.create_user("bob", PASSWORD))
    else:
        alice.identities.all().delete()
    assert waiting.post(SECOND, {"offer": offer, "code": code})["Location"].startswith("/login")
    assert not went_in(waiting)
    assert User.objects.count() == 1 + moved, "they come in as somebody new"
    assert totp.exists(alice) is has_one
    assert not factor or totp.use(alice, factor.code(), timezone.now()), "the code was spent"


def test_begun_helps_nobody(factor: Factor) -> None:
    """A browser that waits is a stranger everywhere else."""
    browser = begun()
    for path in ("/account/", "/account/second-factor", "/account/second-factor/codes", "/admin/"):
        assert browser.get(path).status_code in {302, 303}
    refused = browser.get("/users/user/details", headers={"Accept": "application/json"})
    assert refused.status_code == 401
