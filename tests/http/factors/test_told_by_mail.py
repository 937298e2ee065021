"""Who is told by mail of what happens to the ways into their account, and who is not."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.mail import EmailMessage
from django.test import Client

from accounts.models import Event, OutboxItem, User
from accounts.telling import tell
from providers.local import told
from tests.http.conftest import PASSWORD, sign_in
from tests.http.factors.conftest import Factor
from tests.http.factors.test_account_page import PAGE, with_code
from tests.http.onward import onward
from tests.http.passkeys.steps import add
from tests.http.passwords import NEW, ask, change, choose, link_in, opened, signed_in
from tests.peers import fresh

pytestmark = pytest.mark.django_db(transaction=True)


def unverified(person: User) -> None:
    User.objects.filter(pk=person.pk).update(email="stranger@example.org", email_verified=False)


def test_u40_an_address_that_nobody_verified_hears_nothing(person: User, mailoutbox: Any) -> None:
    """A source may have named it: it says a username, and what happens to the account."""
    unverified(person)
    browser = Client(HTTP_HOST="localhost")
    sign_in(browser)
    add(browser)
    factor = Factor(person)
    with_code(factor).post(PAGE, {"act": "codes"})
    fresh.delivered()
    assert set(Event.objects.values_list("name", flat=True)) >= {"passkey.added", "recovery.made"}
    assert not OutboxItem.objects.exists()
    assert not mailoutbox


def test_u40_an_address_that_is_none_of_theirs_any_more_hears_nothing(
    person: User, mailoutbox: Any
) -> None:
    message = {"uid": person.uid, "told": "second.added", "language": "en"}
    told.deliver(message)
    unverified(person)
    told.deliver(message)
    tell("second.added", User.objects.get(), None)
    fresh.delivered()
    assert [each.to for each in mailoutbox] == [["alice@example.org"]]


def subjects(mailoutbox: list[EmailMessage]) -> list[str]:
    fresh.delivered()
    return [each.subject for each in mailoutbox if each.to == ["alice@example.org"]]


def link(browser: Client, subject: str) -> Any:
    """Add a way in at the source of the town. Returns the callback's response."""
    asked = onward(browser, browser.post("/account/sign-ins", {"link": "town"}))
    state = asked["Location"].split("state=")[1].split("&")[0]
    return browser.get("/auth/callback/town", {"code": subject, "state": state})


def test_u40_a_new_password_is_told(person: User, mailoutbox: Any) -> None:
    """Whoever changed it may not be its owner, who cannot sign in any more."""
    assert change(signed_in(person)).status_code == 303
    assert subjects(mailoutbox) == ["A new password was set for your account"]
    assert "link to a new one" in mailoutbox[0].body
    assert NEW not in str(mailoutbox[0].message())


def test_u40_a_password_by_a_mailed_link_is_told(person: User, mailoutbox: Any) -> None:
    browser = Client(HTTP_HOST="localhost")
    ask(browser, "alice")
    choose(browser, opened(browser, link_in(mailoutbox[0])))
    assert subjects(mailoutbox)[1:] == ["A new password was set for your account"]


def test_u40_a_way_in_that_is_added_or_removed_is_told_once(
    person: User, tenant: Any, mailoutbox: Any
) -> None:
    tenant()
    browser = signed_in(person)
    for _time in range(2):
        assert link(browser, "bob")["Location"] == "/account/sign-ins"
    assert subjects(mailoutbox) == ["A way to sign in was added to your account"]
    assert "alice" in mailoutbox[0].body
    assert Event.objects.filter(name="identity.linked").count() == 1
    way = person.identities.get(source__slug="town")
    browser.post("/account/sign-ins", {"unlink": str(way.pk)})
    assert subjects(mailoutbox)[1:] == ["A way to sign in was removed from your account"]


def test_u40_a_way_in_that_staff_take_away_is_told(
    person: User, tenant: Any, mailoutbox: Any
) -> None:
    way = person.identities.create(source=tenant(), subject="bob")
    ada = User.objects.create_superuser("ada", PASSWORD, email="ada@example.org")
    gone = signed_in(ada).post(
        f"/admin/accounts/identity/{way.pk}/delete/", {"post": "yes", "reason": "x"}
    )
    assert gone.status_code == 302
    assert subjects(mailoutbox) == ["A way to sign in was removed from your account"]


@pytest.mark.parametrize(
    ("stays", "goes", "hear"),
    [
        (("alice@example.org", True), ("mia@example.org", True), {"alice", "mia"}),
        (("alice@example.org", True), ("alice@example.org", True), {"alice"}),
        (("stranger@example.org", False), ("mia@example.org", True), {"mia"}),
    ],
)
def test_u40_a_merge_is_told_to_both(
    person: User, mailoutbox: Any, stays: Any, goes: Any, hear: set[str]
) -> None:
    """The ways in of the one open the account of the other from now on."""
    ada = User.objects.create_superuser("ada", PASSWORD, email="ada@example.org")
    other = User.objects.create_user("mia")
    for user, (email, verified) in ((person, stays), (other, goes)):
        User.objects.filter(pk=user.pk).update(email=email, email_verified=verified)
    page = f"/admin/accounts/user/{person.pk}/merge/"
    assert signed_in(ada).post(page, {"other": "mia"}).status_code == 303
    fresh.delivered()
    assert sorted(each.to[0].partition("@")[0] for each in mailoutbox) == sorted(hear)
    assert all(each.subject == "Two accounts of yours are one now" for each in mailoutbox)
    assert all("the account alice at:" in each.body for each in mailoutbox)
    assert Event.objects.get(name="person.merged").detail == f"with {other.uid}"


def test_each_is_said_in_the_language_of_the_page(person: User, mailoutbox: Any) -> None:
    for name in ("password.changed", "identity.linked", "identity.unlinked", "person.merged"):
        mailoutbox.clear()
        for language in ("en", "da", "de"):
            told.deliver({"uid": person.uid, "told": name, "language": language})
        lines = [{each.subject, *str(each.body).splitlines()} for each in mailoutbox]
        assert set.intersection(*lines) == {"", "http://localhost:8000"}
        assert all(len(each) == 5 for each in lines)
