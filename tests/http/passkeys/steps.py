"""The steps of a person who adds a passkey, and signs in by it."""

from __future__ import annotations

import json
from typing import Any

from django.test import Client

from tests.http.passkeys.authenticator import Authenticator

PAGE, USE, OPTIONS = "/account/passkeys", "/login/passkey", "/login/passkey/options"


def new(browser: Client) -> tuple[dict[str, Any], str]:
    """Open the page. Returns the options, and the sealed challenge of the form."""
    context = browser.get(PAGE).context
    return json.loads(context["options"]), context["challenge"]


def send_new(browser: Client, answer: str, challenge: str, label: str = "Telephone") -> Any:
    form = {"label": label, "credential": answer, "challenge": challenge}
    return browser.post(PAGE, form)


def add(browser: Client, own: Authenticator | None = None, label: str = "Telephone") -> Any:
    """Add a passkey to the account of the browser's person. Returns the authenticator."""
    own = own or Authenticator()
    options, challenge = new(browser)
    answer = send_new(browser, own.make(options), challenge, label)
    assert answer.status_code == 303, answer.content.decode()
    return own


def asked(browser: Client) -> str:
    """Return a challenge of the sign-in page, which the browser now holds."""
    answer = browser.post(OPTIONS)
    assert answer.status_code == 200
    return str(answer.json()["challenge"])


def send(browser: Client, answer: str, **form: str) -> Any:
    return browser.post(USE, {"credential": answer, **form})


def use(browser: Client, own: Authenticator, next_url: str = "", **bent: Any) -> Any:
    """Sign in by a passkey. Returns the response."""
    return send(browser, own.use(asked(browser), **bent), next=next_url)
