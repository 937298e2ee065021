"""What the tests of the second step share."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.test import Client
from django.utils import timezone

from accounts.factors import codes, duty, totp
from accounts.models import TotpKey, User
from tests.http.conftest import PASSWORD, house, peer, person, tenant

__all__ = ["Factor", "house", "peer", "person", "tenant", "under", "went_in"]
SECOND = "/login/second"


class Factor:
    """A person's authenticator, which shows a code that was not spent, and their recovery codes."""

    def __init__(self, user: User) -> None:
        self.user = user
        self.secret = totp.new_secret()
        totp.add(user, self.secret, 0)
        self.codes = codes.renew(user)

    def code(self, away: int = 0) -> str:
        return totp.code_of(self.secret, totp.step_at(timezone.now()) + away)

    def again(self) -> str:
        """Return a code that counts although one of this moment has: the clock goes on."""
        TotpKey.objects.filter(user=self.user).update(last_step=0)
        return self.code()


@pytest.fixture
def factor(person: User) -> Factor:
    return Factor(person)


def begun(username: str = "alice", next_url: str = "", **headers: Any) -> Client:
    """Return a browser that has typed the password and is asked for more."""
    browser = Client(HTTP_HOST="localhost", **headers)
    form = {"username": username, "password": PASSWORD, "next": next_url}
    answer = browser.post("/auth/login/local", form)
    assert (answer.status_code, answer["Location"]) == (303, SECOND), answer.content
    return browser


def went_in(browser: Client) -> bool:
    return bool(browser.get("/auth/session").json()["isLoggedIn"])


def under(user: User, days: int = 0) -> None:
    duty.set_for({"user": user}, days)


def group_under(user: User, name: str, days: int = 0) -> Group:
    group = Group.objects.create(name=name)
    user.groups.add(group)
    duty.set_for({"group": group}, days)
    return group
