"""Recovery codes: ten of them, each once, and a new set ends the old one."""

from __future__ import annotations

import pytest

from accounts.factors import codes
from accounts.models import RecoveryCode, User
from tests.http.oidc.conftest import parallel


@pytest.fixture
def ada(transactional_db: None) -> User:
    return User.objects.create_user("ada")


def test_ten_codes_of_eighty_bits_of_which_only_digests_are_stored(ada: User) -> None:
    fresh = codes.renew(ada)
    assert len(set(fresh)) == codes.left(ada) == 10
    letters = [code.replace("-", "") for code in fresh]
    assert all(len(each) == 16 and set(each) <= set(codes.ALPHABET) for each in letters)
    stored = "".join(RecoveryCode.objects.values_list("digest", flat=True))
    assert not any(each in stored for each in letters)


def test_a_code_counts_once_however_it_is_written(ada: User) -> None:
    first, second, *_others = codes.renew(ada)
    assert codes.use(ada, f" {first.upper().replace('-', ' ').replace('0', 'O')} ")
    assert not codes.use(ada, first)
    assert codes.use(ada, second.replace("1", "l"))
    assert codes.left(ada) == 8


def test_a_new_set_ends_the_old_one_and_codes_are_their_owners_alone(ada: User) -> None:
    old = codes.renew(ada)
    new = codes.renew(ada)
    grace = User.objects.create_user("grace")
    assert not codes.use(ada, old[0])
    assert not codes.use(grace, new[0])
    assert codes.use(ada, new[0])


@pytest.mark.parametrize("typed", ["", "123456", "x" * 5000, "\ud800" * 16, "é" * 16])
def test_what_is_no_code_counts_for_nothing(ada: User, typed: str) -> None:
    codes.renew(ada)
    assert not codes.use(ada, typed)


def test_x08_of_twenty_at_once_with_one_code_one_wins(ada: User) -> None:
    code = codes.renew(ada)[0]
    assert sorted(parallel(20, lambda: codes.use(ada, code))) == [False] * 19 + [True]
    assert codes.left(ada) == 9


def test_x08_of_many_sets_at_once_one_stands(ada: User) -> None:
    made = parallel(8, lambda: codes.renew(ada))
    assert codes.left(ada) == 10
    assert sum(codes.use(ada, each[0]) for each in made) == 1
