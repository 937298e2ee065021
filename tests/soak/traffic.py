"""People who come in, look around and leave, all the time; and a ledger of what they were told.

with Traffic(port, host, people=8) as traffic:
    ...                      # whatever happens to the site meanwhile
traffic.tally                # how many requests of each kind were held, told, failed
traffic.audit()              # what was acknowledged, and is not so
"""

from __future__ import annotations

import itertools
import json
import re
import ssl
import threading
import time
from collections import Counter
from dataclasses import dataclass, field

from tests.soak.crowd import Crowd
from tests.soak.wire import Said, Wire

PASSWORD = "correct horse battery staple"
APPLICATION = "files.example.org"
SETTLED = 2.0  # seconds after which every worker knows what has ended (docs/architecture.md 5)
_HEADING = re.compile(r"<h1[^>]*>([^<]+)")
_TOKEN = re.compile(r'name="csrfmiddlewaretoken" value="([^"]+)"')


def furnished(people: int) -> str:
    """Return what `manage.py shell` is told, so that the site has people and an application."""
    return f"""
from accounts.models import User
from portal.gateway.models import AccessRule
for number in range({people}):
    User.objects.create_user(f"person{{number}}", {PASSWORD!r}).give_local_identity()
AccessRule.objects.create(slug="files", host={APPLICATION!r})
"""


def sign_in(wire: Wire, name: str) -> Said:
    """Sign in with a password, and return the answer. Of status 303 are those who are in."""
    page = wire.get("/login?choose=1")
    token = _TOKEN.search(page.body)
    if not token:
        return page
    form = {"csrfmiddlewaretoken": token[1], "username": name, "password": PASSWORD}
    said = wire.post("/auth/login/local", form)
    failed = "/login/failed/" in said.headers.get("Location", "")
    return said._replace(status=200) if failed else said


@dataclass
class Ledger:
    """What the site has acknowledged: sessions that live, and those that ended, with the moment."""

    live: set[str] = field(default_factory=set)
    ended: dict[str, float] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def entered(self, cookie: str) -> None:
        """Note a sign-in that was acknowledged."""
        with self._lock:
            self.live.add(cookie)

    def leaves(self, cookie: str) -> None:
        """Note that somebody is about to leave: until the answer is there, nobody knows."""
        with self._lock:
            self.live.discard(cookie)

    def left(self, cookie: str) -> None:
        """Note a sign-out that was acknowledged."""
        with self._lock:
            self.ended[cookie] = time.monotonic()

    def some_ended(self) -> str | None:
        """Return the session that ended last of those that every worker must know of."""
        with self._lock:
            known = time.monotonic() - SETTLED
            return next((c for c, at in reversed(self.ended.items()) if at < known), None)


def _reason(kind: str, said: Said) -> str:
    """Return what was asked, and what was said in the place of an answer: its first heading."""
    where, heading = said.headers.get("Location", ""), _HEADING.search(said.body)
    words = heading[1].strip() if heading else said.body[:200] if not where else ""
    return f"{kind}: {said.status or ''} {where} {words}".strip()


class Traffic(Crowd):
    """So many people at a port of the site, until the end of the block.

    Every second one keeps the connection, the others make a new one for each request. `pause` is
    the seconds between two requests of one person. Told is who reads 503 and when to come again.
    """

    def __init__(
        self,
        ports: int | list[int],
        host: str,
        people: int = 8,
        pause: float = 0.02,
        trust: ssl.SSLContext | None = None,
    ) -> None:
        super().__init__(people)
        self.ports = ports if isinstance(ports, list) else [ports]
        self.host, self.people, self.pause, self.trust = host, people, pause, trust
        self.tally: Counter[tuple[str, str]] = Counter()
        self.reasons: Counter[str] = Counter()
        self.told: Counter[str] = Counter()
        self.ledger = Ledger()
        self.wrong: Counter[str] = Counter()
        self.longest = 0.0

    def count(self, outcome: str) -> int:
        """Return how many requests had an outcome: held, told or failed."""
        with self.lock:
            return sum(n for (_, found), n in self.tally.items() if found == outcome)

    @property
    def requests(self) -> int:
        """How many requests were made."""
        with self.lock:
            return sum(self.tally.values())

    def wire(self, number: int, keep: bool) -> Wire:
        """Return a caller of its own address."""
        ports = self.ports[number % len(self.ports) :] + self.ports[: number % len(self.ports)]
        address = f"198.51.{number // 250 % 250}.{number % 250 + 1}"
        return Wire(ports, self.host, keep, {"X-Forwarded-For": address}, trust=self.trust)

    def audit(self) -> dict[str, int]:
        """Return how many acknowledged sessions are gone, and how many that ended are back."""
        time.sleep(SETTLED)
        wire = self.wire(0, keep=True)
        gone = [each for each in [*self.ledger.live] if not self._is_in(wire, each)]
        back = [each for each in [*self.ledger.ended] if self._is_in(wire, each)]
        wire.close()
        return {"lost": len(gone), "back": len(back)}

    def _is_in(self, wire: Wire, cookie: str) -> bool:
        wire.cookies = {"vestibule": cookie}
        said = next(filter(lambda one: one.status, (wire.get("/auth/session") for _ in range(5))))
        assert said.status == 200, said
        return bool(json.loads(said.body)["isLoggedIn"])

    def live(self, number: int) -> None:
        ended = self.wire(number, keep=True)
        for turn in itertools.count():
            if self.over.is_set():
                return
            wire = self.wire(number + turn * self.people, keep=number % 2 == 0)
            self._visit(wire, f"person{number}", leaves=turn % 3 != 2)
            self._look_at_ended(ended)
            wire.close()
            with self.lock:
                self.longest = max(self.longest, wire.longest)

    def _visit(self, wire: Wire, name: str, leaves: bool) -> None:
        page = self._note("page", wire.get("/login?choose=1"), 200)
        token = _TOKEN.search(page.body)
        if not token:
            return
        form = {"csrfmiddlewaretoken": token[1], "username": name, "password": PASSWORD}
        entered = self._note("sign-in", wire.post("/auth/login/local", form), 303)
        if entered.status != 303 or entered.headers["Location"] != "/account/":
            return
        cookie = wire.cookies["vestibule"]
        self.ledger.entered(cookie)
        for _ in range(3):
            self._session(wire)
        asked = {
            "X-Forwarded-Method": "GET",
            "X-Forwarded-Proto": "http",
            "X-Forwarded-Host": APPLICATION,
            "X-Forwarded-Uri": "/a/page",
            "Accept": "text/html",
        }
        self._note("gateway", wire.get("/gateway/check", **asked), 200)
        if leaves:
            self.ledger.leaves(cookie)
            sent = {"csrfmiddlewaretoken": wire.cookies.get("csrftoken", "")}
            left = self._note("sign-out", wire.post("/auth/logout", sent), 303)
            if left.status == 303:
                self.ledger.left(cookie)

    def _session(self, wire: Wire) -> None:
        said = self._note("session", wire.get("/auth/session"), 200)
        if said.status == 200 and not json.loads(said.body)["isLoggedIn"]:
            self._wrong("out")

    def _look_at_ended(self, wire: Wire) -> None:
        """Look whether somebody who has left is known again."""
        cookie = self.ledger.some_ended()
        if cookie:
            wire.cookies = {"vestibule": cookie}
            said = self._note("session", wire.get("/auth/session"), 200)
            if said.status == 200 and json.loads(said.body)["isLoggedIn"]:
                self._wrong("in")

    def _wrong(self, what: str) -> None:
        with self.lock:
            self.wrong[what] += 1

    def _note(self, kind: str, said: Said, status: int) -> Said:
        held = said.status == status and "/login/failed/" not in said.headers.get("Location", "")
        outcome = "held" if held else "told" if said.is_told else "failed"
        with self.lock:
            self.tally[kind, outcome] += 1
            if outcome != "held":
                (self.reasons if outcome == "failed" else self.told)[_reason(kind, said)] += 1
        self.over.wait(self.pause)
        return said
