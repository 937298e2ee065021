"""Who is told by mail of what happens to the ways into their account, and who is not."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from accounts.models import Event, OutboxItem, User
from accounts.telling import tell
from providers.local import told
from tests.http.conftest import sign_in
from tests.http.factors.conftest import Factor
from tests.http.factors.test_account_page import PAGE, with_code
from tests.http.passkeys.steps import add
from tests.peers import fresh

pytestmark = pytest.mark.django_db(transaction=True)


def unverified(person: User) -> None:
    User.objects.filter(pk=person.pk).update(email="stranger@example.org", email_verified=False)


def test_an_address_that_nobody_verified_hears_nothing(person: User, mailoutbox: Any) -> None:
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


def test_an_address_that_is_none_of_theirs_any_more_hears_nothing(
    person: User, mailoutbox: Any
) -> None:
    message = {"uid": person.uid, "told": "second.added", "language": "en"}
    told.deliver(message)
    unverified(person)
    told.deliver(message)
    tell("second.added", User.objects.get(), None)
    fresh.delivered()
    assert [each.to for each in mailoutbox] == [["alice@example.org"]]
