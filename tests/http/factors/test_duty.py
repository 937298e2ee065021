"""Who must have a second factor, from when on, and what a sign-in by password does then."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts.factors import duty, second_step, totp
from accounts.factors.second_step import Step
from accounts.models import FactorDuty, User
from accounts.provider import Authentication

pytestmark = pytest.mark.django_db
WEAK = Authentication(subject="ada", acr="low", amr=("pwd",))
PASSKEY = Authentication(subject="ada", acr="substantial", amr=("hwk", "user"))


@pytest.fixture
def ada() -> User:
    return User.objects.create_user("ada")


def under(owner: User | Group, days: int, ago: int = 0) -> None:
    name = "user" if isinstance(owner, User) else "group"
    since = timezone.now() - timedelta(days=ago)
    FactorDuty.objects.create(**{name: owner}, days=days, since=since)


def joined(user: User, name: str) -> Group:
    group = Group.objects.create(name=name)
    user.groups.add(group)
    return group


@pytest.mark.parametrize(
    ("case", "person", "group", "staff", "expected"),
    [
        ("nobody must", None, None, None, Step.NONE),
        ("the person must, by and by", (14, 0), None, None, Step.REMIND),
        ("the person must now", (0, 0), None, None, Step.SET_UP),
        ("the person's days are over", (14, 15), None, None, Step.SET_UP),
        ("the group must, by and by", None, (14, 13), None, Step.REMIND),
        ("the group's days are over", None, (14, 14), None, Step.SET_UP),
        ("the earliest counts", (30, 0), (14, 15), None, Step.SET_UP),
        ("staff must in two days", None, None, 2, Step.REMIND),
        ("staff must since yesterday", None, None, -1, Step.SET_UP),
        ("the earliest counts for staff", (0, 1), None, 9, Step.SET_UP),
    ],
)
def test_the_table_of_duties(
    ada: User, settings: Any, case: str, person: Any, group: Any, staff: Any, expected: Step
) -> None:
    if person:
        under(ada, *person)
    if group:
        under(joined(ada, "archive"), *group)
    if staff is not None:
        ada.is_staff = True
        settings.VESTIBULE_STAFF_SECOND_FACTOR = timezone.localdate() + timedelta(days=staff)
    assert second_step.step(WEAK, ada) is expected, case
    assert second_step.step(PASSKEY, ada) is Step.NONE, "a strong sign-in is asked for nothing more"


def test_the_duty_of_staff_is_no_duty_of_others(ada: User, settings: Any) -> None:
    settings.VESTIBULE_STAFF_SECOND_FACTOR = date(2020, 1, 1)
    assert second_step.step(WEAK, ada) is Step.NONE
    ada.is_superuser = True
    assert second_step.step(WEAK, ada) is Step.SET_UP


def test_whoever_has_a_factor_is_asked_for_it_whether_or_not_they_must(ada: User) -> None:
    totp.add(ada, totp.new_secret(), 0)
    assert second_step.step(WEAK, ada) is Step.CODE
    assert second_step.step(PASSKEY, ada) is Step.NONE


@pytest.mark.parametrize(
    ("wanted", "without"),
    [
        ("", Step.NONE),
        ("low", Step.NONE),
        ("substantial", Step.SET_UP),
        ("high substantial", Step.SET_UP),
        ("substantial low", Step.NONE),
        ("urn:somebody:else", Step.NONE),
    ],
)
def test_a_wish_for_more_is_kept_by_who_has_a_factor_and_sets_up_one(
    ada: User, wanted: str, without: Step
) -> None:
    assert second_step.step(WEAK, ada, wanted) is without
    totp.add(ada, totp.new_secret(), 0)
    assert second_step.step(WEAK, ada, wanted) is Step.CODE


def test_what_the_second_step_makes_of_an_outcome() -> None:
    done = second_step.stronger(WEAK)
    assert (done.acr, done.amr) == ("substantial", ("pwd", "otp", "mfa"))
    assert second_step.stronger(done) == done


def test_a_duty_that_stands_keeps_its_beginning(ada: User) -> None:
    assert duty.set_for({"user": ada}, 14)
    since = FactorDuty.objects.get().since
    assert not duty.set_for({"user": ada}, 14)
    assert duty.set_for({"user": ada}, 30)
    assert FactorDuty.objects.get().since == since
    assert duty.days_of({"user": ada}) == 30
    assert duty.set_for({"user": ada}, None)
    assert not duty.set_for({"user": ada}, None)
    assert duty.days_of({"user": ada}) is None


def test_a_duty_is_of_one_person_or_one_group(ada: User) -> None:
    for columns in ({}, {"user": ada, "group": joined(ada, "archive")}):
        with pytest.raises(IntegrityError), transaction.atomic():
            FactorDuty.objects.create(**columns)
