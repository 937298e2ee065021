"""What the tests of the password pages share."""

from __future__ import annotations

import re
from typing import Any

from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend
from django.test import Client

from accounts.models import User
from tests.http.conftest import PASSWORD
from tests.peers import fresh

DEAD_SERVER = f"{__name__}.DeadServer"
NEW = "staple of another stable"
LINK = re.compile(r"http://localhost:8000(/login/reset/[^/\s]+/[^/\s]+)")


class DeadServer(BaseEmailBackend):
    """A mail server that nobody reaches."""

    def send_messages(self, email_messages: Any) -> int:
        raise ConnectionRefusedError


def signed_in(user: User, password: str = PASSWORD) -> Client:
    browser = Client(HTTP_HOST="localhost")
    answer = browser.post("/auth/login/local", {"username": user.username, "password": password})
    assert answer.status_code == 303, answer.content
    return browser


def is_signed_in(browser: Client) -> bool:
    return browser.get("/account/").status_code == 200


def change(browser: Client, old: str = PASSWORD, new: str = NEW, again: str = NEW) -> Any:
    form = {"old_password": old, "new_password": new, "again": again}
    return browser.post("/account/password", form)


def ask(browser: Client, identifier: str, **headers: str) -> Any:
    answer = browser.post("/login/forgotten", {"identifier": identifier}, **headers)
    fresh.delivered()
    return answer


def link_in(message: EmailMessage) -> str:
    found = LINK.search(str(message.body))
    assert found
    return found[1]


def opened(browser: Client, link: str) -> str:
    """Open a mailed link. Returns the address at which the form stands."""
    answer = browser.get(link)
    assert answer.status_code == 303
    return str(answer["Location"])


def choose(browser: Client, place: str, new: str = NEW, again: str = NEW) -> Any:
    return browser.post(place, {"new_password": new, "again": again})


def without_token(answer: Any) -> str:
    return re.sub(r'name="csrfmiddlewaretoken" value="[^"]+"', "", answer.content.decode())
