"""RFC 6238 and RFC 4226: the tables, the drift of one step, and that a code counts once."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

from accounts.factors import totp
from accounts.models import TotpKey, User
from portal.operations import rotation
from tests.http.oidc.conftest import parallel

SECRET = base64.b32encode(b"12345678901234567890").decode()
NOW = datetime(2027, 3, 1, 12, 0, 10, tzinfo=UTC)


@pytest.fixture
def ada(transactional_db: None) -> User:
    return User.objects.create_user("ada")


def kept(user: User) -> str:
    secret = totp.new_secret()
    totp.add(user, secret, 0)
    return secret


@pytest.mark.parametrize(
    ("counter", "code"),
    [
        (0, "755224"), (1, "287082"), (2, "359152"), (3, "969429"), (4, "338314"),
        (5, "254676"), (6, "287922"), (7, "162583"), (8, "399871"), (9, "520489"),
    ],
)  # fmt: skip
def test_rfc_4226_appendix_d(counter: int, code: str) -> None:
    assert totp.code_of(SECRET, counter) == code


@pytest.mark.parametrize(
    ("seconds", "eight_digits"),
    [
        (59, "94287082"),
        (1111111109, "07081804"),
        (1111111111, "14050471"),
        (1234567890, "89005924"),
        (2000000000, "69279037"),
        (20000000000, "65353130"),
    ],
)
def test_appendix_b(seconds: int, eight_digits: str) -> None:
    step = totp.step_at(datetime.fromtimestamp(seconds, UTC))
    assert totp.code_of(SECRET, step) == eight_digits[-6:]  # six digits are the last of eight


@pytest.mark.parametrize(
    ("away", "fits"), [(-2, False), (-1, True), (0, True), (1, True), (2, False)]
)
def test_5_2_a_clock_may_be_one_step_behind_or_ahead(away: int, fits: bool) -> None:
    here = totp.step_at(NOW)
    code = totp.code_of(SECRET, here + away)
    assert totp.matching_step(SECRET, code, NOW) == (here + away if fits else None)


@pytest.mark.parametrize("typed", ["", "12345", "1234567", "abcdef", "\uff11" * 6, "\ud800" * 6])
def test_what_is_no_code_fits_nothing(typed: str) -> None:
    assert totp.matching_step(SECRET, typed, NOW) is None


def test_4226_4_a_secret_has_160_random_bits() -> None:
    first, second = totp.new_secret(), totp.new_secret()
    assert first != second
    assert len(base64.b32decode(first)) == 20


def test_the_address_that_authenticators_read() -> None:
    read = urlsplit(totp.address_of(SECRET, "Bibliothek Nørre: Stadt", "ada lovelace"))
    assert (read.scheme, read.netloc) == ("otpauth", "totp")
    assert unquote(read.path) == "/Bibliothek Nørre: Stadt:ada lovelace"
    assert "+" not in read.query  # which authenticators show as it is
    named = {name: values[0] for name, values in parse_qs(read.query).items()}
    assert named == {
        "secret": SECRET, "issuer": "Bibliothek Nørre: Stadt", "digits": "6", "period": "30",
    }  # fmt: skip


def test_5_2_a_code_counts_once_and_so_does_each_before_it(ada: User) -> None:
    secret = kept(ada)
    here = totp.step_at(NOW)
    assert totp.use(ada, totp.code_of(secret, here), NOW)
    for step in (here, here - 1):
        assert not totp.use(ada, totp.code_of(secret, step), NOW)
    later = NOW + timedelta(seconds=30)
    assert totp.use(ada, totp.code_of(secret, here + 1), later)


def test_the_code_that_confirmed_the_secret_is_spent(ada: User) -> None:
    secret, here = totp.new_secret(), totp.step_at(NOW)
    totp.add(ada, secret, here)
    assert not totp.use(ada, totp.code_of(secret, here), NOW)


def test_x08_of_twenty_at_once_with_one_code_one_wins(ada: User) -> None:
    secret = kept(ada)
    code = totp.code_of(secret, totp.step_at(NOW))
    assert sorted(parallel(20, lambda: totp.use(ada, code, NOW))) == [False] * 19 + [True]


def test_x08_of_twenty_secrets_at_once_one_is_kept(ada: User) -> None:
    def add() -> bool:
        try:
            totp.add(ada, totp.new_secret(), 0)
        except totp.AlreadyThere:
            return False
        return True

    assert sorted(parallel(20, add)) == [False] * 19 + [True]
    assert TotpKey.objects.count() == 1


def test_another_persons_code_fits_nobody_and_the_secret_rests_sealed(ada: User) -> None:
    grace = User.objects.create_user("grace")
    hers = kept(grace)
    kept(ada)
    code = totp.code_of(hers, totp.step_at(NOW))
    assert not totp.use(ada, code, NOW)
    row = TotpKey.objects.get(user=grace)
    assert hers not in row.sealed
    TotpKey.objects.filter(user=ada).update(sealed=row.sealed)  # planted by who writes the table
    assert not totp.use(ada, code, NOW)
    assert totp.use(grace, code, NOW)


def test_the_turn_of_the_vaults_key_seals_secrets_anew(ada: User, settings: Any) -> None:
    secret, former = kept(ada), settings.VESTIBULE_VAULT_KEYS
    new = base64.urlsafe_b64encode(b"n" * 32).decode()
    settings.VESTIBULE_VAULT_KEYS = [new, *former]
    [place] = totp.sealed()
    assert rotation.waiting(place) == 1
    assert rotation.turn(place, lambda _count: None).turned == 1
    settings.VESTIBULE_VAULT_KEYS = [new]
    assert totp.use(ada, totp.code_of(secret, totp.step_at(NOW)), NOW)


def test_a_secret_whose_key_is_gone_lets_nobody_in(ada: User, settings: Any) -> None:
    secret = kept(ada)
    settings.VESTIBULE_VAULT_KEYS = [base64.urlsafe_b64encode(b"n" * 32).decode()]
    assert totp.exists(ada), "the person would be let in by the password alone"
    assert not totp.use(ada, totp.code_of(secret, totp.step_at(NOW)), NOW)
