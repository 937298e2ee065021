"""The second step of a sign-in: no password makes a session of who has a second factor."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.core import mail
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.factors import codes, totp
from accounts.models import Event, PendingSignIn, StoredSession, User
from accounts.provider import Visit
from accounts.session import people
from accounts.session.store import SessionStore
from tests.http.conftest import PASSWORD, sign_in
from tests.http.factors.conftest import SECOND, Factor, begun, under, went_in
from tests.http.oidc.conftest import parallel
from tests.http.onward import onward
from tests.peers import fresh

pytestmark = pytest.mark.django_db(transaction=True)
COOKIE = "vestibule-second"


def typed_of(browser: Client) -> Any:
    store = SessionStore(browser.cookies["vestibule"].value)
    return store.typed


def test_a_password_and_a_code_make_a_session_that_says_so(factor: Factor) -> None:
    browser = begun(next_url="/account/sessions")
    assert not StoredSession.objects.exists()
    assert not went_in(browser)
    page = browser.get(SECOND)
    assert page.status_code == 200
    assert 'autocomplete="one-time-code"' in page.content.decode()
    assert 'inputmode="numeric"' in page.content.decode()
    assert page["Cache-Control"] == "no-store"
    done = browser.post(SECOND, {"code": f" {factor.code()[:3]} {factor.code()[3:]} "})
    assert (done.status_code, done["Location"]) == (303, "/account/sessions")
    assert went_in(browser)
    typed = typed_of(browser)
    assert (typed.acr, tuple(typed.amr)) == ("substantial", ("pwd", "otp", "mfa"))
    assert timezone.now().timestamp() - typed.auth_time < 60
    assert not PendingSignIn.objects.exists()
    assert browser.cookies[COOKIE].value == ""
    used = Event.objects.get(name="second.used")
    assert (used.user, used.session_uid) == (factor.user, typed.uid)
    browser.handler.enforce_csrf_checks = True
    (token, *_) = re.findall(r'name="csrfmiddlewaretoken" value="(\w+)"', page.content.decode())
    twice = {"code": "1", "next": "/account/sessions", "csrfmiddlewaretoken": token}
    again = browser.post(SECOND, twice)
    assert (again.status_code, again["Location"]) == (303, "/account/sessions")
    assert browser.post(SECOND, {**twice, "offer": "x"}).status_code == 403


WIDE = str.maketrans({chr(each): chr(each + 0xFEE0) for each in range(0x21, 0x7F)})


@pytest.mark.parametrize("parted", ["{}-{}", "{}\u2013{}", "\u200b{}\u00a0{}\t", "{}.{}"])
def test_a_code_is_read_however_it_was_typed_or_pasted(factor: Factor, parted: str) -> None:
    code = factor.code()
    written = parted.format(code[:3], code[3:])
    done = begun().post(SECOND, {"code": written})
    assert done.status_code == 303, written
    kept = codes.renew(factor.user)
    pasted = kept[0].replace("-", "\u2013").translate(WIDE)
    assert begun().post(SECOND, {"code": pasted}).status_code == 303, pasted


def test_a_code_may_be_typed_in_wide_digits(factor: Factor) -> None:
    assert begun().post(SECOND, {"code": factor.code().translate(WIDE)}).status_code == 303


def test_without_a_factor_and_without_a_duty_the_password_is_enough(person: User) -> None:
    browser = Client()
    assert sign_in(browser)["Location"] == "/account/"
    assert went_in(browser)
    assert not PendingSignIn.objects.exists()


def test_whoever_has_no_factor_and_no_duty_pays_two_small_looks(person: User) -> None:
    sign_in(Client())
    browser = Client()
    with CaptureQueriesContext(connection) as asked:
        sign_in(browser)
    mine = ("totpkey", "factorduty", "pendingsignin", "recoverycode")
    looks = [each["sql"] for each in asked if any(name in each["sql"] for name in mine)]
    assert len(looks) <= 2, looks


def test_a_wrong_code_is_told_with_a_support_code_and_may_be_typed_again(factor: Factor) -> None:
    browser = begun()
    wrong = browser.post(SECOND, {"code": "000000"})
    assert wrong.status_code == 400
    failed = Event.objects.get(name="second.failed")
    assert failed.user == factor.user
    assert failed.support_code in wrong.content.decode()
    assert not went_in(browser)
    assert browser.post(SECOND, {"code": factor.code()}).status_code == 303
    assert went_in(browser)


def test_a_wrong_recovery_code_is_no_matter_of_the_clock(factor: Factor) -> None:
    browser = begun()
    for path, said in ((SECOND, "check the time"), (f"{SECOND}?recovery=1", "with your sheet")):
        wrong = browser.post(path, {"code": "000000"})
        assert wrong.context["problem"]["advice"].count(said) == 1, path


@pytest.mark.parametrize("seconds", [90, -90, 590])
def test_a_code_counts_by_the_databases_clock_where_a_machines_own_is_wrong(
    factor: Factor, seconds: int
) -> None:
    """And once, whichever of the machines is asked."""
    code = factor.code()
    with time_machine.travel(timezone.now() + timedelta(seconds=seconds), tick=True):
        browser = begun()
        assert browser.post(SECOND, {"code": code}).status_code == 303
        assert went_in(browser)
    assert begun().post(SECOND, {"code": code}).status_code == 400


def test_u21_a_code_that_was_used_opens_nothing_more(factor: Factor) -> None:
    code = factor.code()
    assert begun().post(SECOND, {"code": code}).status_code == 303
    second = begun()
    assert second.post(SECOND, {"code": code}).status_code == 400
    assert not went_in(second)


def test_a_recovery_code_counts_once_and_its_person_hears_of_it(factor: Factor) -> None:
    browser = begun()
    page = browser.get(f"{SECOND}?recovery=1").content.decode()
    assert "one-time-code" not in page
    assert (
        browser.post(f"{SECOND}?recovery=1", {"code": factor.codes[0].upper()}).status_code == 303
    )
    assert went_in(browser)
    assert typed_of(browser).acr == "substantial"
    assert codes.left(factor.user) == 9
    used = Event.objects.get(name="recovery.used")
    assert used.detail == "9 left"
    fresh.delivered()
    assert [message.to for message in mail.outbox] == [["alice@example.org"]]
    assert factor.codes[0] not in str(mail.outbox[0].message())
    assert begun().post(SECOND, {"code": factor.codes[0]}).status_code == 400


def test_u23_of_twenty_at_once_with_one_cookie_one_comes_in(factor: Factor) -> None:
    cookie, code = begun().cookies[COOKIE].value, factor.code()

    def answer() -> int:
        own = Client(HTTP_HOST="localhost")
        own.cookies[COOKIE] = cookie
        return own.post(SECOND, {"code": code}).status_code

    parallel(20, answer)
    assert StoredSession.objects.filter(user=factor.user).count() == 1


def test_u21_of_many_browsers_at_once_with_one_code_one_comes_in(factor: Factor) -> None:
    browsers, code = [begun() for _ in range(5)], factor.code()
    waiting = iter(browsers)
    parallel(5, lambda: next(waiting).post(SECOND, {"code": code}))
    assert sum(went_in(each) for each in browsers) == 1


def test_u23_the_state_counts_once_also_after_leaving(factor: Factor) -> None:
    browser = begun()
    kept = browser.cookies[COOKIE].value
    browser.post(SECOND, {"code": factor.code()})
    browser.post("/auth/logout")
    thief = Client(HTTP_HOST="localhost")
    thief.cookies[COOKIE] = kept
    assert thief.get(SECOND)["Location"].startswith("/login")
    assert thief.post(SECOND, {"code": factor.again()})["Location"].startswith("/login")
    assert not went_in(thief)


def test_u23_another_browser_has_no_part_in_it(factor: Factor) -> None:
    begun()
    stranger = Client(HTTP_HOST="localhost")
    assert stranger.get(SECOND)["Location"].startswith("/login")
    row = PendingSignIn.objects.get()
    for guess in (row.digest, row.sealed, "x", ""):
        stranger.cookies[COOKIE] = guess
        assert stranger.post(SECOND, {"code": factor.code()})["Location"].startswith("/login")
    assert not went_in(stranger)


def test_what_is_sealed_for_one_sign_in_fits_no_other(factor: Factor) -> None:
    User.objects.create_user("mallory", PASSWORD).give_local_identity()
    mallory = Factor(User.objects.get(username="mallory"))
    begun()
    hers = begun("mallory")
    alices = PendingSignIn.objects.get(user=factor.user)
    PendingSignIn.objects.filter(user=mallory.user).update(sealed=alices.sealed)
    hers.post(SECOND, {"code": mallory.code()})
    assert not went_in(hers)


@pytest.mark.parametrize(("minutes", "counts"), [(9, True), (11, False)])
def test_it_waits_for_ten_minutes(factor: Factor, minutes: int, counts: bool) -> None:
    browser = begun()
    with time_machine.travel(timezone.now() + timedelta(minutes=minutes)):
        browser.post(SECOND, {"code": factor.code()})
        assert went_in(browser) is counts


@pytest.mark.parametrize("how", ["password", "ended", "disabled", "reset"])
def test_what_ends_sessions_ends_what_waits(factor: Factor, how: str) -> None:
    browser, user = begun(), factor.user
    if how == "password":
        people.change_password(user, "another of the same horses", Visit(), None)
    elif how == "ended":
        people.end_all(user.pk, "for a test")
    elif how == "disabled":
        people.disable(user)
    else:
        User.objects.filter(pk=user.pk).delete()
    browser.post(SECOND, {"code": totp.code_of(factor.secret, totp.step_at(timezone.now()))})
    assert not went_in(browser)


# --- The lock-out ---------------------------------------------------------------------------------


def test_u23_an_address_that_is_corrected_while_a_sign_in_waits_stays_so(
    factor: Factor, person: User
) -> None:
    """Links to a password go there: the former address may be a stranger's."""
    browser = begun()
    person.email, person.email_verified, person.name = "new@example.org", False, "Alice Berg"
    person.save()
    browser.post(SECOND, {"code": factor.code()})
    assert browser.get("/auth/session").json()["user"]["name"] == "Alice Berg"
    person.refresh_from_db()
    assert (person.email, person.email_verified) == ("new@example.org", False)
    assert person.name == "Alice Berg"


def test_u22_wrong_codes_are_limited_and_a_right_password_gives_no_more(factor: Factor) -> None:
    statuses = []
    for _try in range(6):  # each with the right password before it
        statuses.append(begun().post(SECOND, {"code": "000000"}).status_code)
    assert statuses == [400] * 5 + [429]
    locked = begun()
    answer = locked.post(SECOND, {"code": factor.code()})
    assert answer.status_code == 429
    assert int(answer["Retry-After"]) > 0
    assert not went_in(locked)
    assert Event.objects.filter(name="second.failed").count() == 5


def test_a_known_browser_has_ten_guesses_of_codes_whatever_passwords_it_types(
    factor: Factor,
) -> None:
    browser = begun()
    browser.post(SECOND, {"code": factor.code()})
    browser.post("/auth/logout")
    statuses = []
    for _try in range(17):
        form = {"username": "alice", "password": PASSWORD}
        browser.post("/auth/login/local", form)
        statuses.append(browser.post(SECOND, {"code": "000000"}).status_code)
    assert statuses.count(400) <= 15  # ten of its own, and five of the address
    assert statuses[-1] == 429


def test_strangers_without_the_password_lock_nobody_out_of_the_second_step(factor: Factor) -> None:
    for _try in range(8):
        Client(HTTP_HOST="localhost").post(SECOND, {"code": "000000"})
    assert begun().post(SECOND, {"code": factor.code()}).status_code == 303


# --- Duty -----------------------------------------------------------------------------------------

OFFER = re.compile(r'name="offer" value="([^"]+)"')
SECRET = re.compile(r'<code class="secret">([A-Z2-7 ]+)</code>')


def offered(page: Any) -> tuple[str, str]:
    """Return the sealed offer of a page, and the code that its secret shows now."""
    html = page.content.decode()
    secret = SECRET.findall(html)[0].replace(" ", "")
    return OFFER.findall(html)[0], totp.code_of(secret, totp.step_at(timezone.now()))


def test_whoever_must_have_one_sets_it_up_before_there_is_a_session(person: User) -> None:
    under(person)
    browser = begun(next_url="/account/sessions")
    page = browser.get(SECOND)
    assert "<svg" in page.content.decode()
    assert 'name="later"' not in page.content.decode()
    sealed, code = offered(page)
    assert not totp.exists(person)
    for refused in ({"later": "1"}, {"code": code}, {"offer": sealed, "code": "000000"}):
        browser.post(SECOND, refused)
        assert not went_in(browser)
        assert not totp.exists(person)
    browser = begun(next_url="/account/sessions")
    sealed, code = offered(browser.get(SECOND))
    wrong = browser.post(SECOND, {"offer": sealed, "code": "000000"})
    assert wrong.status_code == 400
    assert offered(wrong)[0] == sealed, "another secret than the one in the authenticator"
    done = browser.post(SECOND, {"offer": sealed, "code": code})
    assert (done.status_code, done["Location"]) == (303, "/account/second-factor/codes")
    assert went_in(browser)
    assert typed_of(browser).acr == "substantial"
    assert totp.exists(person)
    shown = browser.get("/account/second-factor/codes")
    assert len(re.findall(r"<li><code>[0-9a-z-]{19}</code>", shown.content.decode())) == 10
    file = browser.get("/account/second-factor/codes?download=1")
    assert len(file.content.decode().split()) == 10
    assert "attachment" in file["Content-Disposition"]
    onward = browser.post("/account/second-factor/codes")
    assert (onward.status_code, onward["Location"]) == (303, "/account/sessions")
    gone = browser.get("/account/second-factor/codes")
    assert gone["Location"] == "/account/second-factor"
    fresh.delivered()
    assert len(mail.outbox) == 1


def test_within_the_days_the_person_is_reminded_and_goes_on(person: User) -> None:
    under(person, days=14)
    browser = begun(next_url="/account/sessions")
    assert 'name="later"' in browser.get(SECOND).content.decode()
    done = browser.post(SECOND, {"later": "1"})
    assert (done.status_code, done["Location"]) == (303, "/account/sessions")
    assert went_in(browser)
    assert typed_of(browser).acr != "substantial"
    again = browser.post("/auth/login/local?again=1", {"username": "alice", "password": PASSWORD})
    assert again["Location"] == "/account/", "a reminder is for who signs in"
    with time_machine.travel(timezone.now() + timedelta(days=14, minutes=1)):
        late = begun()
        late.post(SECOND, {"later": "1"})
        assert not went_in(late)


def test_who_waited_with_the_reminder_is_asked_for_the_factor_that_came_meanwhile(
    person: User,
) -> None:
    under(person, days=14)
    thief = begun()  # who has the password alone
    assert 'name="later"' in thief.get(SECOND).content.decode()
    factor = Factor(person)
    assert 'name="later"' not in thief.get(SECOND).content.decode()
    thief.post(SECOND, {"later": "1"})
    assert not went_in(thief)
    sealed = "x"
    thief.post(SECOND, {"offer": sealed, "code": factor.code(5)})
    assert not went_in(thief)


def test_an_offer_is_its_persons_own_and_lapses(person: User) -> None:
    under(person)
    User.objects.create_user("mallory", PASSWORD).give_local_identity()
    mallory = User.objects.get(username="mallory")
    under(mallory)
    sealed, code = offered(begun("mallory").get(SECOND))
    victim = begun()
    victim.post(SECOND, {"offer": sealed, "code": code})
    assert not totp.exists(person)
    assert not went_in(victim)


# --- Asked again ----------------------------------------------------------------------------------


def test_a_fresh_sign_in_passes_the_second_step_too(factor: Factor) -> None:
    browser = begun()
    browser.post(SECOND, {"code": factor.code()})
    was = typed_of(browser).uid
    with time_machine.travel(timezone.now() + timedelta(minutes=20)):
        asked = onward(browser, browser.post("/account/sign-ins", {"unlink": "1"}))
        assert "again=1" in asked["Location"]
        again = browser.post(asked["Location"], {"username": "alice", "password": PASSWORD})
        assert again["Location"] == SECOND
        assert typed_of(browser).uid == was, "the session stays while the code is awaited"
        still = onward(browser, browser.post("/account/sign-ins", {"unlink": "1"}))
        assert "again=1" in still["Location"]
        done = browser.post(SECOND, {"code": factor.code()})
        assert done["Location"] == "/account/sign-ins"
        assert typed_of(browser).uid != was


def test_somebody_else_who_is_signed_in_is_asked_first(factor: Factor, person: User) -> None:
    User.objects.create_user("bob", PASSWORD).give_local_identity()
    browser = Client(HTTP_HOST="localhost")
    sign_in(browser, "bob")
    form = {"username": "alice", "password": PASSWORD}
    answer = onward(browser, browser.post("/auth/login/local", form))
    assert "switch=1" in answer["Location"]
    assert not PendingSignIn.objects.exists()


def test_what_is_over_is_swept(factor: Factor) -> None:
    from accounts.factors import pending

    begun()
    assert pending.clear_expired() == 0
    with time_machine.travel(timezone.now() + timedelta(minutes=11)):
        assert pending.clear_expired() == 1
