"""A front end without a browser: it holds a token pair, and maybe cookies."""

from __future__ import annotations

import base64
import json
from typing import Any
from urllib.parse import parse_qs, urlsplit

from django.test import Client

from tests.http.conftest import PASSWORD

LOGIN, REFRESH, LOGOUT = "/session/login", "/session/refresh", "/session/logout"
DETAILS = "/users/user/details"


class Caller:
    """Posts JSON, and shows its access token where asked to."""

    def __init__(self, client: Client | None = None) -> None:
        self.client = client or Client(HTTP_HOST="localhost", raise_request_exception=False)
        self.pair: dict[str, Any] = {}

    def post(self, path: str, body: Any = None, **headers: str) -> Any:
        text = body if isinstance(body, (str, bytes)) else json.dumps(body or {})
        return self.client.post(path, text, content_type="application/json", headers=headers)

    def login(self, username: str = "alice", password: str = PASSWORD, **more: str) -> Any:
        answer = self.post(LOGIN, {"username": username, "password": password, **more})
        if answer.status_code == 200:
            self.pair = answer.json()
        return answer

    def refresh(self, token: str | None = None) -> Any:
        answer = self.post(REFRESH, {"refresh_token": token or self.pair["refresh_token"]})
        if answer.status_code == 200:
            self.pair = answer.json()
        return answer

    def bearer(self, token: str | None = None) -> dict[str, str]:
        return {"Authorization": f"Bearer {token or self.pair['access_token']}"}

    def get(self, path: str = DETAILS, token: str | None = None, **more: str) -> Any:
        return self.client.get(path, headers={**self.bearer(token), **more})

    def leave(self, method: str = "POST") -> Any:
        return self.client.generic(method, LOGOUT, headers=self.bearer())

    def hand_over(self, slug: str = "town", subject: str = "bob", next_url: str = "") -> Any:
        """Come in by MapStore's login. Returns the callback's response."""
        started = self.client.get(f"/openid/{slug}/login", {"next": next_url} if next_url else {})
        assert started.status_code == 302, started.content
        asked = {k: v[0] for k, v in parse_qs(urlsplit(started["Location"]).query).items()}
        answer = {"code": subject, "state": asked["state"]}
        return self.client.get(f"/openid/{slug}/callback", answer)

    def fetch(self, slug: str = "town", identifier: str | None = None) -> Any:
        """Fetch the pair that was handed over."""
        known = identifier or self.client.cookies["tokens_key"].value
        answer = self.client.get(f"/openid/{slug}/tokens", {"identifier": known})
        if answer.status_code == 200:
            self.pair = answer.json()
        return answer


def basic(username: str, password: str) -> dict[str, str]:
    """Return the header of HTTP Basic, in UTF-8."""
    coded = base64.b64encode(f"{username}:{password}".encode()).decode()
    return {"Authorization": f"Basic {coded}"}


def is_alive(caller: Caller) -> bool:
    """Tell whether the caller's access token opens a door."""
    status: int = caller.get().status_code
    assert status in {200, 401}
    return status == 200


def dead_for_good(caller: Caller) -> bool:
    """Tell whether neither token of the caller is worth anything."""
    again = caller.post(REFRESH, {"refresh_token": caller.pair["refresh_token"]})
    assert again.status_code in {200, 401}, again.content
    return not is_alive(caller) and again.status_code == 401
