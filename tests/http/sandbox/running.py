"""The sandbox in its own process, and a browser and a client that talk to it over HTTP."""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
from dataclasses import dataclass
from html import unescape
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import jwt
import requests

from tests.peers.site import environment
from tests.peers.stand_in import StandIn
from tests.sandbox import openid_demo
from tests.sandbox.clients import CLIENT_ID, CLIENT_SECRET

SITE = "http://localhost:9"  # nobody there: answers to the site are read off the redirect
CALLBACK = f"{SITE}/auth/callback/citizen"
LEFT = f"{SITE}/auth/logout/done"
SECRET = (CLIENT_ID, CLIENT_SECRET)
CITIZEN, CASEWORKER, LIBRARIAN = (
    "c7d1b9a2-citizen", "0b64e3f8-caseworker", "5ac20e71-librarian",
)  # fmt: skip
UNVERIFIED, NAMELESS = "91f3d6c4-unverified", "e8270b55-nameless"
SCOPE = "openid profile email groups roles offline_access"


@dataclass
class Sandbox(StandIn):
    """A running sandbox."""

    backchannel: str = ""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def issuer(self) -> str:
        return f"{self.url}/openid"

    def command(self, **more: str) -> tuple[list[str], dict[str, str]]:
        """Return the demo's own command, and its environment."""
        told = openid_demo.process(self.port - 1, SITE)
        known = {
            **told.variables,
            "VESTIBULE_DATA": str(self.data),
            "VESTIBULE_SANDBOX_BACKCHANNEL": self.backchannel,
            **more,
        }
        return list(told.command), environment(known)

    def post(self, path: str, auth: Any = SECRET, **form: str) -> requests.Response:
        """Call an endpoint for servers."""
        return requests.post(f"{self.issuer}/{path}", data=form, auth=auth, timeout=60)

    def verified(self, token: str, audience: str = CLIENT_ID) -> dict[str, Any]:
        """Return the claims of a token that verifies against the published keys."""
        key = jwt.PyJWKSet.from_dict(requests.get(f"{self.issuer}/jwks", timeout=60).json())
        kid = jwt.get_unverified_header(token)["kid"]
        claims: dict[str, Any] = jwt.decode(
            token, key[kid], ["RS256"], audience=audience, issuer=self.issuer
        )
        return claims


class Browser:
    """A person's browser at the sandbox. It follows no redirect: the next stop is the site."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.session = requests.Session()
        self.verifier = secrets.token_urlsafe(32)

    def request(self, **changed: str | None) -> dict[str, str]:
        """Return the parameters of a good authorization request, with changes; None takes away."""
        digest = hashlib.sha256(self.verifier.encode()).digest()
        good = {
            "client_id": CLIENT_ID, "redirect_uri": CALLBACK, "response_type": "code",
            "scope": SCOPE, "state": "the-state", "nonce": "the-nonce",
            "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
            "code_challenge_method": "S256",
        }  # fmt: skip
        return {name: value for name, value in {**good, **changed}.items() if value is not None}

    def get(self, path: str, given: Any = None) -> requests.Response:
        url = f"{self.sandbox.url}{path}"
        return self.session.get(url, params=given, allow_redirects=False, timeout=60)

    def post(self, path: str, **form: str) -> requests.Response:
        form = {"csrfmiddlewaretoken": self.session.cookies.get("sandbox-csrf", ""), **form}
        url = f"{self.sandbox.url}{path}"
        return self.session.post(url, data=form, allow_redirects=False, timeout=60)

    def authorize(self, **changed: str | None) -> requests.Response:
        return self.get("/openid/authorize", self.request(**changed))

    def choose(self, page: requests.Response, persona: str) -> requests.Response:
        sealed = hidden(page, "request")
        return self.post("/openid/authorize/choose", request=sealed, persona=persona)

    def enter(self, persona: str = CITIZEN, **changed: str | None) -> dict[str, str]:
        """Sign in and return what the client is told."""
        return told(self.choose(self.authorize(**changed), persona))

    def redeem(self, code: str, auth: Any = SECRET, **changed: str) -> requests.Response:
        form = {"redirect_uri": CALLBACK, "code_verifier": self.verifier, "code": code, **changed}
        return self.sandbox.post("token", auth, grant_type="authorization_code", **form)

    def tokens(self, persona: str = CITIZEN, **changed: str | None) -> dict[str, Any]:
        """Sign in and return the token response."""
        answer = self.redeem(self.enter(persona, **changed)["code"])
        assert answer.status_code == 200, answer.text
        body: dict[str, Any] = answer.json()
        return body

    def trouble(self, name: str) -> None:
        self.get("/")
        assert self.post("/trouble", trouble=name).status_code == 303


def hidden(page: requests.Response, name: str) -> str:
    """Return the value of a hidden field."""
    found = re.search(rf'name="{name}" value="([^"]*)"', page.text)
    assert found, page.text
    return unescape(found[1])


def told(response: requests.Response) -> dict[str, str]:
    """Return what a redirect tells the client."""
    assert response.status_code == 303, response.text
    location = response.headers["Location"]
    assert location.startswith(f"{CALLBACK}?"), location
    return dict(parse_qsl(urlsplit(location).query, strict_parsing=True))
