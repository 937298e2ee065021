"""The demo's stand-in CMS, started for a test on a free port, and a patron's browser at it.

    with cms() as library:
        library.trouble("down")          # how it behaves from now on
        patron = Patron(library)
        patron.sign_in("rikke")          # patron.cookies is what the site would receive
        library.calls["graphql:dplTokens"]

The CMS is tests/sandbox/cms. It runs in a process of its own, as in the demo.
"""

from __future__ import annotations

import re
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

from tests.peers import patience
from tests.peers.certificates import Certificates
from tests.peers.site import environment
from tests.peers.stand_in import StandIn
from tests.sandbox.cms import demo
from tests.sandbox.cms.conf import GRAPHQL_PASSWORD, GRAPHQL_USER

SITE = "http://localhost:8000"
USERINFO = "/adgangsplatformen/userinfo/"
PATRON = "/fbs/external/agencyid/patrons/patronid/v4"
SUBJECT_KEY = "a key of at least thirty-two characters"


@dataclass
class Cms(StandIn):
    """A running CMS."""

    site: str = SITE
    certificates: Certificates | None = None

    @property
    def url(self) -> str:
        scheme = "https" if self.certificates else "http"
        return f"{scheme}://localhost:{self.port}"

    @property
    def bibdk(self) -> str:
        """The origin of bib.dk, where the CMS's patrons have a session as well."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def verify(self) -> Any:
        return str(self.certificates.authority) if self.certificates else True

    def settings(self, **more: Any) -> dict[str, Any]:
        """Return the settings of a source for this CMS, as the demo has them; None takes away."""
        whole = {
            "cms_url": self.url,
            "graphql_user": GRAPHQL_USER,
            "graphql_password": GRAPHQL_PASSWORD,
            "userinfo_url": self.url + USERINFO,
            "subject_key": SUBJECT_KEY,
            "patron_url": self.url + PATRON,
            **more,
        }
        return {name: value for name, value in whole.items() if value is not None}

    @property
    def calls(self) -> Counter[str]:
        """How often each thing was asked for since the last `trouble`."""
        answer = requests.get(f"{self.url}/controls", verify=self.verify, timeout=60)
        return Counter(answer.json()["calls"])

    def trouble(self, name: str = "normal", **more: Any) -> None:
        """Begin anew with this trouble, and with `token_seconds` where given."""
        wanted = {"trouble": name, **more}
        answer = requests.post(f"{self.url}/controls", json=wanted, verify=self.verify, timeout=60)
        assert answer.status_code == 200, answer.text
        patience.hangs(name == "slow", patience.BETWEEN)

    def command(self) -> tuple[list[str], dict[str, str]]:
        """Return the demo's own command, and its environment."""
        told = demo.process(self.port - 2, self.site)
        command = list(told.command)
        if self.certificates:
            keys = (str(self.certificates.certificate), str(self.certificates.key))
            command += ["--ssl-certificate", keys[0], "--ssl-keyfile", keys[1]]
        known = {"VESTIBULE_DATA": str(self.data), "VESTIBULE_SANDBOX_CMS_URL": self.url}
        return command, environment({**told.variables, **known})


@contextmanager
def cms(site: str = SITE, certificates: Certificates | None = None) -> Iterator[Cms]:
    """Run a CMS that takes `site` for its other site."""
    with tempfile.TemporaryDirectory() as data:
        running = Cms(Path(data), site=site, certificates=certificates)
        try:
            running.start()
            yield running
        finally:
            running.stop()


class Patron:
    """A person's browser at the CMS. It follows redirects there, and stops before the site."""

    def __init__(self, library: Cms) -> None:
        self.library = library
        self.browser = requests.Session()
        self.browser.trust_env = False  # else a CA in the environment goes before this one
        self.browser.verify = library.verify

    @property
    def cookies(self) -> dict[str, str]:
        """The cookies of the CMS that the site receives as well: they share a host."""
        return {
            str(cookie.name): str(cookie.value)
            for cookie in self.browser.cookies
            if "SESS" in str(cookie.name)
        }

    def get(self, address: str) -> requests.Response:
        """Follow an address, a path or a URL of the CMS, to the site's door or the CMS's page."""
        url = address if address.startswith("http") else self.library.url + address
        answer = self.browser.get(url, allow_redirects=False, timeout=60)
        return self._followed(answer)

    def sign_in(self, person: str = "rikke", address: str = "/login?current-path=/go-login") -> str:
        """Choose who to be. Returns where the CMS leads: to the site, or to a page of its own."""
        page = self.get(address)
        assert page.status_code == 200, (page.status_code, page.text)
        fields = dict(re.findall(r'name="([\w-]+)" value="([^"]*)"', page.text))
        form = {
            "csrfmiddlewaretoken": self.browser.cookies["cms-csrf"],
            "current-path": fields["current-path"],
            "person": person,
        }
        answer = self.browser.post(
            f"{self.library.url}/login",
            data=form,
            headers={"Referer": f"{self.library.url}/login"},
            allow_redirects=False,
            timeout=60,
        )
        assert answer.status_code == 303, (answer.status_code, answer.text)
        return place(self._followed(answer))

    def sign_out(self) -> str:
        """Leave at the CMS itself. Returns where that leads."""
        return place(self.get("/logout?current-path=/"))

    def _followed(self, answer: requests.Response) -> requests.Response:
        while answer.is_redirect:
            onward = requests.compat.urljoin(answer.url, answer.headers["Location"])
            if not onward.startswith((self.library.url, f"{self.library.bibdk}/")):
                break
            answer = self.browser.get(onward, allow_redirects=False, timeout=60)
        return answer


def place(answer: requests.Response) -> str:
    """Return where an answer leads, or where it is."""
    return str(answer.headers.get("Location", answer.url))
