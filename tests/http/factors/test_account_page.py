"""The account page of the second factor: who may change what is there, and what is said of it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.apps import apps
from django.test import Client
from django.utils import timezone

from accounts import offers
from accounts.factors import codes, keeping, totp
from accounts.models import Event, TotpKey, User
from tests.http.conftest import PASSWORD, enter, sign_in
from tests.http.factors.conftest import SECOND, Factor, begun, under
from tests.http.factors.test_second_step import offered
from tests.http.onward import onward
from tests.peers import fresh

pytestmark = pytest.mark.django_db(transaction=True)
PAGE = "/account/second-factor"


def with_code(factor: Factor) -> Client:
    browser = begun()
    assert browser.post(SECOND, {"code": factor.again()}).status_code == 303
    return browser


def act(browser: Client, what: str, **more: str) -> Any:
    return browser.post(PAGE, {"act": what, **more})


def test_a_person_sets_one_up_and_is_asked_for_it_from_then_on(
    person: User, mailoutbox: Any
) -> None:
    browser = Client(HTTP_HOST="localhost")
    sign_in(browser)
    page = browser.get(PAGE)
    sealed, code = offered(page)
    assert not TotpKey.objects.exists(), "nothing is stored before a code"
    secret = re.findall(r'class="secret">([A-Z2-7 ]+)<', page.content.decode())[0].replace(" ", "")
    assert secret not in sealed
    wrong = act(browser, "take", offer=sealed, code="000000")
    assert (wrong.status_code, offered(wrong)[0]) == (400, sealed)
    done = act(browser, "take", offer=sealed, code=code)
    assert done["Location"] == f"{PAGE}/codes"
    assert codes.left(person) == 10
    fresh.delivered()
    assert [each.to for each in mailoutbox] == [[person.email]]
    assert secret not in str(mailoutbox[0].message())
    assert Event.objects.get(name="second.added").user == person
    other = Client(HTTP_HOST="localhost")
    assert sign_in(other)["Location"] == SECOND
    assert other.post(SECOND, {"code": code}).status_code == 400, "the first code counts twice"


def test_one_is_set_up_where_a_machines_clock_is_wrong(person: User) -> None:
    """The database's counts as well."""
    browser = Client(HTTP_HOST="localhost")
    wrong = timedelta(seconds=90)
    with time_machine.travel(timezone.now() + wrong, tick=True):
        sign_in(browser)
        page = browser.get(PAGE)
    sealed, code = offered(page)
    with time_machine.travel(timezone.now() + wrong, tick=True):
        done = act(browser, "take", offer=sealed, code=code)
    assert done["Location"] == f"{PAGE}/codes"


def test_only_soon_after_a_sign_in(person: User) -> None:
    browser = Client(HTTP_HOST="localhost")
    sign_in(browser)
    sealed, _code = offered(browser.get(PAGE))
    with time_machine.travel(timezone.now() + timedelta(minutes=16)):
        assert b'name="offer"' not in browser.get(PAGE).content
        answer = onward(browser, act(browser, "take", offer=sealed, code="000000"))
        assert "again=1" in answer["Location"]
        assert not TotpKey.objects.exists()


@pytest.mark.parametrize("what", ["codes", "another", "remove", "take"])
def test_what_is_there_is_changed_only_by_who_has_used_it(person: User, what: str) -> None:
    browser = Client(HTTP_HOST="localhost")
    sign_in(browser)
    sealed, code = offered(browser.get(PAGE))  # while there was none
    factor = Factor(person)
    was = TotpKey.objects.get().sealed
    answer = onward(browser, act(browser, what, offer=sealed, code=code))
    assert "again=1" in answer["Location"]
    assert TotpKey.objects.get().sealed == was
    assert codes.use(person, factor.codes[0])
    assert b'name="offer"' not in browser.get(f"{PAGE}?another=1").content


def test_another_authenticator_takes_the_place_of_the_first(factor: Factor) -> None:
    browser = with_code(factor)
    assert act(browser, "another")["Location"] == f"{PAGE}?another=1"
    sealed, code = offered(browser.get(f"{PAGE}?another=1"))
    act(browser, "take", offer=sealed, code=code)
    assert not totp.use(factor.user, factor.code(1), timezone.now())
    assert not codes.use(factor.user, factor.codes[0])
    assert codes.left(factor.user) == 10


def test_new_recovery_codes_are_shown_to_their_session_alone(factor: Factor) -> None:
    browser, other = with_code(factor), with_code(factor)
    assert act(browser, "codes")["Location"] == f"{PAGE}/codes"
    assert browser.get(f"{PAGE}/codes").status_code == 200
    other.cookies["vestibule-codes"] = browser.cookies["vestibule-codes"].value
    assert other.get(f"{PAGE}/codes")["Location"] == PAGE
    assert not codes.use(factor.user, factor.codes[0])
    assert Event.objects.filter(name="recovery.made").count() == 1


def test_it_can_be_removed_unless_it_must_be_there(factor: Factor, mailoutbox: Any) -> None:
    browser = with_code(factor)
    under(factor.user)
    assert b'value="remove"' not in browser.get(PAGE).content
    act(browser, "remove")
    assert totp.exists(factor.user)
    under(factor.user, days=30)
    act(browser, "remove")
    assert not totp.exists(factor.user)
    assert codes.left(factor.user) == 0
    fresh.delivered()
    assert len(mailoutbox) == 1
    assert Event.objects.get(name="second.removed").user == factor.user


def test_an_unknown_act_is_404_and_who_signs_in_elsewhere_reads_so(
    person: User, tenant: Any
) -> None:
    browser = Client(HTTP_HOST="localhost")
    sign_in(browser)
    assert act(browser, "dance").status_code == 404
    assert act(browser, "codes").status_code == 404
    tenant()
    elsewhere = Client(HTTP_HOST="localhost")
    enter(elsewhere, "town")
    assert "decided there" in elsewhere.get(PAGE).content.decode()


def test_own_data_names_it_and_gives_no_secret_away(factor: Factor) -> None:
    under(factor.user, days=3)
    browser = with_code(factor)
    export = browser.get("/account/data/export").json()["data"]
    told = {each["name"]: each["value"] for each in export}
    assert told["authenticator"] == "sealed"
    assert told["recovery_codes"] == 10
    assert "second_factor_due" in told
    text = browser.get("/account/data/export").content.decode()
    assert factor.secret not in text
    assert TotpKey.objects.get().sealed not in text
    page = browser.get("/account/data").content.decode()
    for said in ("Authenticator", "Recovery codes left", "Second step needed from"):
        assert said in page
    assert "<summary>Authenticator " in page
    titles = re.findall("<h2.*?>(.*?)</h2>", page)
    assert len(titles) == len({*titles}), "each topic stands once"


def test_x12_no_inline_code_and_no_secret_in_an_address(person: User) -> None:
    under(person)
    page = begun().get(SECOND)
    html = page.content.decode()
    assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=", html)
    assert "otpauth:" not in html
    assert PASSWORD not in html


# --- Beside another factor ------------------------------------------------------------------------


def a_key(user: User) -> list[dict[str, str]]:
    """Stand in for a room whose people have factors of another kind."""
    return [{"label": "Turn your key", "url": ""}] if user.username == "alice" else []


@pytest.fixture
def key(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    config = apps.get_app_config("pages")
    monkeypatch.setattr(config, "second_ways", f"{__name__}.a_key", raising=False)
    offers.offered.cache_clear()
    yield
    monkeypatch.undo()
    offers.offered.cache_clear()


@pytest.mark.usefixtures("key")
def test_a_password_alone_adds_no_authenticator_beside_another_factor(person: User) -> None:
    browser = Client(HTTP_HOST="localhost")
    assert sign_in(browser)["Location"] == "/account/", "nobody asks for more"
    assert b'name="offer"' not in browser.get(PAGE).content
    made = keeping.offer(person)
    code = totp.code_of(made.secret, totp.step_at(timezone.now()))
    answer = onward(browser, act(browser, "take", offer=made.sealed, code=code))
    assert "again=1" in answer["Location"]
    under(person)
    waiting = begun()
    page = waiting.get(SECOND).content.decode()
    assert "Turn your key" in page
    assert 'name="offer"' not in page
    waiting.post(SECOND, {"offer": made.sealed, "code": code})
    waiting.post(SECOND, {"later": "1"})
    assert not waiting.get("/auth/session").json()["isLoggedIn"]
    assert not TotpKey.objects.exists()
