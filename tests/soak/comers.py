"""People who come in by an upstream, one after the other, in a few threads; and how it went."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable

import requests

from tests.http.oidc.browser import Browser
from tests.peers.certified import Certified
from tests.peers.cms import Cms, Patron
from tests.soak.crowd import Crowd

FAILED = "/login/failed/"
OPENID = """
[sources.town]
provider = "oidc"
label = "Town"
[sources.town.settings]
issuer = "{issuer}"
client_id = "portal-public"
"""
LIBRARY = """
import json
from accounts.source import catalogue
from accounts.models import Source
row = Source(slug="library", provider="adgangsplatformen", label="The library")
row.settings = json.loads({settings!r})
catalogue.save(row)
"""


class Comers(Crowd):
    """So many threads that call `attempt` again and again until the end of the block.

    It returns where the site led: to the account is held, to a page that says what is wrong is
    told, and everything else has failed.
    """

    def __init__(self, attempt: Callable[[], str], threads: int = 3) -> None:
        super().__init__(threads)
        self._attempt = attempt
        self.tally: Counter[str] = Counter()
        self.reasons: Counter[str] = Counter()

    def live(self, number: int) -> None:
        while not self.over.wait(0.05):
            try:
                where = self._attempt()
            except requests.RequestException as error:
                where = type(error).__name__
            told = where.startswith(FAILED)
            outcome = "held" if where == "/account/" else "told" if told else "failed"
            with self.lock:
                self.tally[outcome] += 1
                self.reasons[where] += 1


def at_provider(url: str, provider: Certified) -> Callable[[], str]:
    """Return a sign-in at the source `town`, in a new browser."""

    def attempt() -> str:
        site, away = requests.Session(), Browser(ca=provider.ca)
        started = site.get(f"{url}/auth/login/town", allow_redirects=False, timeout=60)
        where = started.headers.get("Location", "")
        if where.startswith("/"):
            return where
        back = away.go(where)
        return _followed(site, url, back.url)

    return attempt


def at_library(url: str, library: Cms) -> Callable[[], str]:
    """Return a sign-in of somebody whom the CMS knows, in a new browser."""
    patron = Patron(library)
    patron.sign_in()
    cookies = patron.cookies

    def attempt() -> str:
        site = requests.Session()
        site.cookies.update(cookies)
        return _followed(site, url, f"{url}/auth/callback/adgangsplatformen")

    return attempt


def _followed(site: requests.Session, url: str, address: str) -> str:
    """Return where the site leads from an address on; a callback may lead to itself once more."""
    for _ in range(20):
        answer = site.get(address, allow_redirects=False, timeout=60)
        where = answer.headers.get("Location", f"{answer.status_code} {answer.reason}")
        if not where.startswith("/auth/callback/"):
            return where
        address = url + where
    return where


def row(comers: Iterable[Comers]) -> dict[str, int]:
    """Return what comers counted, as columns."""
    sums = sum((each.tally for each in comers), Counter[str]())
    return {name: sums[name] for name in ("held", "told", "failed")}
