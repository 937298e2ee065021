"""The log tells of an event once it is saved, and never of one that was rolled back."""

import pytest
from django.db import transaction
from structlog.testing import capture_logs

from accounts import events
from accounts.models import Event

pytestmark = pytest.mark.django_db(transaction=True)


def test_what_is_rolled_back_is_not_told() -> None:
    with capture_logs() as lines, transaction.atomic():
        events.record(events.event("rule.saved"))
        transaction.set_rollback(True)
    assert (lines, Event.objects.count()) == ([], 0)


def test_what_is_saved_is_told_once_it_counts() -> None:
    with capture_logs() as lines:
        with transaction.atomic():
            events.record(events.event("rule.saved"), events.event("rule.deleted"))
            assert lines == []
        assert [each["event"] for each in lines] == ["rule.saved", "rule.deleted"]
        events.record(events.event("logout"))
    assert [each["event"] for each in lines[2:]] == ["logout"]
    saved = Event.objects.get(name="rule.saved")
    assert {each["support_code"] for each in lines[:2]} == {saved.support_code}
