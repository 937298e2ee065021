"""What is over is deleted in small steps, each a transaction: accounts/models/clearing.py."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.factors import passkeys, pending
from accounts.models import KnownDevice, PendingSignIn, SpentChallenge, User, clearing
from accounts.session import devices

FORMER = timezone.now() - timedelta(days=400)


def known_device(person: User, digest: str) -> None:
    KnownDevice.objects.create(user=person, digest=digest, last_seen_at=FORMER)


def pending_sign_in(person: User, digest: str) -> None:
    PendingSignIn.objects.create(user=person, digest=digest, sealed="", expires_at=FORMER)


def spent_challenge(_person: User, digest: str) -> None:
    SpentChallenge.objects.create(digest=digest, expires_at=FORMER)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("make", "clear"),
    [
        (known_device, devices.clear_expired),
        (pending_sign_in, pending.clear_expired),
        (spent_challenge, passkeys.clear_expired),
    ],
)
def test_no_statement_deletes_more_than_a_step(
    make: Callable[[User, str], None],
    clear: Callable[[], int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(clearing, "AT_ONCE", 2)
    person = User.objects.create_user("alice")
    for number in range(5):
        make(person, str(number) * 64)
    with CaptureQueriesContext(
        connection,
    ) as ran:
        assert clear() == 5
    deleted = [each["sql"] for each in ran if each["sql"].startswith("DELETE")]
    assert len(deleted) == 3
    assert clear() == 0
