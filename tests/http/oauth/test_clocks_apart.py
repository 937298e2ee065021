"""Machines of one site whose clocks are apart: applications sign people in by all of them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.db.models.functions import Now
from django.utils import timezone

from portal.authorization_server.models import Grant
from tests.http.oauth.application import Application

pytestmark = pytest.mark.django_db(transaction=True)


def ahead(seconds: float) -> Any:
    """Ask a machine whose clock is ahead by so much. No time passes: the database's stands."""
    return time_machine.travel(timezone.now() + timedelta(seconds=seconds), tick=True)


@pytest.mark.parametrize("seconds", [90, 600, -90, -600])
def test_a_code_of_one_machine_is_worth_tokens_at_another(app: Application, seconds: int) -> None:
    code = app.answer(app.allow(app.ask()))["code"]
    with ahead(seconds):
        assert app.redeem(code).status_code == 200
    used = app.redeem(code)
    assert "used before" in used.json()["error_description"]


@pytest.mark.parametrize("seconds", [0, 90, -90])
def test_a_code_lives_for_a_minute_by_any_clock(app: Application, seconds: int) -> None:
    with ahead(seconds):
        code = app.answer(app.allow(app.ask()))["code"]
    late = Now() + timedelta(seconds=60)
    assert Grant.objects.filter(expires__gt=Now() + timedelta(seconds=20), expires__lte=late)
    Grant.objects.update(expires=Now() - timedelta(seconds=1))
    with ahead(-seconds):
        refused = app.redeem(code)
    assert refused.json()["error_description"] == "The code has expired."
