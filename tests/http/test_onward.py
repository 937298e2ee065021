"""The page between a form of ours and another origin (docs/contract.md 1)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from accounts.models import Source, User
from portal.door import routes
from tests.http.conftest import enter, sign_in
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


def test_an_upstreams_answer_leads_abroad_by_it_too(
    client: Client, tenant: Callable[..., Source], settings: Any
) -> None:
    """The upstream may have had a form, and allow what follows it this site alone (CSP 3)."""
    settings.VESTIBULE_FRONTEND_ORIGINS = ["https://front.example"]
    tenant()
    answer = enter(client, "town", next_url="https://front.example/a?b=c")
    assert answer["Location"].startswith("/onward/")
    assert onward(client, answer)["Location"] == "https://front.example/a?b=c"
    assert enter(Client(), "town", next_url="/account/sessions")["Location"] == "/account/sessions"


@pytest.mark.parametrize("path", ["/auth/callback/town", "/openid/town/login", "/auth/login/town"])
def test_a_front_end_may_have_a_path_that_is_one_of_ours(
    client: Client, tenant: Callable[..., Source], settings: Any, path: str
) -> None:
    """Go has its callback at the very path of ours: its origin counts, and not its path."""
    settings.VESTIBULE_FRONTEND_ORIGINS = ["https://go.example"]
    tenant()
    answer = enter(client, "town", next_url=f"https://go.example{path}")
    assert answer["Location"].startswith("/onward/")
    assert onward(client, answer)["Location"] == f"https://go.example{path}"


def test_a_front_end_at_mapstores_path_is_not_taken_for_ours() -> None:
    theirs, ours = "https://map.example/openid/town/login?next=%2Fa", "/openid/town/login?next=%2Fa"
    assert routes.way_of("town", "/auth/callback/town", theirs) == ("auth", theirs)
    assert routes.way_of("town", "/auth/callback/town", ours) == ("openid", "/a")
