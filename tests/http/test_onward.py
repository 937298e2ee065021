"""The page between a form of ours and another origin (docs/contract.md 1)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.test import Client

from accounts.models import Source, User
from tests.http.conftest import sign_in
from tests.http.onward import onward


def test_it_leads_on_over_https_as_well(
    person: User, tenant: Callable[..., Source], settings: Any
) -> None:
    """The cookie has a path, and so no `__Host-`, which a site over https gives its others."""
    settings.SESSION_COOKIE_SECURE = True
    tenant()
    client = Client()
    sign_in(client)
    asked = onward(client, client.post("/account/sign-ins", {"link": "town"}))
    assert asked["Location"].startswith("http")
