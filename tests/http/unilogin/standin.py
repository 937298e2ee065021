"""The stand-in for Unilogin in its own process, and a browser whose person is one of its personas.

standin.trouble("down")                 # the broker's, as on the sandbox's front page
standin.service_trouble("fault")        # the institution service's, as on /unilogin/
standin.signed_in()                     # who has a session at the broker: {"Ida"}
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from typing import Any

import requests
from structlog.testing import capture_logs

from tests.http.oidc.browser import Answer, Form
from tests.http.oidc.browser import Browser as Walker
from tests.http.sandbox.running import Sandbox
from tests.peers import patience
from tests.sandbox.unilogin import schools
from tests.sandbox.unilogin.broker import BROKER, CLIENT_ID, CLIENT_SECRET
from tests.sandbox.unilogin.demo import SERVICE

SITE = "http://localhost:8000"
AT = "protocol/openid-connect"
__all__ = ["Answer", "Browser", "Standin", "outbound"]
Calls = Callable[[], list[str]]


@dataclass
class Standin(Sandbox):
    """A running sandbox, seen as Unilogin."""

    in_trouble: set[tuple[str, str]] = field(default_factory=set)

    @property
    def issuer(self) -> str:
        return f"{self.url}/{BROKER.name}"

    def command(self, **more: str) -> tuple[list[str], dict[str, str]]:
        return super().command(VESTIBULE_SITE_URL=SITE, **more)

    def settings(self, **changed: Any) -> dict[str, Any]:
        """Return settings of a source for it, with changes; None takes one away."""
        good = {
            "issuer": self.issuer, "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET,
            "municipalities": [schools.HOME], "ws_address": f"{self.url}/{SERVICE}",
            "ws_user": schools.WS_USER, "ws_password": schools.WS_PASSWORD,
        }  # fmt: skip
        return {name: value for name, value in {**good, **changed}.items() if value is not None}

    def trouble(self, name: str) -> None:
        """Choose the trouble of the broker."""
        self._choose("/", "/trouble", name)

    def service_trouble(self, name: str) -> None:
        """Choose the trouble of the institution service."""
        self._choose("/unilogin/", "/unilogin/trouble", name)

    def signed_in(self) -> set[str]:
        """Return who has a session at the broker, by title."""
        found = (BROKER.persona(each["subject"]) for each in self.kept("session"))
        return {persona.title for persona in found if persona}

    def kept(self, kind: str) -> list[dict[str, Any]]:
        """Return what the stand-in remembers of a kind, such as `spent-refresh`."""
        with closing(sqlite3.connect(self.data / "sandbox.sqlite3")) as database:
            rows = database.execute("SELECT value FROM things WHERE kind = ?", (kind,)).fetchall()
        return [json.loads(row[0]) for row in rows]

    def clean(self) -> None:
        """End all trouble and all sessions."""
        for page, action in list(self.in_trouble):
            self._choose(page, action, "normal")
        with closing(sqlite3.connect(self.data / "sandbox.sqlite3", timeout=10)) as database:
            database.execute("DELETE FROM things WHERE kind NOT IN ('key', 'secret')")
            database.commit()

    def _choose(self, page: str, action: str, name: str) -> None:
        with requests.Session() as operator:
            operator.get(self.url + page, timeout=60)
            form = {"csrfmiddlewaretoken": operator.cookies["sandbox-csrf"], "trouble": name}
            done = operator.post(self.url + action, form, allow_redirects=False, timeout=60)
        assert done.status_code == 303, done.text
        (self.in_trouble.discard if name == "normal" else self.in_trouble.add)((page, action))
        patience.hangs(name == "slow", patience.BETWEEN)


class Browser(Walker):
    """One person's browser; `who` is the persona, '' presses Cancel."""

    def enter(self, who: str, next_url: str = "", slug: str = "unilogin") -> Any:
        """Sign in as a persona. Returns the response of the callback."""
        self.who = who
        return self.sign_in(slug, next_url)

    def _choose(self, forms: list[Form]) -> Form:
        """Choose the persona on the page with the pick-list."""
        form = next(each for each in forms if each.action.endswith("/authorize/choose"))
        chosen = [each.subject for each in BROKER.personas if each.title == self.who]
        form.fields["persona"] = chosen[0] if chosen else ""
        return form


@contextmanager
def outbound() -> Iterator[Calls]:
    """Give what the site asks for in the block, by the last part of each address."""
    with capture_logs() as lines:

        def called() -> list[str]:
            calls = (line for line in lines if line["event"] == "outbound-call")
            return [str(line["url"]).rpartition("/")[2] for line in calls]

        yield called
