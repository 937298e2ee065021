"""Machines of one site whose clocks are apart: what one begins another goes on with."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.test import Client
from django.utils import timezone

from accounts.models import Source, User
from tests.http.conftest import begin, sign_in
from tests.http.onward import onward

pytestmark = pytest.mark.django_db(transaction=True)
APART = pytest.mark.parametrize("seconds", [90, 590], ids=str)


def ahead(seconds: float) -> Any:
    """Ask a machine whose clock is ahead by so much. No time passes: the browser keeps its
    cookies.
    """
    return time_machine.travel(timezone.now() + timedelta(seconds=seconds), tick=True)


@APART
def test_the_page_that_leads_on_after_a_form_does(
    client: Client, person: User, tenant: Callable[..., Source], seconds: int
) -> None:
    tenant()
    sign_in(client)
    told = client.post("/account/sign-ins", {"link": "town"})
    assert told["Location"].startswith("/onward/")
    with ahead(seconds):
        assert onward(client, told)["Location"].startswith("http")


@APART
def test_an_answer_by_post_is_found_by_the_get(
    client: Client, tenant: Callable[..., Source], seconds: int
) -> None:
    tenant(form_post=True)
    asked = begin(client, "town")
    answer = {"code": "bob", "state": asked["state"]}
    posted = Client().post("/auth/callback/town", answer)
    client.cookies.update(posted.cookies)
    with ahead(seconds):
        assert client.get(posted["Location"])["Location"] == "/account/"


@APART
def test_who_has_just_left_is_not_signed_in_again(
    client: Client, person: User, tenant: Callable[..., Source], seconds: int
) -> None:
    """The library still knows them: for a minute its session signs nobody in again."""
    tenant()
    sign_in(client)
    client.post("/auth/logout")
    client.cookies["TENANTabc"] = "carol"
    with ahead(seconds):
        client.get("/account/", follow=True)
        assert client.get("/auth/session").json()["isLoggedIn"] is False
