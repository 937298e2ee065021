"""The lock-out at a directory, whose people type names that are not their usernames here."""

from __future__ import annotations

import pytest
from django.test import Client

from accounts.login import lockout
from accounts.models import Identity, User
from tests.http.factors.conftest import SECOND, Factor
from tests.http.ldap.conftest import Work, enter

pytestmark = pytest.mark.django_db(transaction=True)

HERE, ELSEWHERE = "192.0.2.7", "192.0.2.8"


def status(username: str, address: str = HERE) -> int:
    return int(enter(Client(REMOTE_ADDR=address), username).status_code)


def guess(address: str) -> None:
    """Fail as often as an address may."""
    for number in range(lockout.ADDRESS.amount):
        lockout.failed("work", f"nobody{number}", address)


def test_u01_guesses_at_an_address_shut_out_nobody_who_has_come_from_it(work: Work) -> None:
    work()
    assert status("alice") == status("bob", ELSEWHERE) == 303
    guess(HERE)
    assert [status("alice"), status("bob")] == [303, 429]
    assert enter(Client(REMOTE_ADDR=HERE), " ALICE", "ldap-alice").status_code == 303
    guess(ELSEWHERE)
    assert [status("alice", ELSEWHERE), status("bob", ELSEWHERE)] == [429, 303]


def test_u01_a_way_in_of_somebody_who_was_here_before_counts_too(work: Work, person: User) -> None:
    source = work()
    status("alice")
    before = Identity.objects.get(source=source)
    before.user.delete()
    Identity.objects.create(user=person, source=source, subject=before.subject)
    status("alice")
    guess(HERE)
    assert status("alice") == 303


def test_u01_neither_is_the_second_step_shut(work: Work) -> None:
    """Whoever has passed it at the address before has come from there, and no one else."""
    work()
    status("alice", ELSEWHERE)
    factor = Factor(User.objects.get())
    here = Client(REMOTE_ADDR=HERE)
    assert enter(here, "alice")["Location"] == SECOND
    guess(HERE)
    assert status("alice") == here.post(SECOND, {"code": factor.code()}).status_code == 429
    there = Client(REMOTE_ADDR=ELSEWHERE)
    guess(ELSEWHERE)
    assert enter(there, "alice")["Location"] == SECOND
    assert there.post(SECOND, {"code": factor.code()})["Location"] == "/account/"


def test_what_was_typed_is_kept_as_a_digest_with_the_way_in(work: Work, person: User) -> None:
    work()
    client = Client(REMOTE_ADDR=HERE)
    enter(client, "alice")
    kept = Identity.objects.get(source__slug="work").name_key
    assert kept == lockout.name_key("work", "alice")
    told = client.get("/account/data/export").json()["data"]
    assert kept not in str(told)
    (way,) = [each for each in told if each["about"] == "sign-in" and each["name"] == "username"]
    assert (way["value"], way["from"]) == ("sealed", "work")
