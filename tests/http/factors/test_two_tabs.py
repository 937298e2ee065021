"""A second step that is answered after somebody else has signed in in another tab: it spends
nothing, and nobody is swapped silently (X03 and U23 of docs/threats.md).
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client
from django.utils import timezone

from accounts.factors import codes, totp
from accounts.models import Event, PendingSignIn, TotpKey, User
from tests.http.conftest import PASSWORD, sign_in, stored
from tests.http.factors.conftest import SECOND, Factor, begun, under, went_in
from tests.http.onward import onward

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def bob(house: None) -> User:
    made: User = User.objects.create_user("bob", PASSWORD)
    made.give_local_identity()
    return made


def asked_to_switch(browser: Client, bob: User, form: dict[str, str]) -> None:
    """Answer the step in a browser in which Bob is signed in: he is asked first, and stays."""
    for answer in (browser.get(SECOND), onward(browser, browser.post(SECOND, form))):
        assert answer.status_code == 303
        assert answer["Location"].startswith("/auth/login/local?")
        assert "switch=1" in answer["Location"]
        assert "next=%2Faccount%2Fsessions" in answer["Location"]
    assert stored(browser).user == bob
    assert PendingSignIn.objects.count() == 1


@pytest.mark.parametrize("which", [Factor.code, lambda factor: factor.codes[0]])
def test_x03_no_code_is_spent(factor: Factor, bob: User, which: Callable[[Factor], str]) -> None:
    browser = begun(next_url="/account/sessions")
    sign_in(browser, "bob")
    asked_to_switch(browser, bob, {"code": which(factor)})
    assert not Event.objects.filter(name__in=["second.used", "recovery.used"]).exists()
    assert codes.left(factor.user) == 10
    browser.post("/auth/logout")
    browser.post(SECOND, {"code": which(factor)})
    assert stored(browser).user == factor.user, "the code counts still, and so does the step"


def test_x03_no_authenticator_is_added(person: User, bob: User) -> None:
    under(person)
    browser = begun(next_url="/account/sessions")
    offer = browser.get(SECOND).context["offer"]
    sign_in(browser, "bob")
    code = totp.code_of("".join(offer["groups"]), totp.step_at(timezone.now()))
    asked_to_switch(browser, bob, {"code": code, "offer": offer["sealed"]})
    assert not TotpKey.objects.exists()
    assert not Event.objects.filter(name="second.added").exists()


def test_x03_no_reminder_is_put_off(person: User, bob: User) -> None:
    under(person, days=5)
    browser = begun(next_url="/account/sessions")
    sign_in(browser, "bob")
    asked_to_switch(browser, bob, {"later": "1"})


def test_who_is_signed_in_already_and_is_asked_again_goes_on(factor: Factor) -> None:
    browser = begun()
    browser.post(SECOND, {"code": factor.code()})
    assert sign_in(browser)["Location"] == SECOND
    browser.post(SECOND, {"code": factor.again()})
    assert went_in(browser)
