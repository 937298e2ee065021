"""A web server that asks about requests, as nginx and as Caddy do it."""

from __future__ import annotations

from typing import Any

from django.test import Client

from accounts.models import Source, User
from accounts.source import groups as claims
from portal.gateway.models import AccessRule
from tests.peers import fresh

HOST = "files.example.org"
PAGE = "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8"


def rule(slug: str, host: str = HOST, **columns: Any) -> AccessRule:
    """Make a rule; this worker knows of it at once."""
    row = AccessRule.objects.create(slug=slug, host=host, **columns)
    fresh.rules()
    return row


def claim(person: User, *groups: str) -> None:
    """Have a source claim, as at a sign-in, of which groups somebody is."""
    source = Source(slug="town", groups={"cw": "Caseworkers"})
    source.pk = Source.objects.get().pk
    claims.follow(person, source, groups)


def ask(
    client: Client | None = None,
    method: str = "GET",
    path: str = "/",
    *,
    host: str = HOST,
    accept: str = PAGE,
    query: str = "",
    **headers: str,
) -> Any:
    """Ask as Caddy does. Further headers are the caller's own."""
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    sent |= {
        "Accept": accept,
        "X-Forwarded-Method": method,
        "X-Forwarded-Proto": "https",
        "X-Forwarded-Host": host,
        "X-Forwarded-Uri": path,
    }
    caller = client or Client(raise_request_exception=False)
    return caller.get(f"/gateway/check{query}", headers=sent)
