"""A browser at the site and at the hosts of applications (docs/gateway.md 10)."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from django.test import Client

from tests.http.gateway.asking import ask

SITE = "http://localhost:8000"
FILES, WIKI, DESK = "files.example.org", "wiki.example.net", "desk.example.com"
HOSTS = (FILES, WIKI, DESK)


class Browser:
    """A browser: cookies of each host, and redirects as it follows them."""

    def __init__(self) -> None:
        self.site = Client()
        self.jars = {host: Client() for host in HOSTS}

    def get(self, url: str) -> Any:
        """Return the answer to one request, at the site or at the host of an application."""
        parts = urlsplit(url)
        path = f"{parts.path}?{parts.query}" if parts.query else parts.path
        if url.startswith(SITE) or not parts.netloc:
            return self.site.get(path)
        if parts.path.startswith("/.vestibule/"):
            return self.jars[parts.netloc].get(path, headers=forwarded(parts.netloc))
        return ask(self.jars[parts.netloc], path=path, host=parts.netloc)

    def go(self, url: str) -> tuple[str, Any]:
        """Follow redirects. Returns the address in the end, and its answer."""
        for _ in range(12):
            answer = self.get(url)
            if answer.status_code not in {302, 303}:
                return url, answer
            place = urlsplit(url)
            there = answer["Location"]
            here = f"{place.scheme}://{place.netloc}" if place.netloc else SITE
            url = here + there if there.startswith("/") else there
        raise AssertionError(f"round in circles: {url}")

    def until(self, url: str, beginning: str) -> str:
        """Follow redirects up to the first that leads to an address with this beginning."""
        for _ in range(12):
            url = self.get(url)["Location"]
            if url.startswith(beginning):
                return url
        raise AssertionError(url)


def forwarded(host: str) -> dict[str, str]:
    return {"X-Forwarded-Host": host, "X-Forwarded-Proto": "https"}
