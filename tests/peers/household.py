"""People who are signed in at a running site in every way that there is, and what they hold.

    house = Household(site)
    house.moves_in(provider.issuer)  # on an empty site
    site.stop(); ...; site.start()
    house.lost()                     # what does not work any more, by name

Whatever became of the site meanwhile, nobody is to notice.
"""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jwt
import requests

from tests.peers.site import Site

PASSWORD = "correct horse battery staple"
AWAY = "https://app.example/callback"
DEVICE = "urn:ietf:params:oauth:grant-type:device_code"
ONE, OTHER = ("alice", "bob")
# It prints the path of a mailed link, which is made as the mail is.
PEOPLE = f"""
from accounts.models import User
from portal.authorization_server.models import Client
from portal.gateway.models import AccessRule
from providers.local import recovery
for name in {(ONE, OTHER)!r}:
    user = User.objects.create_user(name, {PASSWORD!r}, email=name + "@example.org")
    user.give_local_identity()
Client.objects.create(client_id="app", name="App", redirect_uris={AWAY!r}, skip_authorization=True)
Client.objects.create(client_id="tv", name="TV", kind="device")
AccessRule.objects.create(slug="app", host="app.example")
print("/login/reset/" + user.uid + "/" + recovery.tokens.make_token(user))
"""
SOURCE = """
[sources.town]
provider = "oidc"
label = "Town"
[sources.town.settings]
issuer = "{issuer}"
client_id = "portal"
client_secret = "a secret of the source"
"""


@dataclass
class Household:
    """All that people hold: cookies, tokens, a form, a link, and an upstream's answer."""

    site: Site
    browser: requests.Session = field(default_factory=requests.Session)
    visitor: requests.Session = field(default_factory=requests.Session)
    typing: requests.Session = field(default_factory=requests.Session)
    under_way: requests.Session = field(default_factory=requests.Session)
    pair: dict[str, Any] = field(default_factory=dict, repr=False)
    app: dict[str, Any] = field(default_factory=dict, repr=False)
    tv: dict[str, Any] = field(default_factory=dict, repr=False)
    waiting: dict[str, Any] = field(default_factory=dict, repr=False)
    answer: str = field(default="", repr=False)
    link: str = field(default="", repr=False)
    form: dict[str, str] = field(default_factory=dict, repr=False)

    def moves_in(self, issuer: str) -> None:
        """Sign in in every way at a site that nobody has been at."""
        self.link = self.site.manage("shell", "--verbosity=0", stdin=PEOPLE).split()[-1]
        self.site.manage("sources", "apply", "-", stdin=SOURCE.format(issuer=issuer))
        sign_in(self.browser, self.site.url)
        self.pair = self._posted("/session/login", json={"username": ONE, "password": PASSWORD})
        self.app = self._authorized()
        self.tv = self._device()
        self.waiting = self._posted("/oauth/device_authorization", {"client_id": "tv"})
        self.visitor.get(self._sent_away(self.visitor), timeout=60)
        self.begins_again()

    def begins_again(self) -> None:
        """Open what lives for some minutes only: a form, and a sign-in at an upstream."""
        self.typing, self.under_way = requests.Session(), requests.Session()
        self.form = form_of(self.typing.get(f"{self.site.url}/login?choose=1", timeout=60).text)
        self.answer = self._sent_away(self.under_way)

    def lost(self) -> list[str]:
        """Use all that is held, and return the names of what does not work. Tokens are renewed."""
        held: dict[str, Callable[[], bool]] = {
            "browser": lambda: self._is_in(self.browser),
            "page": lambda: self.get(self.browser, "/account/sessions").status_code == 200,
            "session of a source": lambda: self._is_in(self.visitor),
            "access token of the pair": lambda: self._opens("/users/user/details", self.pair),
            "refresh token of the pair": self._renews_pair,
            "access token of an application": lambda: self._opens("/oauth/userinfo", self.app),
            "id_token of an application": lambda: bool(self.claims(self.app)["sub"]),
            "refresh token of an application": lambda: self._renews("app", self.app),
            "access token of a device": lambda: self._opens("/oauth/userinfo", self.tv),
            "refresh token of a device": lambda: self._renews("tv", self.tv),
            "device that waits": self._waits,
            "link to a password": lambda: self.get(None, self.link, follow=True).status_code == 200,
            "form": self._form_is_taken,
            "sign-in at an upstream": self._comes_back,
        }
        return [name for name, works in held.items() if not works()]

    def get(
        self, browser: requests.Session | None, path: str, *, follow: bool = False
    ) -> requests.Response:
        asking = browser if browser is not None else requests.Session()
        return asking.get(self.site.url + path, allow_redirects=follow, timeout=60)

    def claims(self, tokens: dict[str, Any]) -> dict[str, Any]:
        """Return the claims of an id_token, verified by what the site publishes now."""
        keys = jwt.PyJWKSet.from_dict(self.get(None, "/oauth/jwks").json())
        raw = tokens["id_token"]
        key = keys[jwt.get_unverified_header(raw)["kid"]]
        found: dict[str, Any] = jwt.decode(
            raw, key, algorithms=[str(key.algorithm_name)], options={"verify_aud": False}
        )
        return found

    # --- In every way -----------------------------------------------------------------------------

    def _authorized(self) -> dict[str, Any]:
        verifier = secrets.token_urlsafe(48)
        hashed = hashlib.sha256(verifier.encode()).digest()
        asked = {
            "response_type": "code", "client_id": "app", "redirect_uri": AWAY,
            "scope": "openid profile offline_access", "nonce": "n",
            "code_challenge": base64.urlsafe_b64encode(hashed).decode().rstrip("="),
            "code_challenge_method": "S256",
        }  # fmt: skip
        url = f"{self.site.url}/oauth/authorize"
        sent = self.browser.get(url, params=asked, allow_redirects=False, timeout=60)
        code = parse_qs(urlsplit(sent.headers["Location"]).query)["code"][0]
        spent = {"grant_type": "authorization_code", "code": code, "redirect_uri": AWAY,
                 "code_verifier": verifier, "client_id": "app"}  # fmt: skip
        return self._posted("/oauth/token", spent)

    def _device(self) -> dict[str, Any]:
        codes = self._posted("/oauth/device_authorization", {"client_id": "tv", "scope": "openid"})
        page = self.get(self.browser, f"/device?user_code={codes['user_code']}").text
        allowed = {**form_of(page), "user_code": codes["user_code"], "decision": "allow"}
        done = self.browser.post(f"{self.site.url}/device", allowed, timeout=60)
        assert done.status_code == 200, done.text
        poll = {"grant_type": DEVICE, "client_id": "tv", "device_code": codes["device_code"]}
        return self._posted("/oauth/token", poll)

    def _sent_away(self, browser: requests.Session) -> str:
        """Start at the upstream and sign in there. Returns the address that it answers at."""
        started = self.get(browser, "/auth/login/town").headers["Location"]
        named = requests.post(started, {"sub": "clara"}, allow_redirects=False, timeout=60)
        return named.headers["Location"]

    def _posted(self, path: str, form: Any = None, json: Any = None) -> dict[str, Any]:
        answer = requests.post(self.site.url + path, data=form, json=json, timeout=60)
        assert answer.status_code == 200, (path, answer.status_code, answer.text)
        body: dict[str, Any] = answer.json()
        return body

    # --- What works -------------------------------------------------------------------------------

    def _is_in(self, browser: requests.Session) -> bool:
        return self.get(browser, "/auth/session").json()["isLoggedIn"] is True

    def _opens(self, path: str, tokens: dict[str, Any]) -> bool:
        shown = {"Authorization": f"Bearer {tokens['access_token']}"}
        return requests.get(self.site.url + path, headers=shown, timeout=60).status_code == 200

    def _renews_pair(self) -> bool:
        spent = {"refresh_token": self.pair["refresh_token"]}
        return self._kept("/session/refresh", self.pair, json=spent)

    def _renews(self, client: str, tokens: dict[str, Any]) -> bool:
        spent = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
        return self._kept("/oauth/token", tokens, data={**spent, "client_id": client})

    def _kept(self, path: str, tokens: dict[str, Any], **sent: Any) -> bool:
        answer = requests.post(self.site.url + path, timeout=60, **sent)
        if answer.status_code == 200:
            tokens.update(answer.json())
        return answer.status_code == 200

    def _waits(self) -> bool:
        poll = {"grant_type": DEVICE, "client_id": "tv", **self.waiting}
        answer = requests.post(f"{self.site.url}/oauth/token", poll, timeout=60)
        return answer.json().get("error") in {"authorization_pending", "slow_down"}

    def _form_is_taken(self) -> bool:
        return sign_in(self.typing, self.site.url, self.form) and self._is_in(self.typing)

    def _comes_back(self) -> bool:
        done = self.under_way.get(self.answer, allow_redirects=False, timeout=60)
        return done.status_code == 303 and self._is_in(self.under_way)


def sign_in(browser: requests.Session, url: str, form: dict[str, str] | None = None) -> bool:
    """Sign in with a password, by a form that was loaded before if there is one."""
    loaded = form or form_of(browser.get(f"{url}/login?choose=1", timeout=60).text)
    sent = {**loaded, "username": ONE, "password": PASSWORD}
    done = browser.post(f"{url}/auth/login/local", sent, allow_redirects=False, timeout=60)
    return done.status_code == 303


def form_of(page: str) -> dict[str, str]:
    """Return the hidden fields of a page."""
    found = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', page)
    return dict(found)
