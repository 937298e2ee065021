"""A machine whose clock is wrong: its operator is told, and nobody of one that is right."""

from __future__ import annotations

import re
import socket
import time
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.core import mail
from django.db import connection
from django.test import override_settings
from django.utils import timezone

from portal.operations import alarms
from portal.operations.alarms import Alarm
from portal.operations.doctor import clock
from portal.operations.doctor.look import Look
from tests.http.test_doctor import served

pytestmark = pytest.mark.django_db(transaction=True)
TOLD = r"The clock of this machine is (?P<seconds>\d+) s (?P<word>ahead of|behind) that of "


def by(seconds: float) -> Any:
    """Let this machine's clock be ahead. The database's stands."""
    return time_machine.travel(timezone.now() + timedelta(seconds=seconds), tick=True)


@pytest.mark.skipif(connection.vendor != "postgresql", reason="a file has no clock")
@pytest.mark.parametrize(("ahead", "word"), [(90, "ahead of"), (-90, "behind")])
def test_an_alarm_tells_of_the_clock_of_a_machine(ahead: int, word: str) -> None:
    with override_settings(VESTIBULE_ALARM_MAIL=["ops@example.org"]):
        with by(ahead):
            alarms.forget()
            alarms.look()
        key = f"clock@{socket.gethostname()[:50]}"
        said = re.match(TOLD, Alarm.objects.get(key=key).text)
        assert said
        assert said["word"] == word
        assert 90 - clock.MOST_SECONDS < int(said["seconds"]) <= 90  # less what the answer took
        assert any("Not well: clock" in each.subject for each in mail.outbox)
        alarms.forget()
        alarms.look()
    assert not Alarm.objects.filter(key=key).exclude(over="well").exists()


def test_what_other_subjects_take_is_no_wrong_clock() -> None:
    """The site is asked once, before the certificate and others are looked at."""
    date = time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime())
    with served(date) as url, override_settings(VESTIBULE_SITE_URL=url):
        look = Look()
        assert look.seen
        with by(30):
            found = [each.message for each in clock.findings(look) if url in each.message]
    assert len(found) == 1
    assert "agrees" in found[0]
