"""A browser without a browser, which walks between the site and the providers beside it.

The site is Django's test client, so that a test sees its database; everybody else is called over
the wire. Cookies are kept apart for each origin, and a form that leads from one to the other comes
without SameSite=Lax cookies, as in a real browser.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any
from urllib.parse import parse_qsl, urljoin, urlsplit

import requests
from django.conf import settings
from django.test import Client

from tests.http.onward import onward

PASSWORD = "password"
HOPS = 20


@dataclass
class Form:
    """A form of a page: where it leads, and its fields with their values."""

    action: str
    fields: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Answer:
    """With what a provider sends the browser back to the site."""

    method: str
    url: str
    values: dict[str, str]

    @property
    def path(self) -> str:
        return urlsplit(self.url).path


class _Forms(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[Form] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        if tag == "form":
            self.found.append(Form(attributes.get("action") or ""))
        elif tag in {"input", "button"} and self.found and attributes.get("name"):
            name = str(attributes["name"])
            self.found[-1].fields.setdefault(name, attributes.get("value") or "")


class Browser:
    """One person's browser. `who` signs in at the providers; `refuses` presses Cancel there. `acr`
    is what the certified provider says of the sign-in, whatever it was asked for.
    """

    def __init__(
        self,
        client: Client | None = None,
        who: str = "alice",
        *,
        ca: str = "",
        refuses: bool = False,
        acr: str = "",
    ) -> None:
        self.site = client or Client()
        self.who, self.ca, self.refuses, self.acr = who, ca, refuses, acr
        self._away: dict[str, requests.Session] = defaultdict(requests.Session)

    def start(self, slug: str, next_url: str = "", **query: str) -> str:
        """Start at a source. Returns the address to which the site sends the browser."""
        values = {**({"next": next_url} if next_url else {}), **query}
        response = self.site.get(f"/auth/login/{slug}", values)
        assert response.status_code == 302, (response.status_code, response.headers)
        return response["Location"]

    def go(self, url: str) -> Answer:
        """Go to a provider and through its pages, until it sends the browser back to the site."""
        answer = self._fetch("GET", url, {})
        for _hop in range(HOPS):
            if isinstance(answer, Answer):
                return answer
            url, form = self._next(answer)
            answer = self._fetch("POST" if form is not None else "GET", url, form or {})
        raise AssertionError(f"the provider leads round in circles, last at {url}")

    def deliver(self, answer: Answer) -> Any:
        """Hand the provider's answer to the site. Returns the response that finishes the login."""
        if answer.method == "GET":
            return self.site.get(answer.path, answer.values)
        stranger = Client()
        posted = stranger.post(answer.path, answer.values)
        back = posted["Location"]
        assert (posted.status_code, urlsplit(back).path) == (303, answer.path), posted.content
        for name, cookie in stranger.cookies.items():
            self.site.cookies[name] = cookie
        return self.site.get(back)

    def sign_in(self, slug: str, next_url: str = "") -> Any:
        """Sign in by a source. Returns the response of the callback."""
        return self.deliver(self.go(self.start(slug, next_url)))

    def session(self) -> dict[str, Any]:
        """Return what the site says of who is signed in."""
        body: dict[str, Any] = self.site.get("/auth/session").json()
        return body

    def leave(self) -> Any:
        """Leave by the button. Returns the response of the logout."""
        answer = self.site.post("/auth/logout")
        return answer if answer["Location"] == "/" else onward(self.site, answer)

    def _fetch(self, method: str, url: str, form: dict[str, str]) -> requests.Response | Answer:
        if url.startswith(settings.VESTIBULE_SITE_URL):
            return Answer(method, url, form or dict(parse_qsl(urlsplit(url).query)))
        parts = urlsplit(url)
        verify: Any = self.ca or True
        away = self._away[f"{parts.scheme}://{parts.netloc}"]
        return away.request(
            method, url, data=form, verify=verify, allow_redirects=False, timeout=60
        )

    def _next(self, page: requests.Response) -> tuple[str, dict[str, str] | None]:
        if page.is_redirect:
            return urljoin(page.url, page.headers["Location"]), None
        parser = _Forms()
        parser.feed(page.text)  # an error by form_post has a form too, on a page with status 400
        assert parser.found, f"{page.url} said {page.status_code}: {page.text}"
        form = self._choose(parser.found)
        return urljoin(page.url, form.action), form.fields

    def _choose(self, forms: list[Form]) -> Form:
        """Fill in who signs in, or press Cancel where it can be pressed."""
        refusals = [f for f in forms if f.action.endswith("/abort") or "deny" in f.fields.values()]
        if self.refuses and refusals:
            return refusals[0]
        form = forms[0]
        mine = {"login": self.who, "sub": self.who, "password": PASSWORD}
        form.fields.update({name: mine[name] for name in form.fields if name in mine})
        if self.acr and "password" in form.fields:
            form.fields["acr"] = self.acr
        return form
