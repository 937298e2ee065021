"""At a shared computer a provider is asked to ask, whoever it knows (docs/shared-computers.md)."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.test import Client

from tests.http.oidc.conftest import Make
from tests.peers.certified import Certified

pytestmark = pytest.mark.django_db(transaction=True)


def prompt(client: Client, path: str) -> str:
    asked = parse_qs(urlsplit(client.get(path)["Location"]).query)
    return asked.get("prompt", [""])[0]


@pytest.mark.parametrize(
    ("configured", "asked"),
    [({}, "login"), ({"prompt": "consent"}, "login consent"),
     ({"prompt": "select_account"}, "select_account"), ({"prompt": "none"}, "login")],
)  # fmt: skip
def test_a_shared_computer_asks_for_a_sign_in(
    client: Client, source: Make, provider: Certified, configured: dict[str, Any], asked: str
) -> None:
    source(provider, authorize=configured)
    assert prompt(client, "/auth/login/town?shared=1") == asked
    assert prompt(client, "/auth/login/town") == configured.get("prompt", "")


def test_what_an_application_believes_is_passed_on_all_the_same(
    client: Client, source: Make, provider: Certified
) -> None:
    source(provider)
    """Whoever says it (docs/openid.md): it is a name that is filled in."""
    asked = "/auth/login/town?shared=1&login_hint=alice&target_link_uri=https://evil.example/"
    away = client.get(asked, headers={"Sec-Fetch-Site": "cross-site"})["Location"]
    assert "login_hint=alice" in away
    assert "evil" not in away
