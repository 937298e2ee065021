"""A passkey makes a browser known as its own person's, whatever name its form brings (U01 and U22
of docs/threats.md).
"""

from __future__ import annotations

import pytest
from django.test import Client

from accounts.keyring import seal
from accounts.login import lockout
from accounts.models import KnownDevice, User
from accounts.session import devices as known
from portal.door.devices import COOKIE, _key
from tests.http.conftest import PASSWORD, sign_in
from tests.http.factors.conftest import SECOND, Factor, begun
from tests.http.passkeys.authenticator import Authenticator
from tests.http.passkeys.steps import add, asked, send, use

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def mallorys(person: User) -> Authenticator:
    """Mallory's own passkey, beside Alice's account."""
    mallory = User.objects.create_user("mallory", PASSWORD)
    mallory.give_local_identity()
    browser = Client()
    sign_in(browser, "mallory")
    own: Authenticator = add(browser)
    return own


def planted(own: Authenticator) -> str:
    """Return the device cookie of who signs in by a passkey in a form that names Alice."""
    browser = Client()
    answer = send(browser, own.use(asked(browser)), username="alice")
    assert answer["Location"] == "/account/"
    return browser.cookies[COOKIE].value


def of_before(_own: Authenticator) -> str:
    """Return such a cookie as former versions gave: Mallory's secret, by Alice's name."""
    row, secret = KnownDevice.objects.get(user__username="mallory"), "s" * 32
    KnownDevice.objects.filter(pk=row.pk).update(digest=known.digest(secret))
    return seal([[_key("local", "alice"), secret]], COOKIE)


@pytest.mark.parametrize("cookie", [planted, of_before])
def test_u01_a_passkey_of_ones_own_gives_no_guesses_at_somebody_elses_name(
    mallorys: Authenticator, cookie: object
) -> None:
    assert callable(cookie)
    guesser = Client()
    guesser.cookies[COOKIE] = cookie(mallorys)
    judged = [sign_in(guesser, "alice", f"wrong {number}").status_code for number in range(6)]
    assert judged == [400] * lockout.PAIR.amount + [429]


def test_u22_nor_guesses_at_their_codes(mallorys: Authenticator, person: User) -> None:
    Factor(person)
    guesser = begun()
    guesser.cookies[COOKIE] = planted(mallorys)
    judged = [guesser.post(SECOND, {"code": f"00000{n}"}).status_code for n in range(6)]
    assert judged == [400] * lockout.PAIR.amount + [429]


@pytest.mark.parametrize("cookie", [planted, of_before])
def test_u01_nor_bad_answers_that_count_as_theirs(mallorys: Authenticator, cookie: object) -> None:
    assert callable(cookie)
    alices = Client(REMOTE_ADDR="192.0.2.9")
    sign_in(alices)
    own = add(alices)
    alices.post("/auth/logout")
    stranger = Client(REMOTE_ADDR="203.0.113.7")
    stranger.cookies[COOKIE] = cookie(mallorys)
    bad = [send(stranger, "{}").status_code for _turn in range(lockout.STRANGER.amount + 1)]
    assert bad[-1] == 429
    assert use(alices, own)["Location"] == "/account/"


def test_by_a_passkey_a_browser_is_known_as_its_person(mallorys: Authenticator) -> None:
    browser = Client()
    use(browser, mallorys)
    browser.post("/auth/logout")
    for _turn in range(lockout.PAIR.amount + 1):
        sign_in(Client(), "mallory", "wrong")
    assert sign_in(Client(), "mallory").status_code == 429
    assert sign_in(browser, "mallory").status_code == 303


def test_u32_a_browser_whose_trust_has_ended_is_a_stranger(mallorys: Authenticator) -> None:
    """What it fails at counts against its address, not against the person who has left it."""
    left, kept = Client(REMOTE_ADDR="203.0.113.7"), Client(REMOTE_ADDR="192.0.2.9")
    use(left, mallorys)
    left.post("/auth/logout")
    KnownDevice.objects.all().delete()
    use(kept, mallorys)
    kept.post("/auth/logout")
    bad = [send(left, "{}").status_code for _turn in range(lockout.STRANGER.amount + 1)]
    assert bad[-1] == 429
    assert use(kept, mallorys)["Location"] == "/account/"
