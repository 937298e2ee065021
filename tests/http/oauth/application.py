"""An application that signs people in here: it keeps its verifier, its state and its tokens."""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
from html import unescape
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jwt
from django.test import Client as Browser

from accounts.keyring import digest
from portal.authorization_server.models import Client

CALLBACK = "https://app.example/callback"
SECRET = "a secret of the application that nobody else knows"
FORM = "application/x-www-form-urlencoded"
SITE = "http://localhost:8000"


def register(client_id: str = "app", **columns: Any) -> Client:
    """Register a client: a public one in the browser when nothing else is said."""
    known = {"name": "The App", "redirect_uris": CALLBACK, "client_secret": "", **columns}
    method = known.get("auth_method", Client.Method.NONE)
    if method in {Client.Method.BASIC, Client.Method.POST}:
        known["client_secret"] = digest(SECRET)
        known.setdefault("kind", Client.Kind.SERVER)
    row = Client(client_id=client_id, **known)
    row.full_clean(exclude=["client_secret", "user"])
    row.save()
    return row


class Application:
    """Speaks for a registered client, through the browser of one person and on its own."""

    def __init__(self, client: Client, browser: Browser | None = None) -> None:
        self.client = client
        self.browser = browser or Browser()
        self.back = Browser()  # its own calls: no cookie
        self.redirect_uri = client.redirect_uris.split()[0] if client.redirect_uris else ""
        self.verifier = secrets.token_urlsafe(48)
        self.state = secrets.token_urlsafe(8)
        self.nonce = secrets.token_urlsafe(8)
        self.tokens: dict[str, Any] = {}

    @property
    def challenge(self) -> str:
        hashed = hashlib.sha256(self.verifier.encode()).digest()
        return base64.urlsafe_b64encode(hashed).decode().rstrip("=")

    def request(self, **changes: Any) -> dict[str, Any]:
        """Return the parameters of an authorization request; None leaves one out."""
        fields = {
            "response_type": "code",
            "client_id": self.client.client_id,
            "redirect_uri": self.redirect_uri,
            "scope": "openid profile email",
            "state": self.state,
            "nonce": self.nonce,
            "code_challenge": self.challenge,
            "code_challenge_method": "S256",
            **changes,
        }
        return {name: value for name, value in fields.items() if value is not None}

    def ask(self, **changes: Any) -> Any:
        """Send the browser to the authorization endpoint."""
        return self.browser.get("/oauth/authorize", self.request(**changes))

    def allow(self, page: Any, decision: str = "allow") -> Any:
        """Press a button of the page that asks. Returns where it leads, past our own page."""
        found = re.search(r'name="request" value="([^"]+)"', page.content.decode())
        assert found, page.content.decode()
        posted = {"request": unescape(found[1]), "decision": decision}
        return self.browser.post("/oauth/consent", posted)

    def code(self, **changes: Any) -> str:
        """Return a code, by way of consent where it is asked for."""
        response = self.ask(**changes)
        if response.status_code == 200:
            response = self.allow(response)
        return self.answer(response)["code"]

    def answer(self, response: Any) -> dict[str, str]:
        """Return the parameters of an authorization response that came by a redirect."""
        url = self.landing(response)
        assert url.startswith(self.redirect_uri), url
        return {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}

    def landing(self, response: Any) -> str:
        """Return where a response leads, past our own page after a form."""
        url = response.get("Location") or response["Refresh"].partition("url=")[2]
        if url.startswith("/onward/"):
            refresh = self.browser.get(url)["Refresh"]
            url = refresh.partition("url=")[2]
        return str(url)

    def credentials(self) -> tuple[dict[str, str], dict[str, str]]:
        """Return what the client proves itself by: of the form, of the headers."""
        own = {"client_id": self.client.client_id}
        match self.client.auth_method:
            case Client.Method.BASIC:
                pair = base64.b64encode(f"{self.client.client_id}:{SECRET}".encode()).decode()
                return {}, {"Authorization": f"Basic {pair}"}
            case Client.Method.POST:
                return {**own, "client_secret": SECRET}, {}
        return own, {}

    def post(self, path: str, fields: dict[str, Any], headers: dict[str, str] | None = None) -> Any:
        """Post a form as the client."""
        own, proof = self.credentials()
        body = "&".join(
            f"{name}={_quoted(each)}"
            for name, value in {**own, **fields}.items()
            for each in (value if isinstance(value, list) else [value])
        )
        return self.back.post(path, body, content_type=FORM, headers={**proof, **(headers or {})})

    def redeem(self, code: str, **changes: Any) -> Any:
        """Redeem a code. Keeps the tokens."""
        fields = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self.redirect_uri,
            "code_verifier": self.verifier,
            **changes,
        }
        given = {name: value for name, value in fields.items() if value is not None}
        return self._keep(self.post("/oauth/token", given))

    def refresh(self, token: str | None = None, **changes: Any) -> Any:
        """Spend a refresh token. Keeps the tokens."""
        spent = token or self.tokens["refresh_token"]
        fields = {"grant_type": "refresh_token", "refresh_token": spent, **changes}
        return self._keep(self.post("/oauth/token", fields))

    def sign_in(self, **changes: Any) -> dict[str, Any]:
        """Go the whole way. Returns the tokens."""
        answer = self.redeem(self.code(**changes))
        assert answer.status_code == 200, answer.content
        return self.tokens

    def userinfo(self, token: str | None = None) -> Any:
        shown = token or self.tokens["access_token"]
        return self.back.get("/oauth/userinfo", headers={"Authorization": f"Bearer {shown}"})

    def id_token(self) -> dict[str, Any]:
        """Return the claims of the id_token, verified by the published keys."""
        keys = jwt.PyJWKSet.from_dict(self.back.get("/oauth/jwks").json())
        raw = self.tokens["id_token"]
        key = keys[jwt.get_unverified_header(raw)["kid"]]
        return jwt.decode(
            raw, key, algorithms=["RS256"], audience=self.client.client_id, issuer=SITE
        )

    def _keep(self, answer: Any) -> Any:
        if answer.status_code == 200:
            self.tokens = answer.json()
        return answer


def _quoted(value: Any) -> str:
    from urllib.parse import quote_plus

    return quote_plus(str(value))
