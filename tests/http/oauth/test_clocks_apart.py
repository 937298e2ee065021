"""Machines of one site whose clocks are apart: applications sign people in by all of them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.db.models.functions import Now
from django.utils import timezone

from portal.authorization_server import expiry
from portal.authorization_server.models import Grant
from tests.http.conftest import PASSWORD
from tests.http.oauth.application import Application
from tests.http.oauth.test_client_authentication import Signer, assertion, refused, signer

__all__ = ["signer"]
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


def come_back(app: Application, sent: Any, typed: Any) -> Any:
    """Sign in where the site leads to, and come back to the authorization endpoint."""
    with typed:
        page = app.browser.get(sent["Location"])
        posted = {"username": "alice", "password": PASSWORD, "next": page.context["next"]}
        onward = app.browser.post("/auth/login/local", posted)
    return app.landing(onward)


@pytest.mark.parametrize("held", [-300, -2, 90], ids=["old", "young", "dated ahead"])
@pytest.mark.parametrize("seconds", [90, 2, -90], ids=str)
def test_who_signs_in_again_at_another_machine_is_not_asked_for_ever(
    app: Application, seconds: int, held: int
) -> None:
    app.allow(app.ask())
    with ahead(held):
        asks = app.ask(prompt="login")
    come_back(app, asks, ahead(held))
    asked = 0
    with ahead(seconds):
        sent = app.ask(prompt="login")
    while "/auth/login/local" in sent["Location"]:
        asked += 1
        assert asked <= 2
        back = come_back(app, sent, ahead(3 * asked))  # whoever types needs some seconds
        with ahead(seconds + 3 * asked):
            sent = app.browser.get(back)
    assert asked
    assert "code" in app.answer(sent)


@pytest.mark.parametrize("seconds", [90, 2, 0, -90, -600], ids=str)
def test_who_only_comes_back_has_not_signed_in_again(app: Application, seconds: int) -> None:
    """The address that leads back says when its person was asked, and is theirs to open."""
    app.allow(app.ask())
    with ahead(seconds + 5):
        sent = app.ask(prompt="login")
        back = app.browser.get(sent["Location"]).context["next"]
    for there in (0, seconds):
        with ahead(there + 10):
            assert "/auth/login/local" in app.browser.get(back)["Location"]


@pytest.mark.parametrize("seconds", [90, 590])
def test_an_id_token_that_another_machine_has_dated_is_a_hint(
    app: Application, seconds: int
) -> None:
    with ahead(seconds):
        app.sign_in()
    hint = app.tokens["id_token"]
    assert "code" in app.answer(app.ask(prompt="none", id_token_hint=hint))
    left = app.browser.get("/oauth/logout", {"id_token_hint": hint})
    assert left.status_code != 400, left.content


@pytest.mark.parametrize("seconds", [120, 600])
def test_an_assertion_counts_once_though_a_machine_that_is_ahead_cleans_up(
    signer: Signer, seconds: int
) -> None:
    shown = assertion()
    assert refused(signer, shown) == ""
    with ahead(seconds):
        expiry.clear_expired()
    assert refused(signer, shown) == "invalid_client"
