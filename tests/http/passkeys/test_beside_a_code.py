"""A passkey and an authenticator beside each other: a password alone adds neither to the other,
and neither deletes the account nor makes an app password.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.factors import duty, keeping, totp
from accounts.models import Passkey, Source, TotpKey, User
from portal.gateway.held import AppPassword
from tests.http.conftest import PASSWORD, sign_in
from tests.http.onward import onward
from tests.http.passkeys.authenticator import Authenticator
from tests.http.passkeys.steps import PAGE, add, new, send_new, use
from tests.peers import fresh

pytestmark = pytest.mark.django_db(transaction=True)
Tenant = Callable[..., Source]
SECOND, CODE = "/login/second", "/account/second-factor"


def by_password() -> Client:
    browser = Client(HTTP_HOST="localhost")
    sign_in(browser)
    return browser


@pytest.fixture
def own(person: User) -> Authenticator:
    """Alice's authenticator with a passkey."""
    made: Authenticator = add(by_password())
    return made


def offer(user: User) -> dict[str, str]:
    made = keeping.offer(user)
    code = totp.code_of(made.secret, totp.step_at(timezone.now()))
    return {"act": "take", "offer": made.sealed, "code": code}


def test_u20_who_must_have_a_second_factor_uses_the_passkey(
    person: User, own: Authenticator
) -> None:
    duty.set_for({"user": person}, 0)
    browser = by_password()
    page = browser.get(SECOND).content.decode()
    assert "Use your passkey" in page
    assert 'name="offer"' not in page
    browser.post(SECOND, offer(person))
    assert not browser.get("/auth/session").json()["isLoggedIn"]
    assert not TotpKey.objects.exists()
    assert use(browser, own)["Location"] == "/account/"
    assert browser.get("/auth/session").json()["isLoggedIn"]


def test_u20_beside_a_passkey_a_password_alone_sets_up_no_authenticator(
    person: User, own: Authenticator
) -> None:
    browser = by_password()
    assert browser.get("/auth/session").json()["isLoggedIn"], "nothing more is asked"
    answer = onward(browser, browser.post(CODE, offer(person)))
    assert "again=1" in answer["Location"]
    again = browser.post(
        answer["Location"],
        {"username": "alice", "password": PASSWORD, "strength": "substantial"},
    )
    assert again["Location"] == SECOND
    assert not TotpKey.objects.exists()
    assert use(browser, own, CODE)["Location"] == CODE
    assert browser.post(CODE, offer(person))["Location"] == f"{CODE}/codes"
    assert TotpKey.objects.count() == 1


def test_u20_beside_an_authenticator_a_password_alone_adds_and_removes_no_passkey(
    person: User, own: Authenticator
) -> None:
    browser = by_password()
    options, challenge = new(browser)
    totp.add(person, totp.new_secret(), 0)
    answer = onward(browser, send_new(browser, Authenticator().make(options), challenge))
    assert "again=1" in answer["Location"]
    gone = onward(browser, browser.post(PAGE, {"remove": str(Passkey.objects.get().pk)}))
    assert "again=1" in gone["Location"]
    assert Passkey.objects.count() == 1


def test_u20_beside_a_passkey_a_password_alone_adds_and_removes_no_other(
    person: User, own: Authenticator
) -> None:
    browser = by_password()
    options, challenge = new(browser)
    answer = onward(browser, send_new(browser, Authenticator().make(options), challenge))
    assert "strength=substantial" in answer["Location"]
    gone = onward(browser, browser.post(PAGE, {"remove": str(Passkey.objects.get().pk)}))
    assert "strength=substantial" in gone["Location"]
    typed = {"username": "alice", "password": PASSWORD, "strength": "substantial"}
    assert browser.post("/auth/login/local", typed)["Location"] == SECOND
    assert use(browser, own, PAGE)["Location"] == PAGE
    add(browser)
    assert Passkey.objects.count() == 2


def test_u20_beside_a_passkey_a_password_alone_links_no_other_way_in(
    person: User, own: Authenticator, tenant: Tenant
) -> None:
    tenant()
    browser = by_password()
    answer = onward(browser, browser.post("/account/sign-ins", {"link": "town"}))
    assert "strength=substantial" in answer["Location"]
    use(browser, own, "/account/sign-ins")
    away = onward(browser, browser.post("/account/sign-ins", {"link": "town"}))
    assert "state=" in away["Location"]


def test_a_passkey_that_is_suspended_is_no_second_factor(person: User, own: Authenticator) -> None:
    duty.set_for({"user": person}, 0)
    Passkey.objects.update(suspended_at=timezone.now())
    browser = by_password()
    assert b'name="offer"' in browser.get(SECOND).content


def test_u20_beside_a_passkey_a_password_alone_deletes_no_account(
    person: User, own: Authenticator
) -> None:
    Source.objects.filter(slug="local").update(allow_erasure=True)
    fresh.sources()
    browser = by_password()
    erase = "/account/data/delete"
    assert "strength=substantial" in browser.get(erase)["Location"]
    assert "strength=substantial" in onward(browser, browser.post(erase))["Location"]
    assert User.objects.filter(pk=person.pk).exists()
    assert use(browser, own, erase)["Location"] == erase
    browser.post(erase)
    assert not User.objects.filter(pk=person.pk).exists()


def test_u20_beside_a_passkey_a_password_alone_makes_no_app_password(
    person: User, own: Authenticator, settings: Any
) -> None:
    settings.VESTIBULE_APP_PASSWORDS = True
    browser = by_password()
    path, form = "/account/app-passwords", {"name": "Calendar", "days": "90", "place": ""}
    assert not browser.get(path).context["may_create"]
    assert "strength=substantial" in onward(browser, browser.post(path, form))["Location"]
    assert not AppPassword.objects.exists()
    use(browser, own, path)
    assert browser.get(path).context["may_create"]
    assert browser.post(path, form)["Location"] == path
    assert AppPassword.objects.count() == 1
