"""A town: the site at its own name, applications at another, and people who use them over https."""

from __future__ import annotations

import base64
import hashlib
import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import requests

from tests.http.web_servers.wire import Wire
from tests.peers import gateways
from tests.peers.applications import Person
from tests.peers.certificates import Certificates
from tests.peers.gateways import FILES, LOGIN, Places
from tests.peers.site import Site, free_port

PASSWORD = "correct horse battery staple"
LOOPBACK = "http://127.0.0.1:9"  # nobody listens: the answer is read from the address
SCOPES = "openid profile email offline_access gateway"
CLIENTS = f"""
[clients.sync]
name = "Files on the desktop"
kind = "native"
redirect_uris = ["http://127.0.0.1"]
scopes = {SCOPES.split()!r}
"""
GROUND = f"""
from accounts.models import User
from portal.gateway.models import AccessRule
user = User.objects.create_user("alice", {PASSWORD!r}, name="Alice", email="alice@example.org")
user.give_local_identity()
def rule(slug, **columns):
    AccessRule.objects.create(slug=slug, host={FILES!r}, **columns)
"""


@dataclass(frozen=True)
class Town:
    """A running site with web servers before it."""

    site: Site
    certificates: Certificates
    places: dict[str, Places]

    @property
    def login(self) -> str:
        return next(iter(self.places.values())).login_url

    def wire(self, name: str) -> Wire:
        """Return the raw way to the application behind a web server."""
        return Wire(self.places[name].files, self.certificates.authority)

    def browser(self) -> requests.Session:
        """Return a browser without anything in it."""
        own = requests.Session()
        own.trust_env, own.verify = False, str(self.certificates.authority)
        return own

    def person(self) -> Person:
        """Return somebody with a browser, at the site."""
        own = Person(self.login)
        own.http = self.browser()
        return own


@contextmanager
def town(
    site: Callable[..., Site],
    certificates: Certificates,
    application: int,
    names: Sequence[str],
    rules: str,
    **env: str,
) -> Iterator[Town]:
    """Run the site with `rules`, lines that call `rule(slug, **columns)`, and web servers before an
    application's port. nginx is always one of them: the site's own address is nginx's.
    """
    login, inside = free_port(), free_port()
    # nginx tells its two servers apart by their names, as an operator's does.
    places = {
        name: Places(login, inside, application, login if name == "nginx" else free_port())
        for name in names
    }
    known = {
        "VESTIBULE_SITE_URL": f"https://{LOGIN}:{login}",
        "VESTIBULE_TRUSTED_PROXIES": "127.0.0.1",
        "VESTIBULE_COOKIE_DOMAIN": FILES.partition(".")[2],
        **env,
    }
    own = site(known, port=inside)
    own.manage("shell", "--verbosity=0", stdin=GROUND + rules)
    own.manage("clients", "apply", "-", stdin=CLIENTS)
    with ExitStack() as stack:
        for name, each in places.items():
            stack.enter_context(gateways.before(name, each, certificates))
        yield Town(own, certificates, places)


class Desktop:
    """A client on somebody's desk: it discovers the site, and signs in by a code with PKCE."""

    def __init__(self, http: requests.Session, files_url: str) -> None:
        self.http = http
        answer = http.get(f"{files_url}/.well-known/openid-configuration", timeout=60)
        assert answer.status_code == 200, answer.text
        self.known: dict[str, Any] = answer.json()
        self.verifier, self.state = secrets.token_urlsafe(48), secrets.token_urlsafe(8)
        self.tokens: dict[str, Any] = {}

    def asks(self, **changes: str) -> str:
        """Return the address to which it sends the person."""
        digest = hashlib.sha256(self.verifier.encode()).digest()
        query = {
            "response_type": "code",
            "client_id": "sync",
            "redirect_uri": LOOPBACK,
            "scope": SCOPES,
            "state": self.state,
            "code_challenge": base64.urlsafe_b64encode(digest).decode().rstrip("="),
            "code_challenge_method": "S256",
            **changes,
        }
        return f"{self.known['authorization_endpoint']}?{urlencode(query)}"

    def redeem(self, landed: str) -> None:
        """Take the tokens for the code in the address where the person landed."""
        assert landed.startswith((f"{LOOPBACK}/?", f"{LOOPBACK}?")), landed
        said = {name: values[0] for name, values in parse_qs(urlsplit(landed).query).items()}
        assert (said["state"], said["iss"]) == (self.state, self.known["issuer"])
        fields = {"redirect_uri": LOOPBACK, "code_verifier": self.verifier, "code": said["code"]}
        self._take({"grant_type": "authorization_code", **fields})

    def refresh(self) -> None:
        token = self.tokens["refresh_token"]
        self._take({"grant_type": "refresh_token", "refresh_token": token})

    def _take(self, fields: dict[str, str]) -> None:
        form = {"client_id": "sync", **fields}
        answer = self.http.post(self.known["token_endpoint"], form, timeout=60)
        assert answer.status_code == 200, answer.text
        self.tokens = answer.json()
